import { expect, test } from 'vitest'
import { systemRandom } from '../../../src/lib/random.ts'
import { PostgresUnavailable } from '../../../src/server/store/postgres/errors.ts'
import type { PostgresPool } from '../../../src/server/store/postgres/pool.ts'
import { Transactions } from '../../../src/server/store/postgres/transactions.ts'

/** How often a body is begun that never can be committed, each time after so many milliseconds. */
async function attempts(milliseconds: number): Promise<number> {
  let [now, count] = [0, 0]
  const clock = {
    now: () => now,
    sleep: async (pause: number) => {
      now += pause
    },
  }
  const pool = {
    async use() {
      count += 1
      now += milliseconds
      throw new PostgresUnavailable('conflict', 'in vain')
    },
  } as unknown as PostgresPool
  const transactions = new Transactions(pool, () => ({}), { clock, random: systemRandom, onRetry() {} })
  await expect(transactions.transaction(async () => {})).rejects.toThrow('in vain')
  return count
}

test('a body that others keep from being committed is begun thirty times, and not after twenty seconds', async () => {
  expect(await attempts(1)).toBe(30)
  expect(await attempts(9_000)).toBe(3)
})
