import { expect, test } from 'vitest'
import { systemRandom } from '../../src/lib/random.ts'

test('bytes are of the length asked for, from the pool or not, and nobody else has them', () => {
  const drawn = Array.from({ length: 400 }, (_, index) =>
    systemRandom.bytes([16, 32, 12, 64, 65, 2000][index % 6] ?? 0),
  )
  expect(drawn.map(({ length }) => length).slice(0, 6)).toEqual([16, 32, 12, 64, 65, 2000])
  const beginnings = new Set(drawn.map(bytes => Buffer.from(bytes.subarray(0, 12)).toString('hex')))
  expect(beginnings.size).toBe(400)
  expect(new Set(drawn.map(({ buffer }) => buffer)).size).toBe(400)
})
