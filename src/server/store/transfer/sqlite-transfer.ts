import Database from 'better-sqlite3'
import type { Cell, Row, TransferDatabase, TransferRows, TransferTable } from '../../domain/ports/transfer.ts'
import { migrationNames } from '../migrate.ts'
import { transferTables } from '../tables.ts'

const namesOf = ({ columns }: TransferTable): string => columns.map(({ name }) => `"${name}"`).join(', ')

/** SQLite compares texts as UTF-8 bytes of itself. */
const orderOf = ({ key, parent }: TransferTable): string =>
  [...(parent === undefined ? [] : [`"${parent}" is not null`]), ...key.map(name => `"${name}"`)].join(', ')

const readerOn = (database: Database.Database): TransferRows => ({
  async *read(table) {
    const statement = database.prepare<[], Cell[]>(
      `select ${namesOf(table)} from "${table.name}" order by ${orderOf(table)}`,
    )
    let page: Row[] = []
    for (const row of statement.raw().safeIntegers().iterate()) {
      page.push(row)
      if (page.length < table.page) continue
      yield page
      page = []
    }
    if (page.length > 0) yield page
  },
})

/**
 * The SQLite database at `path`, by a connection of its own, so that a hufud that serves it goes on meanwhile.
 * @throws when there is no such file
 */
export function openSqliteTransfer(path: string): TransferDatabase {
  const database = new Database(path, { fileMustExist: true })
  database.pragma('busy_timeout = 5000')
  database.pragma('foreign_keys = ON')
  database.pragma('synchronous = FULL')

  async function within<T>(begin: string, body: () => Promise<T>): Promise<T> {
    database.exec(begin)
    try {
      const value = await body()
      database.exec('commit')
      return value
    } finally {
      if (database.inTransaction) database.exec('rollback')
    }
  }

  return {
    tables: transferTables,
    migrations: migrationNames,
    async appliedMigrations() {
      const known = database.prepare("select 1 from sqlite_master where name = 'kysely_migration'").get()
      if (!known) return []
      return database.prepare<[], string>('select name from kysely_migration order by name').pluck().all()
    },
    snapshot: body => within('begin', () => body(readerOn(database))),
    load: body =>
      within('begin immediate', () => {
        const statements = new Map<string, Database.Statement>()
        return body({
          ...readerOn(database),
          async insert(table, rows) {
            const places = table.columns.map(() => '?').join(', ')
            const sql = `insert into "${table.name}" (${namesOf(table)}) values (${places})`
            const statement = statements.get(sql) ?? database.prepare(sql)
            statements.set(sql, statement)
            for (const row of rows) statement.run(row)
          },
        })
      }),
    async close() {
      database.close()
    },
  }
}
