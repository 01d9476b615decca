import { systemClock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { DatabaseConfig } from '../config/config.ts'
import type { Store } from '../domain/ports/store.ts'
import { openSqliteStore } from './sqlite-store.ts'

export { openSqliteStore } from './sqlite-store.ts'

/** What a store needs beside its database. */
export interface StoreEdge {
  readonly random: Random
}

/**
 * Opens the configured database.
 * @throws when it can't be reached, or its schema is not one that this program works with.
 */
export async function openStore(database: DatabaseConfig, { random }: StoreEdge): Promise<Store> {
  if (database.engine === 'sqlite') return openSqliteStore(database.path)
  const { openPostgresStore } = await import('./postgres/open-postgres.ts')
  // What it waits for is the database, whatever the time may be elsewhere.
  return openPostgresStore(database, { random, clock: systemClock })
}
