import type { ConnectionProvider, DatabaseConnection } from 'kysely'

/** The one connection of a database, whose users take turns. */
export interface Turns {
  /** Waits until nobody else uses the connection. @throws when the database is closed */
  take(): Promise<GroupConnection>
  /** Lets the next one have it. */
  pass(): void
}

export interface GroupConnection extends DatabaseConnection {
  /** Whether a transaction is open. */
  readonly isInTransaction: boolean
  /** Runs a statement that gives no rows, at once. */
  run(sql: string): void
}

type Body<Q> = (queries: Q) => Promise<unknown>

interface Member<Q> {
  readonly body: Body<Q>
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** How many bodies one COMMIT is for, at most: those that come later must not wait for too many before them. */
const mostInGroup = 64
/** How long a body may hold the group up. As long as SQLite waits for another process. */
const patience = 5_000

/** What the queries of one body run on, until it has ended, or SQLite has rolled everything back by itself. */
class BodyConnection implements ConnectionProvider {
  readonly #connection: GroupConnection
  #hasEnded = false

  constructor(connection: GroupConnection) {
    this.#connection = connection
  }

  async provideConnection<T>(consumer: (connection: DatabaseConnection) => Promise<T>): Promise<T> {
    if (this.#hasEnded || !this.#connection.isInTransaction) throw new Error('the transaction has ended')
    return consumer(this.#connection)
  }

  end(): void {
    this.#hasEnded = true
  }
}

/** Waits for `work`, but not for ever. @throws what `work` rejects with, or that it took too long */
async function withPatience<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error('a transaction waited for something other than its queries, and was rolled back'))
    }, patience)
  })
  try {
    return await Promise.race([work, tooLong])
  } finally {
    clearTimeout(timer)
  }
}

/** Ends what is open. Where even that fails, BEGIN fails until it is done, and whoever comes next tries again. */
function rollBack(connection: GroupConnection): void {
  try {
    if (connection.isInTransaction) connection.run('rollback')
  } catch {
    // Why the group failed, each of it has been told.
  }
}

/**
 * Transactions that share a COMMIT: a disk makes a hundred of them durable as fast as one. Those that are ready in the
 * same turn of the event loop run one after the other, in the order in which they came, each in a savepoint of its own
 * inside one BEGIN IMMEDIATE … COMMIT. A body that throws is rolled back to its savepoint, and the others hold. Nobody
 * is told of an outcome, good or bad, before the COMMIT has returned; when that fails, all of the group have failed.
 */
export class GroupCommit<Q> {
  readonly #turns: Turns
  readonly #queriesOn: (connection: ConnectionProvider) => Q
  #waiting: Member<Q>[] = []
  #isScheduled = false

  /** @param queriesOn makes the queries of one body; they have no use once it has ended. */
  constructor(turns: Turns, queriesOn: (connection: ConnectionProvider) => Q) {
    this.#turns = turns
    this.#queriesOn = queriesOn
  }

  /**
   * Runs `body` and resolves with its value once it is durable. A body waits for its own queries and nothing else: one
   * that begins another transaction and waits for it is rolled back after 5 seconds.
   * @throws what the body throws, or why it could not be committed
   */
  transaction<T>(body: (queries: Q) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ body, resolve: value => resolve(value as T), reject })
      this.#schedule()
    })
  }

  /** Requests whose bytes are there already are read before the group begins. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#run())
  }

  async #run(): Promise<void> {
    let connection: GroupConnection | undefined
    let group: readonly Member<Q>[] = this.#waiting
    try {
      connection = await this.#turns.take()
      group = this.#waiting.splice(0, mostInGroup)
      const settlements = await this.#commitAll(connection, group)
      for (const settle of settlements) settle()
    } catch (error) {
      for (const { reject } of group) reject(error)
      if (!connection) this.#waiting = []
      else rollBack(connection)
    } finally {
      if (connection) this.#turns.pass()
      this.#isScheduled = false
      if (this.#waiting.length > 0) this.#schedule()
    }
  }

  /** @returns what to tell each of the group, now that it is durable */
  async #commitAll(connection: GroupConnection, group: readonly Member<Q>[]): Promise<(() => void)[]> {
    const settlements: (() => void)[] = []
    connection.run('begin immediate')
    for (const member of group) settlements.push(await this.#attempt(connection, member))
    connection.run('commit')
    return settlements
  }

  async #attempt(connection: GroupConnection, { body, resolve, reject }: Member<Q>): Promise<() => void> {
    const own = new BodyConnection(connection)
    connection.run('savepoint body')
    try {
      const value = await withPatience(body(this.#queriesOn(own)))
      own.end()
      connection.run('release body')
      return () => resolve(value)
    } catch (error) {
      own.end()
      // SQLite has rolled everything back by itself, on a full disk for one: all have failed, and for this.
      if (!connection.isInTransaction) throw error
      connection.run('rollback to body')
      connection.run('release body')
      return () => reject(error)
    }
  }
}
