import type { CompiledQuery, ConnectionProvider, DatabaseConnection, QueryResult } from 'kysely'
import { PostgresUnavailable } from './errors.ts'
import type { PostgresPool } from './pool.ts'

const mostAttempts = 10

/**
 * What queries outside of any transaction run on: each has a connection of the pool to itself while it runs. It runs
 * again where it was rolled back for others' sake, and, where it only reads, when its connection was lost.
 */
export class Autocommit implements DatabaseConnection, ConnectionProvider {
  readonly #pool: PostgresPool

  constructor(pool: PostgresPool) {
    this.#pool = pool
  }

  provideConnection = <T>(consumer: (connection: DatabaseConnection) => Promise<T>): Promise<T> => consumer(this)

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#pool.use(connection => connection.executeQuery<R>(query))
      } catch (error) {
        if (!(error instanceof PostgresUnavailable) || attempt >= mostAttempts) throw error
        if (error.hindrance === 'busy' || (error.hindrance === 'lost' && !isRead(query))) throw error
      }
    }
  }

  // biome-ignore lint/correctness/useYield: whole results are small; nothing here streams
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('streaming is not used')
  }
}

const isRead = ({ sql }: CompiledQuery): boolean => sql.startsWith('select ')
