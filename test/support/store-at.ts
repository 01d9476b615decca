import type { Store } from '../../src/server/domain/ports/store.ts'
import { openStore } from '../../src/server/store/open-store.ts'

/** The store in the database of this URL: what tests open without a server around it. */
export const openStoreAt = (url: string): Promise<Store> =>
  openStore(
    url.startsWith('sqlite:')
      ? { engine: 'sqlite', path: url.slice('sqlite:'.length) }
      : { engine: 'postgres', url, connections: 10, statementTimeout: 30_000 },
  )
