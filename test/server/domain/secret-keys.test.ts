import { expect, test } from 'vitest'
import type { Random } from '../../../src/lib/random.ts'
import { newId } from '../../../src/server/domain/secret-keys.ts'

test('an id never looks like an option of a command', () => {
  const given = [0xf8, 0xfb, 0x00].map(first => new Uint8Array(16).fill(first))
  const random: Random = { bytes: () => given.shift() ?? new Uint8Array(16) }
  expect(newId(random)).toBe('A'.repeat(22))
  expect(given).toHaveLength(0)
})
