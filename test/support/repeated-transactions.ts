import type { Queries, Store } from '../../src/server/domain/ports/store.ts'

/** What PostgreSQL says to a transaction that it can't fit into an order with the others (SQLSTATE 40001). */
class SimulatedConflict extends Error {}

/**
 * A store that runs the body of every transaction twice: the first time everything that it did is rolled back, however
 * it ended, as a database does that finds a conflict at the COMMIT. Whatever a body does beside its queries shows.
 */
export const repeating = (store: Store): Store => ({
  ...store,
  async transaction<T>(body: (queries: Queries) => Promise<T>): Promise<T> {
    const first = store.transaction(async queries => {
      await body(queries).catch(() => {})
      throw new SimulatedConflict()
    })
    await first.catch(error => {
      if (!(error instanceof SimulatedConflict)) throw error
    })
    return store.transaction(body)
  },
})
