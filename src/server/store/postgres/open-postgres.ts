import { type ConnectionProvider, Kysely } from 'kysely'
import type { Clock } from '../../../lib/clock.ts'
import type { Random } from '../../../lib/random.ts'
import type { DatabaseConfig } from '../../config/config.ts'
import type { Counters } from '../../domain/ports/counters.ts'
import type { Store } from '../../domain/ports/store.ts'
import { type MigratedDatabase, refuseNewer, refuseOlder } from '../migrate.ts'
import { queriesOn } from '../queries-on.ts'
import type { Tables } from '../schema.ts'
import { Autocommit } from './autocommit.ts'
import { PostgresDialect } from './dialect.ts'
import { readPostgresSchema } from './migrate-postgres.ts'
import { refuseOtherOrder } from './order.ts'
import { PostgresPool } from './pool.ts'
import { readiness } from './readiness.ts'
import { Transactions } from './transactions.ts'

type PostgresConfig = Extract<DatabaseConfig, { engine: 'postgres' }>

interface PostgresEdge {
  readonly random: Random
  readonly counters: Counters
  readonly clock: Clock
}

/**
 * Opens a PostgreSQL database.
 * @throws {StoreUnavailable} when it can't be reached
 * @throws {SchemaUnfit} when its schema is older or newer than this program works with, or it orders texts by a language
 */
export async function openPostgresStore(
  { url, connections, statementTimeout, preparesStatements }: PostgresConfig,
  { random, counters, clock }: PostgresEdge,
): Promise<Store> {
  const pool = new PostgresPool(url, { connections, statementTimeout, preparesStatements })
  const dialect = new PostgresDialect(pool)
  const db = new Kysely<Tables>({ dialect })
  const executor = db.getExecutor()
  const driver = dialect.createDriver()
  const queriesBy = (provider: ConnectionProvider) =>
    queriesOn(
      new Kysely<Tables>({ config: { dialect }, dialect, driver, executor: executor.withConnectionProvider(provider) }),
    )
  const transactions = new Transactions(pool, queriesBy, {
    random,
    clock,
    onRetry: reason => counters.count('transactions_retried', { reason }),
  })
  const autocommit = new Autocommit(pool)
  try {
    await refuseOtherOrder(db as unknown as MigratedDatabase)
    const state = await readPostgresSchema(db as unknown as MigratedDatabase)
    refuseNewer(state)
    refuseOlder(state)
  } catch (error) {
    await db.destroy()
    throw error
  }
  return {
    read: queriesBy(autocommit),
    transaction: body => transactions.transaction(body),
    ping: readiness(pool),
    connections: () => pool.figures(),
    close: () => db.destroy(),
  }
}
