import { Kysely } from 'kysely'
import type { Clock } from '../../../lib/clock.ts'
import {
  applyMigrations,
  type MigratedDatabase,
  type MigrationChoice,
  prepareForMigrations,
  readSchemaState,
  refuseNewer,
  type SchemaState,
} from '../migrate.ts'
import { migrations as ours, type SchemaMigration } from '../migrations/all.ts'
import { PostgresDialect } from './dialect.ts'
import { PostgresUnavailable, StatementRefused } from './errors.ts'
import { refuseOtherOrder } from './order.ts'
import { PostgresPool } from './pool.ts'

/**
 * Milliseconds. Whoever waits for a table stands before all who come after, readers too: no statement waits longer, and
 * between two tries others are let through.
 */
const lockTimeout = 1_000
const pause = 500
const mostAttempts = 30
/** An index on a big table takes its time, and nobody who reads waits for it. */
const statementTimeout = 3_600_000

/** What those that prepare at once may run into: the table, or its row's type, was made in between. */
const madeMeanwhile = new Set(['23505', '42710', '42P07'])

const mayRunAgain = (error: unknown): boolean =>
  (error instanceof PostgresUnavailable && error.hindrance !== 'lost') ||
  (error instanceof StatementRefused && madeMeanwhile.has(error.code))

/** @throws what `step` throws when it fails for another reason than others, or for too long */
async function persistently<T>(step: () => Promise<T>, clock: Pick<Clock, 'sleep'>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await step()
    } catch (error) {
      if (!mayRunAgain(error) || attempt === mostAttempts) throw error
      await clock.sleep(pause)
    }
  }
}

/**
 * Applies the pending migrations to a PostgreSQL database, each in a transaction of its own, while other processes go
 * on with it.
 * @returns those applied, and those held back
 * @throws {StoreUnavailable} when the database can't be reached, or somebody holds a table for half a minute
 * @throws {SchemaUnfit} when a newer program has changed the schema by more than additions, or the database orders
 * texts by a language
 */
export async function migratePostgres(
  url: string,
  choice: Pick<MigrationChoice, 'contract' | 'migrations'>,
  clock: Clock,
): Promise<{ applied: readonly SchemaMigration[]; held: readonly SchemaMigration[] }> {
  const pool = new PostgresPool(url, { connections: 1, statementTimeout, lockTimeout, preparesStatements: false })
  const db = new Kysely({ dialect: new PostgresDialect(pool) }) as unknown as MigratedDatabase
  try {
    await refuseOtherOrder(db)
    refuseNewer(await readPostgresSchema(db, choice.migrations))
    await persistently(() => prepareForMigrations(db), clock)
    const applied: SchemaMigration[] = []
    for (;;) {
      const step = { ...choice, most: 1, now: clock.now() }
      const done = await persistently(
        () => db.transaction().execute(transaction => applyMigrations(transaction, step)),
        clock,
      )
      if (done.length === 0) return { applied, held: (await readSchemaState(db, choice.migrations)).pending }
      applied.push(...done)
    }
  } finally {
    await db.destroy()
  }
}

/** The state of the schema; nothing is changed. */
export async function readPostgresSchema(
  db: MigratedDatabase,
  migrations: readonly SchemaMigration[] = ours,
): Promise<SchemaState> {
  try {
    return await readSchemaState(db, migrations)
  } catch (error) {
    // 42P01: there is no such table. Nobody has migrated yet.
    if (!(error instanceof StatementRefused) || error.code !== '42P01') throw error
    return { isNew: true, pending: migrations, unknown: [] }
  }
}
