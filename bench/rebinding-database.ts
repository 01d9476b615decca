import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import pg from 'pg'
import { systemClock } from '../src/lib/clock.ts'
import { migrateDatabase } from '../src/server/app.ts'
import { startPostgres } from '../test/support/postgres-cluster.ts'
import { accountOf, type Sizes } from './rebinding-rows.ts'

/** A database with accounts, and others of the same contents. */
export interface RebindingDatabases {
  /** For hufud, as it is given it. */
  readonly subject: string
  /** For hufud and the long file: as large, when that begins, as the other one is for the first. */
  readonly long: string
  /** For what it is compared with. */
  readonly base: string
  /** What hufud has written for a row of its last run. */
  sizes(): Promise<Sizes>
}

const columns =
  'id, username, username_key, password_hash, password_set_at, phone_number, phone_bound_at, user_handle, locale, role, created_at'
const now = Date.now()
const passwordHash = '$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIGl0$aGFzaCBvZiB0aGlydHktdHdvIGJ5dGVzLCBubyBtb3Jl'

const valuesOf = (index: number) => {
  const { id, username, phone } = accountOf(index)
  return [id, username, username, passwordHash, now, phone, now, Buffer.alloc(32, index), 'en', 'person', now]
}

const averages = `select avg(length(changes)) as changes,
  (select avg(length(details)) from events where action = 'admin.rebind') as details,
  (select avg(length(sealed_message)) from outbox) as message,
  (select count(*) from outbox) as messages, count(*) as rows from bulk_rows`

function sizesOf(row: Record<string, unknown>): Sizes {
  const { changes, details, message, messages, rows } = row
  const whole = (value: unknown) => Math.round(Number(value))
  const each = whole(Number(messages) / Number(rows))
  return { changes: whole(changes), details: whole(details), message: whole(message), messages: each }
}

/** A file of SQLite in `folder`, and copies of it. */
export async function withSqlite<T>(
  folder: string,
  accounts: number,
  work: (databases: RebindingDatabases) => Promise<T>,
): Promise<T> {
  const [subject, long, base] = ['hufud.db', 'long.db', 'bare.db'].map(name => join(folder, name)) as [
    string,
    string,
    string,
  ]
  await migrateDatabase({ engine: 'sqlite', path: subject }, { contract: true, clock: systemClock })
  const database = new Database(subject)
  const insert = database.prepare(`insert into accounts (${columns}) values (?,?,?,?,?,?,?,?,?,?,?)`)
  database.transaction(() => {
    for (let index = 0; index < accounts; index++) insert.run(valuesOf(index))
  })()
  database.pragma('wal_checkpoint(TRUNCATE)')
  database.close()
  for (const copy of [long, base]) copyFileSync(subject, copy)
  return work({
    subject: `sqlite:${subject}`,
    long: `sqlite:${long}`,
    base: `sqlite:${base}`,
    async sizes() {
      const opened = new Database(subject)
      const row = opened.prepare(averages).get() as Record<string, unknown>
      opened.close()
      return sizesOf(row)
    },
  })
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const atOnce = 1000

async function fill(url: string, accounts: number): Promise<void> {
  await withClient(url, async client => {
    for (let first = 0; first < accounts; first += atOnce) {
      const rows = Array.from({ length: Math.min(atOnce, accounts - first) }, (_, index) => valuesOf(first + index))
      let place = 0
      const text = rows.map(row => `(${row.map(() => `$${++place}`).join(',')})`).join(',')
      await client.query(`insert into accounts (${columns}) values ${text}`, rows.flat())
    }
    await client.query('analyze')
  })
}

/** A cluster of PostgreSQL whose commits are durable, with the databases. */
export async function withPostgres<T>(
  accounts: number,
  work: (databases: RebindingDatabases) => Promise<T>,
): Promise<T> {
  const cluster = await startPostgres({ durable: true })
  try {
    const [subject, base] = [cluster.url('hufud'), cluster.url('bare')]
    const limits = { connections: 2, statementTimeout: 600_000, preparesStatements: true }
    await migrateDatabase({ engine: 'postgres', url: subject, ...limits }, { contract: true, clock: systemClock })
    await fill(subject, accounts)
    await withClient(cluster.url('postgres'), async client => {
      for (const copy of ['long', 'bare']) await client.query(`create database ${copy} template hufud`)
    })
    return await work({
      subject,
      long: cluster.url('long'),
      base,
      sizes: () => withClient(subject, async client => sizesOf((await client.query(averages)).rows[0])),
    })
  } finally {
    await cluster.close()
  }
}
