import Database from 'better-sqlite3'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { GroupConnection, Turns } from './group-commit.ts'

/**
 * Kysely's SQLite dialect with what durability and many requests need:
 * - WAL with `synchronous=FULL`: an acknowledged commit survives a power cut;
 * - `BEGIN IMMEDIATE`: a writer never finds at its first write that another came before;
 * - each statement is prepared once and kept;
 * - the write-ahead log is put back into the database every 16 MB instead of 4: a page that was written often in between
 *   is put back once, which takes a quarter off a commit;
 * - one connection, handed out in turn: better-sqlite3 is synchronous, so a second would gain nothing.
 */
export class SqliteDialect implements Dialect {
  /** Who uses the connection when. */
  readonly turns: SqliteTurns

  /** @param path of the database file; it is created, readable by its owner alone, when there is none. */
  constructor(path: string) {
    this.turns = new SqliteTurns(path)
  }

  createAdapter = () => new SqliteAdapter()
  createDriver = (): Driver => new SqliteDriver(this.turns)
  createIntrospector = (db: Kysely<unknown>) => new SqliteIntrospector(db)
  createQueryCompiler = (): QueryCompiler => new SqliteQueryCompiler()
}

/** Of 4 KiB. */
const checkpointPages = 4000
/** Filled by large databases alone: rows that come in no order touch pages all over their indexes. */
const cacheKibibytes = 32_768

class SqliteTurns implements Turns {
  readonly #path: string
  #connection: SqliteConnection | undefined
  #busy = false
  readonly #waiting: (() => void)[] = []

  constructor(path: string) {
    this.#path = path
  }

  open(): void {
    const database = new Database(this.#path)
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.pragma('busy_timeout = 5000')
    database.pragma('foreign_keys = ON')
    database.pragma(`wal_autocheckpoint = ${checkpointPages}`)
    database.pragma(`cache_size = -${cacheKibibytes}`)
    this.#connection = new SqliteConnection(database)
  }

  async take(): Promise<SqliteConnection> {
    if (this.#busy) await new Promise<void>(resolve => this.#waiting.push(resolve))
    this.#busy = true
    if (!this.#connection) {
      this.pass()
      throw new Error('the database is closed')
    }
    return this.#connection
  }

  pass(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#busy = false
  }

  close(): void {
    this.#connection?.close()
    this.#connection = undefined
  }
}

class SqliteDriver implements Driver {
  readonly #turns: SqliteTurns

  constructor(turns: SqliteTurns) {
    this.#turns = turns
  }

  init = async (): Promise<void> => this.#turns.open()
  acquireConnection = (): Promise<DatabaseConnection> => this.#turns.take()
  releaseConnection = async (): Promise<void> => this.#turns.pass()
  beginTransaction = (connection: DatabaseConnection) => run(connection, 'begin immediate')
  commitTransaction = (connection: DatabaseConnection) => run(connection, 'commit')
  rollbackTransaction = (connection: DatabaseConnection) => run(connection, 'rollback')
  destroy = async (): Promise<void> => this.#turns.close()
}

const run = async (connection: DatabaseConnection, sql: string): Promise<void> => {
  await connection.executeQuery(CompiledQuery.raw(sql))
}

class SqliteConnection implements GroupConnection {
  readonly #database: Database.Database
  readonly #statements = new Map<string, Database.Statement>()

  constructor(database: Database.Database) {
    this.#database = database
  }

  get isInTransaction(): boolean {
    return this.#database.inTransaction
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const statement = this.#prepared(query.sql)
    if (statement.reader) return { rows: statement.all(query.parameters) as R[] }
    const { changes } = statement.run(query.parameters)
    return { rows: [], numAffectedRows: BigInt(changes) }
  }

  run(sql: string): void {
    this.#prepared(sql).run()
  }

  #prepared(sql: string): Database.Statement {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  // biome-ignore lint/correctness/useYield: better-sqlite3 gives whole results; nothing here streams
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('streaming is not used on SQLite')
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }
}
