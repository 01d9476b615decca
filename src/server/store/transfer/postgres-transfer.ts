import pg from 'pg'
import type { Cell, Row, TransferDatabase, TransferRows, TransferTable } from '../../domain/ports/transfer.ts'
import { migrationNames } from '../migrate.ts'
import { toldOf } from '../postgres/errors.ts'
import { connectionOptions } from '../postgres/pool.ts'
import { transferTables } from '../tables.ts'

const bigintOid = 20

/** Whole numbers as they are: beyond 2^53 a number would be another one. */
const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === bigintOid ? (text: string) => BigInt(text) : pg.types.getTypeParser(oid, format),
} as pg.CustomTypesConfig

const quoted = (name: string): string => `"${name}"`
const namesOf = ({ columns }: TransferTable): string => columns.map(({ name }) => quoted(name)).join(', ')

/** Texts by their bytes, whatever the order of this database is. */
function orderOf({ key, parent, columns }: TransferTable): string {
  const isText = (name: string) => columns.some(column => column.name === name && column.kind === 'text')
  const keys = key.map(name => (isText(name) ? `${quoted(name)} collate "C"` : quoted(name)))
  return [...(parent === undefined ? [] : [`${quoted(parent)} is not null`]), ...keys].join(', ')
}

const readerOn = (client: pg.Client): TransferRows => ({
  async *read(table) {
    await client.query(
      `declare transfer no scroll cursor for select ${namesOf(table)} from ${quoted(table.name)} order by ${orderOf(table)}`,
    )
    const text = `fetch forward ${table.page} from transfer`
    for (;;) {
      const { rows } = await client.query<Cell[]>({ text, rowMode: 'array', types })
      if (rows.length === 0) break
      yield rows
    }
    await client.query('close transfer')
  },
})

const arrayOf = (kind: string): string => `${kind}[]`

/** One statement for any number of rows: an array for each column. */
async function insert(client: pg.Client, table: TransferTable, rows: readonly Row[]): Promise<void> {
  const places = table.columns.map(({ kind }, index) => `$${index + 1}::${arrayOf(kind)}`).join(', ')
  const values = table.columns.map((_, index) => rows.map(row => row[index] ?? null))
  await client.query({
    name: `insert ${table.name}`,
    text: `insert into ${quoted(table.name)} (${namesOf(table)}) select * from unnest(${places})`,
    values: values.map(column =>
      column.map(cell => {
        if (typeof cell === 'bigint') return String(cell)
        return cell instanceof Uint8Array ? Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength) : cell
      }),
    ),
  })
}

/**
 * The PostgreSQL database at `url`, by one connection.
 * @throws when it can't be reached
 */
export async function openPostgresTransfer(url: string): Promise<TransferDatabase> {
  const client = new pg.Client({ ...connectionOptions(url), application_name: 'hufud transfer' })
  // A connection that breaks is told by the query that is under way.
  client.on('error', () => {})
  await client.connect().catch(error => {
    throw toldOf(error)
  })

  async function within<T>(begin: string, body: () => Promise<T>): Promise<T> {
    await client.query(begin)
    try {
      await client.query('set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0')
      const value = await body()
      await client.query('commit')
      return value
    } catch (error) {
      await client.query('rollback').catch(() => {})
      // What PostgreSQL says of an error may quote a value of a row.
      throw error instanceof pg.DatabaseError ? toldOf(error) : error
    }
  }

  return {
    tables: transferTables,
    migrations: migrationNames,
    async appliedMigrations() {
      const { rows: known } = await client.query("select to_regclass('kysely_migration') is not null as known")
      if (!known[0]?.known) return []
      const { rows } = await client.query<{ name: string }>(
        'select name from kysely_migration order by name collate "C"',
      )
      return rows.map(({ name }) => name)
    },
    snapshot: body => within('begin isolation level repeatable read, read only', () => body(readerOn(client))),
    load: body =>
      within('begin isolation level read committed', async () => {
        // Whoever serves this database reads on and writes nothing: what is looked at stays as it is.
        const names = transferTables.map(({ name }) => quoted(name)).join(', ')
        await client.query(`lock table ${names} in exclusive mode`)
        return body({
          ...readerOn(client),
          insert: (table, rows) =>
            insert(client, table, rows).catch(error => {
              throw toldOf(error)
            }),
        })
      }),
    close: () => client.end(),
  }
}
