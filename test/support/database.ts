import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import pg from 'pg'

/** What the tests of this project keep their data in. */
export const testEngine = (process.env.HUFU_TEST_DATABASE ?? 'sqlite') as
  | 'sqlite'
  | 'postgres'
  | 'postgres-serializable'

export const isOnPostgres = testEngine !== 'sqlite'

const made = new Set<string>()

async function ask(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

const nameIn = (url: string): string => new URL(url).pathname.slice(1)

/** As the role that may end whatever else is connected, autovacuum included. */
function asOperator(url: string): string {
  const other = new URL(sibling(url, 'postgres'))
  other.username = 'postgres'
  return other.href
}

function sibling(url: string, database: string): string {
  const other = new URL(url)
  other.pathname = `/${database}`
  return other.href
}

async function freshPostgres(): Promise<string> {
  const template = process.env.HUFU_TEST_POSTGRES_TEMPLATE ?? ''
  const url = sibling(template, `test_${randomBytes(8).toString('hex')}`)
  await ask(sibling(template, 'postgres'), `create database ${nameIn(url)} template ${nameIn(template)}`)
  made.add(url)
  return url
}

/**
 * The URL of a fresh database for one server, or for several that share it: a file in `folder`, or a database of the
 * cluster that the tests of this project have. It is gone at the end of the file's tests, or when it is dropped.
 */
export async function testDatabase(folder: string, name = 'hufud'): Promise<string> {
  return isOnPostgres ? freshPostgres() : `sqlite:${join(folder, `${name}.db`)}`
}

/** Drops what `testDatabase` gave, whoever is still connected. A file goes with its folder. */
export async function dropTestDatabase(url: string): Promise<void> {
  if (!made.delete(url)) return
  await ask(asOperator(url), `drop database if exists ${nameIn(url)} with (force)`)
}

export async function dropTestDatabases(): Promise<void> {
  for (const url of made) await dropTestDatabase(url)
}

/** What the environment must say beside the database: a file's secret key lies beside it, any other has to be told. */
export const databaseEnvironment: Readonly<Record<string, string>> = isOnPostgres
  ? { HUFUD_SECRET_KEY: Buffer.alloc(32, 7).toString('base64url') }
  : {}
