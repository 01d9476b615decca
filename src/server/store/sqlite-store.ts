import { chmodSync, closeSync, openSync } from 'node:fs'
import { type ConnectionProvider, Kysely } from 'kysely'
import { type Clock, systemClock } from '../../lib/clock.ts'
import type { Store } from '../domain/ports/store.ts'
import { GroupCommit } from './group-commit.ts'
import {
  applyMigrations,
  type MigratedDatabase,
  prepareForMigrations,
  readSchemaState,
  refuseNewer,
} from './migrate.ts'
import type { SchemaMigration } from './migrations/all.ts'
import { queriesOn } from './queries-on.ts'
import type { Tables } from './schema.ts'
import { SqliteDialect } from './sqlite-dialect.ts'

/** Creates the file of a database, readable and writable by its owner alone, before SQLite would with a wider mode. */
function createPrivateFile(path: string): void {
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
}

/**
 * Opens the SQLite database at `path` and brings its schema up to date.
 * @throws when the file can't be opened, or was written by a newer hufud.
 */
export async function openSqliteStore(path: string, clock: Pick<Clock, 'now'> = systemClock): Promise<Store> {
  createPrivateFile(path)
  const dialect = new SqliteDialect(path)
  const db = new Kysely<Tables>({ dialect })
  try {
    await migrate(db as unknown as MigratedDatabase, clock.now())
  } catch (error) {
    await db.destroy()
    throw error
  }
  const executor = db.getExecutor()
  const driver = dialect.createDriver()
  const groups = new GroupCommit(dialect.turns, (provider: ConnectionProvider) =>
    queriesOn(
      new Kysely<Tables>({
        config: { dialect },
        dialect,
        driver,
        executor: executor.withConnectionProvider(provider),
      }),
    ),
  )
  return {
    read: queriesOn(db),
    transaction: body => groups.transaction(body),
    ping: async () => {
      await db.selectFrom('settings').select('name').limit(1).execute()
    },
    close: () => db.destroy(),
  }
}

/** Nobody else runs on the file, so that all that is pending is applied. */
async function migrate(db: MigratedDatabase, now: number): Promise<readonly SchemaMigration[]> {
  await prepareForMigrations(db)
  const before = await readSchemaState(db)
  refuseNewer(before)
  // A file that is up to date is not locked: another store may have it open, in this process, too.
  if (before.pending.length === 0) return []
  const choice = { contract: true, most: Number.POSITIVE_INFINITY, now }
  return db.transaction().execute(transaction => applyMigrations(transaction, choice))
}

/** Brings the schema of the SQLite database at `path` up to date, and nothing more. @returns what was applied */
export async function migrateSqlite(path: string, now: number): Promise<readonly SchemaMigration[]> {
  createPrivateFile(path)
  const db = new Kysely<Tables>({ dialect: new SqliteDialect(path) })
  try {
    return await migrate(db as unknown as MigratedDatabase, now)
  } finally {
    await db.destroy()
  }
}
