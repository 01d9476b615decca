import {
  type DatabaseConnection,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely'
import { PostgresConnection } from './connection.ts'
import type { PostgresPool } from './pool.ts'

/** Kysely's PostgreSQL on a pool of ours. */
export class PostgresDialect implements Dialect {
  readonly #pool: PostgresPool

  constructor(pool: PostgresPool) {
    this.#pool = pool
  }

  createAdapter = (): DialectAdapter => new PostgresAdapter()
  createDriver = (): Driver => new PostgresDriver(this.#pool)
  createIntrospector = (db: Kysely<unknown>) => new PostgresIntrospector(db)
  createQueryCompiler = () => new PostgresQueryCompiler()
}

const run = async (connection: DatabaseConnection, sql: string): Promise<void> => {
  if (!(connection instanceof PostgresConnection)) throw new TypeError('a connection of another database')
  await connection.run(sql)
}

class PostgresDriver implements Driver {
  readonly #pool: PostgresPool

  constructor(pool: PostgresPool) {
    this.#pool = pool
  }

  init = async (): Promise<void> => {}
  acquireConnection = (): Promise<DatabaseConnection> => this.#pool.take()
  releaseConnection = async (connection: DatabaseConnection): Promise<void> => {
    if (connection instanceof PostgresConnection) connection.release()
  }
  beginTransaction = (connection: DatabaseConnection) => run(connection, 'begin')
  commitTransaction = (connection: DatabaseConnection) => run(connection, 'commit')
  rollbackTransaction = (connection: DatabaseConnection) => run(connection, 'rollback')
  destroy = (): Promise<void> => this.#pool.close()
}
