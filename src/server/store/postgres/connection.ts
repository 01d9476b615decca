import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import type pg from 'pg'
import { isStalePlan, PostgresUnavailable, toldOf } from './errors.ts'
import type { StatementNames } from './statement-names.ts'

const kindsThatChange = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE'])

/** One connection of a pool, while it is taken. */
export class PostgresConnection implements DatabaseConnection {
  readonly #client: pg.PoolClient
  readonly #names: StatementNames
  #isLost = false

  constructor(client: pg.PoolClient, names: StatementNames) {
    this.#client = client
    this.#names = names
  }

  /** Whether nothing more can be asked on it. */
  get isLost(): boolean {
    return this.#isLost
  }

  /**
   * @throws {PostgresUnavailable} when it was not done, though nothing is wrong with it
   * @throws {StatementRefused}
   */
  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const name = this.#names.nameOf(query)
    const { command, rowCount, rows } = await this.#ask({
      text: query.sql,
      values: [...query.parameters],
      ...(name === undefined ? {} : { name }),
    })
    return kindsThatChange.has(command) ? { rows, numAffectedRows: BigInt(rowCount ?? 0) } : { rows }
  }

  /** Runs a statement that gives no rows. @returns what was done: `COMMIT` may be answered by `ROLLBACK` */
  async run(sql: string): Promise<string> {
    return (await this.#ask({ text: sql })).command
  }

  async #ask(query: pg.QueryConfig): Promise<pg.QueryResult> {
    try {
      return await this.#client.query(query)
    } catch (error) {
      const told = toldOf(error)
      if (told instanceof PostgresUnavailable && told.hindrance === 'lost') this.#isLost = true
      if (isStalePlan(error) && query.name !== undefined) this.#names.renew(query.name)
      throw told
    }
  }

  /** Gives it back to its pool; one that is lost is ended. */
  release(): void {
    this.#client.release(this.#isLost)
  }

  // biome-ignore lint/correctness/useYield: whole results are small; nothing here streams
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('streaming is not used')
  }
}
