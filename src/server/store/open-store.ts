import { type Clock, systemClock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { DatabaseConfig } from '../config/config.ts'
import { type Counters, noCounters } from '../domain/ports/counters.ts'
import type { Store } from '../domain/ports/store.ts'
import type { SchemaMigration } from './migrations/all.ts'
import type { PostgresInspection } from './postgres/inspect.ts'
import { migrateSqlite, openSqliteStore } from './sqlite-store.ts'

export { openSqliteStore } from './sqlite-store.ts'

/** What a store needs beside its database. */
export interface StoreEdge {
  readonly random: Random
  /** Left out: nothing is counted. */
  readonly counters?: Counters
}

/** What `migrateDatabase` did and left. */
export interface MigrationReport {
  readonly applied: readonly SchemaMigration[]
  /** Those that wait until no process of the release before runs. */
  readonly held: readonly SchemaMigration[]
}

/**
 * Applies the migrations that are pending; `contract` ones only where that is said, or nobody else can be using the
 * database.
 * @throws {StoreUnavailable}
 * @throws {SchemaUnfit}
 */
export async function migrateDatabase(
  database: DatabaseConfig,
  { contract, clock }: { readonly contract: boolean; readonly clock: Clock },
): Promise<MigrationReport> {
  if (database.engine === 'sqlite') return { applied: await migrateSqlite(database.path, clock.now()), held: [] }
  const { migratePostgres } = await import('./postgres/migrate-postgres.ts')
  return migratePostgres(database.url, { contract }, clock)
}

/** As `postgres/inspect.ts` says, which is loaded only where PostgreSQL is asked for. */
export async function inspectPostgres(url: string): Promise<PostgresInspection> {
  const postgres = await import('./postgres/inspect.ts')
  return postgres.inspectPostgres(url)
}

/**
 * Opens the configured database. A schema in SQLite is brought up to date first; one in PostgreSQL must be, since other
 * processes may be working on it.
 * @throws when it can't be reached, or its schema is not one that this program works with.
 */
export async function openStore(
  database: DatabaseConfig,
  { random, counters = noCounters }: StoreEdge,
): Promise<Store> {
  if (database.engine === 'sqlite') return openSqliteStore(database.path)
  const { openPostgresStore } = await import('./postgres/open-postgres.ts')
  // What it waits for is the database, whatever the time may be elsewhere.
  return openPostgresStore(database, { random, counters, clock: systemClock })
}
