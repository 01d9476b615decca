import { type DatabaseConnection, PostgresAdapter } from 'kysely'
import type { Taken } from '../domain/ports/store.ts'
import type { Handle } from './handle.ts'

/** A connection in a transaction of a database that ends the whole transaction when one statement fails. */
export interface SavepointConnection extends DatabaseConnection {
  /** Runs `write` so that the transaction goes on when it fails. */
  inSavepoint<T>(write: () => Promise<T>): Promise<T>
}

interface Write {
  executeTakeFirst(): Promise<{ numInsertedOrUpdatedRows?: bigint | undefined; numUpdatedRows?: bigint } | undefined>
}

const uniqueViolations = new Set(['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY', '23505'])

/** Whether a unique index refused a statement. */
export const isUniqueViolation = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && uniqueViolations.has(String(error.code))

/**
 * Runs a guarded write: `taken` when it changed no row or a unique index refused it. One that an index may refuse must
 * be `inSavepoint`; an insert that does nothing on any conflict need not.
 * @throws any other error.
 */
export async function takenOr(write: Write): Promise<Taken | undefined> {
  try {
    const result = await write.executeTakeFirst()
    return (result?.numInsertedOrUpdatedRows ?? result?.numUpdatedRows ?? 0n) > 0n ? undefined : 'taken'
  } catch (error) {
    if (isUniqueViolation(error)) return 'taken'
    throw error
  }
}

const hasSavepoints = (connection: DatabaseConnection): connection is SavepointConnection => 'inSavepoint' in connection

/**
 * A write that leaves the transaction as it was when it fails. SQLite undoes a failed statement by itself; PostgreSQL
 * refuses all that comes after it.
 */
export function inSavepoint(db: Handle, write: Write): Write {
  const executor = db.getExecutor()
  if (!(executor.adapter instanceof PostgresAdapter)) return write
  return {
    executeTakeFirst: () =>
      executor.provideConnection(connection =>
        hasSavepoints(connection) ? connection.inSavepoint(() => write.executeTakeFirst()) : write.executeTakeFirst(),
      ),
  }
}
