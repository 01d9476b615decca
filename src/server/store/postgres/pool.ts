import { readFileSync } from 'node:fs'
import pg from 'pg'
import { type PostgresAddress, parsePostgresUrl } from '../../config/postgres-url.ts'
import type { ConnectionFigures } from '../../domain/ports/store.ts'
import { PostgresConnection } from './connection.ts'
import { PostgresUnavailable, toldOf } from './errors.ts'
import { StatementNames } from './statement-names.ts'
import { types } from './types.ts'

/** What the pool of one process is limited to. */
export interface PoolLimits {
  /** At once, at most. */
  readonly connections: number
  /** Milliseconds after which the server gives a statement up. */
  readonly statementTimeout: number
  /** Milliseconds that a statement waits for a row or table that another transaction holds. Left out: 4000. */
  readonly lockTimeout?: number
  /** Whether busy statements are prepared once for each connection; a pooler in between may not bear it. */
  readonly preparesStatements: boolean
}

/** Milliseconds. How long somebody waits for a connection, a new one or one that others use. */
const connectionTimeout = 5_000
const usualLockTimeout = 4_000
/** How long the server waits for the next statement of a transaction, should this process hang. */
const idleInTransactionTimeout = 10_000
/** Beyond the server's own limit: a server that is gone says nothing at all. */
const patience = 2_000
const keepAliveDelay = 10_000
const idleTimeout = 60_000

function tlsOf({ security, host, authorities }: PostgresAddress): NonNullable<pg.ClientConfig['ssl']> {
  if (security === 'none') return false
  const ca = authorities === undefined ? {} : { ca: readFileSync(authorities, 'utf8') }
  return { ...ca, servername: host, rejectUnauthorized: true }
}

/** Where a database is and how it is reached, as pg is told it. */
export function connectionOptions(url: string): pg.ClientConfig {
  const address = parsePostgresUrl(url)
  const { host, port, user, database, password } = address
  return {
    host,
    port,
    user,
    database,
    ...(password === undefined ? {} : { password }),
    ssl: tlsOf(address),
    connectionTimeoutMillis: connectionTimeout,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveDelay,
  }
}

/** The connections of this process to one PostgreSQL database. */
export class PostgresPool {
  readonly #pool: pg.Pool
  readonly #names: StatementNames
  readonly #connections = new WeakMap<pg.PoolClient, PostgresConnection>()

  constructor(url: string, limits: PoolLimits) {
    const { connections, statementTimeout, lockTimeout = usualLockTimeout, preparesStatements } = limits
    this.#names = new StatementNames(preparesStatements)
    this.#pool = new pg.Pool({
      ...connectionOptions(url),
      types,
      max: connections,
      idleTimeoutMillis: idleTimeout,
      application_name: 'hufud',
      statement_timeout: statementTimeout,
      lock_timeout: Math.min(lockTimeout, statementTimeout),
      idle_in_transaction_session_timeout: idleInTransactionTimeout,
      query_timeout: statementTimeout + patience,
    })
    // A connection may end while nobody asks anything on it, in the pool or out of it. Without a listener for each, that
    // would end the process; with it, whoever asks next is told.
    this.#pool.on('error', () => {})
    this.#pool.on('connect', client => client.on('error', () => {}))
  }

  figures(): ConnectionFigures {
    const { totalCount, idleCount, waitingCount } = this.#pool
    return { open: totalCount, inUse: totalCount - idleCount, waiting: waitingCount }
  }

  /** A connection for one user, who must release it. @throws {PostgresUnavailable} when there is none to be had */
  async take(): Promise<PostgresConnection> {
    const client = await this.#pool.connect().catch(error => {
      const told = toldOf(error)
      // Waiting longer would help nobody: that has been tried.
      throw new PostgresUnavailable('busy', told.message.replace(/^PostgreSQL: /, ''))
    })
    const known = this.#connections.get(client)
    if (known) return known
    const connection = new PostgresConnection(client, this.#names)
    this.#connections.set(client, connection)
    return connection
  }

  /** Runs `work` on a connection of its own. */
  async use<T>(work: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    const connection = await this.take()
    try {
      return await work(connection)
    } finally {
      connection.release()
    }
  }

  close = (): Promise<void> => this.#pool.end()
}
