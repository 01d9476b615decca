import { readFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import pg from 'pg'

/** pg's own parsers are for the whole process; these are for one query. */
const numbers: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format: 'text') =>
    oid === pg.types.builtins.INT8
      ? Number
      : pg.types.getTypeParser(oid, format)) as pg.CustomTypesConfig['getTypeParser'],
}

async function onPostgres<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, types: numbers })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/**
 * Asks the database itself, beside hufud: one statement in both engines' SQL, with `?` for each of `values`.
 * @returns the rows that it gives
 */
export async function askDatabase<R extends object>(
  url: string,
  statement: string,
  ...values: readonly (string | number | null)[]
): Promise<R[]> {
  if (!url.startsWith('sqlite:')) {
    let number = 0
    const numbered = statement.replaceAll('?', () => `$${++number}`)
    return onPostgres(url, async client => (await client.query<R>(numbered, [...values])).rows)
  }
  const database = new Database(url.slice('sqlite:'.length))
  try {
    const prepared = database.prepare(statement)
    if (prepared.reader) return prepared.all(...values) as R[]
    prepared.run(...values)
    return []
  } finally {
    database.close()
  }
}

/** Everything that lies in the database: the bytes of its file and log, or of the values in all its tables. */
export async function contentsOf(url: string): Promise<Buffer> {
  if (url.startsWith('sqlite:')) {
    const path = url.slice('sqlite:'.length)
    return Buffer.concat(['', '-wal'].map(suffix => readFileSync(`${path}${suffix}`)))
  }
  const ofThisSchema = "select tablename as name from pg_tables where schemaname = 'public'"
  const values: Buffer[] = []
  for (const { name } of await askDatabase<{ name: string }>(url, ofThisSchema)) {
    const rows = await askDatabase(url, `select * from ${name}`)
    values.push(
      ...rows.flatMap(Object.values).map(value => (value instanceof Buffer ? value : Buffer.from(`${value}`))),
    )
  }
  return Buffer.concat(values)
}
