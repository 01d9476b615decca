import { expect, test } from 'vitest'
import type { Random } from '../../../src/lib/random.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import { newId, newTimedId } from '../../../src/server/domain/secret-keys.ts'

test('an id never looks like an option of a command', () => {
  const given = [0xf8, 0xfb, 0x00].map(first => new Uint8Array(16).fill(first))
  const random: Random = { bytes: () => given.shift() ?? new Uint8Array(16) }
  expect(newId(random)).toBe('A'.repeat(22))
  expect(given).toHaveLength(0)
})

test('ids of one time are side by side, and differ', () => {
  const at = (now: number) => newTimedId({ clock: { now: () => now }, random: systemRandom })
  const ids = Array.from({ length: 1000 }, () => at(1_800_000_000_000))
  expect(new Set(ids).size).toBe(1000)
  expect(new Set(ids.map(id => id.slice(0, 8)))).toEqual(new Set(['AaMYXFAA']))
  for (const id of [...ids, at(0), at(2 ** 47)]) expect(id).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/)
})
