/** A value as a row holds it: `bigint` columns as `bigint`, whatever the engine's driver makes of them. */
export type Cell = string | bigint | Uint8Array | null

/** The cells of a row, in the order of its table's columns. */
export type Row = readonly Cell[]

export interface TransferColumn {
  readonly name: string
  readonly kind: 'text' | 'bigint' | 'bytea'
  readonly isNullable: boolean
}

/** What is to be known of a table to move its rows. */
export interface TransferTable {
  readonly name: string
  readonly columns: readonly TransferColumn[]
  /** The columns of the primary key, by which rows are ordered: texts as UTF-8 bytes. */
  readonly key: readonly string[]
  /** A column that refers to this table itself: rows that have none come first. */
  readonly parent: string | undefined
  /** How many rows are read or written at once: few where rows may be long. */
  readonly page: number
}

/** The rows of a database at one moment, in the order of `TransferTable.key`. */
export interface TransferRows {
  read(table: TransferTable): AsyncIterable<readonly Row[]>
}

/** A transaction that fills an empty database. */
export interface TransferLoading extends TransferRows {
  /** @throws what the engine has against one of the rows */
  insert(table: TransferTable, rows: readonly Row[]): Promise<void>
}

/** A whole database, to be read or filled. */
export interface TransferDatabase {
  /** Every table of the schema; one comes after those that it refers to. */
  readonly tables: readonly TransferTable[]
  /** The migrations that this program knows, in their order. */
  readonly migrations: readonly string[]
  /** The migrations that the database has seen; none in one that is not hufud's. */
  appliedMigrations(): Promise<readonly string[]>
  /** Reads in one transaction: nobody is kept from writing, and nothing of what they write is seen. */
  snapshot<T>(body: (rows: TransferRows) => Promise<T>): Promise<T>
  /**
   * Writes in one transaction, in which nobody else writes; when `body` throws, nothing was written.
   * @returns once it is durable
   */
  load<T>(body: (loading: TransferLoading) => Promise<T>): Promise<T>
  close(): Promise<void>
}
