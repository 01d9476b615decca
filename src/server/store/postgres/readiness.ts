import { CompiledQuery } from 'kysely'
import { PostgresUnavailable } from './errors.ts'
import type { PostgresPool } from './pool.ts'

/** Milliseconds, those that a connection is waited for among them. */
const patience = 1_000

/** On standbys, and where default_transaction_read_only says so. */
const question = CompiledQuery.raw('show transaction_read_only')

/** Whoever asks while a question is on its way shares its answer: one connection is enough for all of them. */
export function readiness(pool: PostgresPool): () => Promise<void> {
  let asked: Promise<void> | undefined
  async function ask(): Promise<void> {
    const { rows } = await pool.use(connection => connection.executeQuery<{ transaction_read_only: string }>(question))
    if (rows[0]?.transaction_read_only !== 'off') throw new PostgresUnavailable('busy', 'it can’t be written to')
  }
  return async () => {
    asked ??= ask().finally(() => {
      asked = undefined
    })
    await withinTime(asked)
  }
}

async function withinTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new PostgresUnavailable('busy', 'it did not answer within a second')), patience)
  })
  // Late answers are nobody's.
  work.catch(() => {})
  try {
    await Promise.race([work, tooLong])
  } finally {
    clearTimeout(timer)
  }
}
