import type { CompiledQuery, ConnectionProvider, DatabaseConnection, QueryResult } from 'kysely'
import type { Clock } from '../../../lib/clock.ts'
import type { Random } from '../../../lib/random.ts'
import type { SavepointConnection } from '../unique.ts'
import type { PostgresConnection } from './connection.ts'
import { type Hindrance, PostgresUnavailable } from './errors.ts'
import type { PostgresPool } from './pool.ts'

/** How often a body runs at most, by why it could not be committed. */
const mostAttempts: Readonly<Record<Hindrance, number>> = { conflict: 30, lost: 3, busy: 1 }
/**
 * Milliseconds after which a body is not begun again: times that were taken before it are written by it, and whoever
 * follows the audit looks back a minute.
 */
const longestRepeating = 20_000
/** Milliseconds before a body runs again: twice as long each time, and at random, so that rivals part. */
const shortestPause = 4
const longestPause = 250

/** What the queries of one body run on, one after the other, until the body has ended. */
class BodyConnection implements SavepointConnection, ConnectionProvider {
  readonly #connection: PostgresConnection
  #last: Promise<unknown> = Promise.resolve()
  #hasEnded = false

  constructor(connection: PostgresConnection) {
    this.#connection = connection
  }

  provideConnection = <T>(consumer: (connection: DatabaseConnection) => Promise<T>): Promise<T> => consumer(this)

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.#inTurn(() => this.#connection.executeQuery<R>(query))
  }

  async inSavepoint<T>(write: () => Promise<T>): Promise<T> {
    await this.#inTurn(() => this.#connection.run('savepoint guarded'))
    try {
      const value = await write()
      await this.#inTurn(() => this.#connection.run('release savepoint guarded'))
      return value
    } catch (error) {
      if (!(error instanceof PostgresUnavailable)) {
        await this.#inTurn(() => this.#connection.run('rollback to savepoint guarded'))
      }
      throw error
    }
  }

  #inTurn<T>(ask: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      if (this.#hasEnded) throw new Error('the transaction has ended')
      return ask()
    })
    this.#last = turn.catch(() => {})
    return turn
  }

  /** Waits for what a body began and did not wait for. */
  async end(): Promise<void> {
    await this.#last
    this.#hasEnded = true
  }

  // biome-ignore lint/correctness/useYield: whole results are small; nothing here streams
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('streaming is not used')
  }
}

/** What transactions need beside a pool. */
export interface TransactionEdge {
  readonly clock: Clock
  readonly random: Random
  /** Told of each time that a body is about to run again. */
  onRetry(hindrance: Hindrance): void
}

/**
 * Transactions of a pool, at the isolation that is the database's default. A body that could not be committed for
 * others' sake, or whose connection was lost before COMMIT was sent, runs again, a bounded number of times. When the
 * connection is lost in the middle of COMMIT nobody knows what became of it, and it does not run again.
 */
export class Transactions<Q> {
  readonly #pool: PostgresPool
  readonly #queriesOn: (connection: ConnectionProvider) => Q
  readonly #edge: TransactionEdge

  /** @param queriesOn makes the queries of one body; they have no use once it has ended. */
  constructor(pool: PostgresPool, queriesOn: (connection: ConnectionProvider) => Q, edge: TransactionEdge) {
    this.#pool = pool
    this.#queriesOn = queriesOn
    this.#edge = edge
  }

  /**
   * Runs `body` and resolves with its value once it is durable.
   * @throws what the body throws, or why it could not be committed
   */
  async transaction<T>(body: (queries: Q) => Promise<T>): Promise<T> {
    const { clock } = this.#edge
    const last = clock.now() + longestRepeating
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#pool.use(connection => this.#attempt(connection, body))
      } catch (error) {
        if (!(error instanceof PostgresUnavailable) || attempt >= mostAttempts[error.hindrance]) throw error
        if (clock.now() > last) throw error
        this.#edge.onRetry(error.hindrance)
        await clock.sleep(this.#pauseAfter(attempt))
      }
    }
  }

  async #attempt<T>(connection: PostgresConnection, body: (queries: Q) => Promise<T>): Promise<T> {
    await connection.run('begin')
    const own = new BodyConnection(connection)
    try {
      const value = await body(this.#queriesOn(own))
      await own.end()
      await commit(connection)
      return value
    } catch (error) {
      await own.end()
      if (!connection.isLost) await connection.run('rollback').catch(() => {})
      throw error
    }
  }

  #pauseAfter(attempt: number): number {
    const [byte = 0] = this.#edge.random.bytes(1)
    return Math.min(longestPause, shortestPause * 2 ** attempt) * (0.5 + byte / 512)
  }
}

async function commit(connection: PostgresConnection): Promise<void> {
  const done = await connection.run('commit').catch(error => {
    if (!(error instanceof PostgresUnavailable) || error.hindrance === 'conflict') throw error
    throw new PostgresUnavailable('busy', `${error.message}, in the middle of a COMMIT: whether it was done is unknown`)
  })
  // A body went on after one of its statements had failed.
  if (done !== 'COMMIT') throw new Error(`a transaction whose statement had failed was not committed: ${done}`)
}
