import { systemRandom } from '../../src/lib/random.ts'
import type { Store } from '../../src/server/domain/ports/store.ts'
import { openStore } from '../../src/server/store/open-store.ts'

/** Opens the store in the database of this URL, for tests that have no server around it. */
export const openStoreAt = (url: string): Promise<Store> =>
  openStore(
    url.startsWith('sqlite:')
      ? { engine: 'sqlite', path: url.slice('sqlite:'.length) }
      : { engine: 'postgres', url, connections: 10, statementTimeout: 10_000, preparesStatements: true },
    { random: systemRandom },
  )
