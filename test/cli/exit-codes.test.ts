import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { clientFaults } from '../../src/api/errors.ts'
import { bulkErrorCodes } from '../../src/bulk/error.ts'
import { exitCodeOf, exitCodes } from '../../src/cli/exit-codes.ts'
import { en } from '../../src/cli/messages/en.ts'
import { zhCn } from '../../src/cli/messages/zh-CN.ts'
import { commandErrorCodes } from '../../src/commands/command-error.ts'
import { problems } from '../../src/contract/problems.ts'
import { keyErrorCodes } from '../../src/hid/errors.ts'

const every = [
  ...Object.keys(problems),
  ...clientFaults,
  ...commandErrorCodes,
  ...bulkErrorCodes,
  ...keyErrorCodes,
  'rp_id_refused',
  'message_failed',
]

describe('the table of exit codes', () => {
  it('covers every error code, and no other', () => {
    expect(Object.keys(exitCodes).sort()).toEqual([...new Set(every)].sort())
  })

  it('has words for each in both languages: what happened, and what to do next', () => {
    for (const code of every) {
      for (const key of [`error.${code}`, `next.${code}`]) {
        expect(Object.keys(en)).toContain(key)
        expect(Object.keys(zhCn)).toContain(key)
      }
    }
  })

  it('is the table of docs/events-and-errors.md', () => {
    const [, table = ''] = readFileSync('docs/events-and-errors.md', 'utf8').split('## Error codes')
    const rows = [...table.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, code, exit]) => [code, Number(exit)])
    expect(Object.fromEntries(rows)).toEqual(exitCodes)
    expect(rows).toHaveLength(Object.keys(exitCodes).length)
  })

  it.each([
    ['teapot', 418, 5],
    ['teapot', 429, 6],
    ['teapot', 401, 4],
    ['teapot', 503, 7],
    ['teapot', undefined, 7],
    ['toString', 409, 5],
  ])('puts the unknown code %s with HTTP %s at %s', (code, status, exit) => expect(exitCodeOf(code, status)).toBe(exit))
})
