import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { isErrorCode } from '../../../src/cli/exit-codes.ts'
import { udevCommands } from '../../../src/commands/key/udev.ts'
import { udevRule } from '../../../src/hid/transports/node-hid.ts'

// docs/security-keys.md says what the program says.
const page = readFileSync('docs/security-keys.md', 'utf8')

it('has the commands that install the udev rule as hufu doctor prints them', () => {
  const commands = udevCommands([udevRule])
  expect(page).toContain(['```', ...commands, '```'].join('\n'))
})

it('names error codes that there are', () => {
  const [, table = ''] = page.split('## When something is wrong')
  const codes = [...table.matchAll(/`([a-z]+(?:_[a-z0-9]+)+)`/g)].map(([, code]) => code ?? '')
  expect(codes.length).toBeGreaterThan(30)
  expect(codes.filter(code => code !== 'tries_left' && !isErrorCode(code))).toEqual([])
})

it('gives a rule once, whatever number of keys wants it', () => {
  expect(udevCommands(['a', 'b', 'a'])).toHaveLength(3)
})
