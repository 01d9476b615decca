import { systemRandom } from '../../src/lib/random.ts'
import type { DatabaseConfig } from '../../src/server/config/config.ts'
import type { Store } from '../../src/server/domain/ports/store.ts'
import { openStore } from '../../src/server/store/open-store.ts'

/** What hufud's configuration says of the database of this URL. */
export const databaseConfig = (url: string): DatabaseConfig =>
  url.startsWith('sqlite:')
    ? { engine: 'sqlite', path: url.slice('sqlite:'.length) }
    : { engine: 'postgres', url, connections: 10, statementTimeout: 10_000, preparesStatements: true }

/** Opens the store in the database of this URL, for tests that have no server around it. */
export const openStoreAt = (url: string): Promise<Store> => openStore(databaseConfig(url), { random: systemRandom })
