import { PostgresAdapter } from 'kysely'
import type { Handle } from './handle.ts'

/**
 * Whether transactions run side by side, so that a row that was read may change before it is written. Those of SQLite
 * run one after the other, each from its first statement on.
 */
export const runsSideBySide = (db: Handle): boolean => db.getExecutor().adapter instanceof PostgresAdapter
