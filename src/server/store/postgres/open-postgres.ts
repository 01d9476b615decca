import { type ConnectionProvider, Kysely } from 'kysely'
import type { Clock } from '../../../lib/clock.ts'
import type { Random } from '../../../lib/random.ts'
import type { DatabaseConfig } from '../../config/config.ts'
import type { Store } from '../../domain/ports/store.ts'
import {
  applyMigrations,
  type MigratedDatabase,
  prepareForMigrations,
  readSchemaState,
  refuseNewer,
} from '../migrate.ts'
import { queriesOn } from '../queries-on.ts'
import type { Tables } from '../schema.ts'
import { Autocommit } from './autocommit.ts'
import { PostgresDialect } from './dialect.ts'
import { PostgresPool } from './pool.ts'
import { Transactions } from './transactions.ts'

type PostgresConfig = Extract<DatabaseConfig, { engine: 'postgres' }>

/**
 * Opens a PostgreSQL database.
 * @throws {StoreUnavailable} when it can't be reached
 */
export async function openPostgresStore(
  { url, connections, statementTimeout, preparesStatements }: PostgresConfig,
  { random, clock }: { readonly random: Random; readonly clock: Pick<Clock, 'sleep'> },
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
  const transactions = new Transactions(pool, queriesBy, { random, clock, onRetry: () => {} })
  const autocommit = new Autocommit(pool)
  try {
    const migrated = db as unknown as MigratedDatabase
    await prepareForMigrations(migrated)
    await migrated.transaction().execute(transaction => applyMigrations(transaction, { contract: false, now: 0 }))
    refuseNewer(await readSchemaState(migrated))
  } catch (error) {
    await db.destroy()
    throw error
  }
  return {
    read: queriesBy(autocommit),
    transaction: body => transactions.transaction(body),
    ping: async () => {
      await pool.use(connection => connection.run('select 1'))
    },
    close: () => db.destroy(),
  }
}
