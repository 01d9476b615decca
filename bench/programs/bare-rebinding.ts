// What a bulk rebinding makes of a database, sent straight to the engine from one process that does nothing else.
import { randomBytes } from 'node:crypto'
import Database from 'better-sqlite3'
import pg from 'pg'
import { longestPart } from '../../src/server/domain/bulk/in-parts.ts'
import { bareRows, type Sizes } from '../rebinding-rows.ts'

type Value = string | number | Uint8Array | null
type Send = (sql: string, values: readonly Value[]) => Promise<void>

export interface BareRebinding {
  /** As hufud is given it. */
  readonly database: string
  readonly rows: number
  /** What tells one run from the next. */
  readonly round: number
  readonly sizes: Sizes
}

/** The columns of the rows that a statement takes, with their types, and the statement. */
interface Bulk {
  readonly columns: Readonly<Record<string, 'text' | 'bigint' | 'bytea'>>
  sql(v: string, names: string): string
}

const inserting = (table: string, columns: Bulk['columns']): Bulk => ({
  columns,
  sql: (v, names) =>
    `with ${v} insert into ${table} (${names}) select ${names} from v where v.id is not null on conflict do nothing`,
})
const setPhones: Bulk = {
  columns: { id: 'text', was: 'text', value: 'text', key: 'text', bound_at: 'bigint', used_at: 'bigint' },
  sql: v => `with ${v} update accounts set phone_number = v.key, phone_bound_at = v.bound_at, phone_used_at = v.used_at
    from v where accounts.id = v.id and accounts.phone_number is not distinct from v.was`,
}
const insertRows: Bulk = {
  columns: { run_id: 'text', row_number: 'bigint', account_id: 'text', applied_at: 'bigint', changes: 'text' },
  sql: (v, names) => `with ${v} insert into bulk_rows (${names}) select ${names} from v
    where v.run_id is not null on conflict do nothing`,
}
const insertEvents = inserting('events', {
  id: 'text',
  account_id: 'text',
  at: 'bigint',
  action: 'text',
  method: 'text',
  session_id: 'text',
  source: 'text',
  details: 'text',
  actor: 'text',
  run_id: 'text',
})
const insertMessages = inserting('outbox', {
  id: 'text',
  channel: 'text',
  purpose: 'text',
  account_id: 'text',
  decoy: 'bigint',
  sealed_message: 'bytea',
  created_at: 'bigint',
  not_after: 'bigint',
  attempts: 'bigint',
  next_attempt_at: 'bigint',
  lapsed: 'bigint',
})

const isPostgres = (database: string) => !database.startsWith('sqlite:')

/** A statement's text for `count` rows. SQLite's placeholders have no numbers. */
function textOf({ columns, sql }: Bulk, count: number, postgres: boolean): string {
  let index = 0
  const cell = (type: string) => {
    index++
    if (type === 'bytea' && !postgres) return '?'
    return `cast(${postgres ? `$${index}` : '?'} as ${type})`
  }
  const names = Object.keys(columns).join(', ')
  const rows = Array.from({ length: count }, () => `(${Object.values(columns).map(cell).join(', ')})`)
  return sql(`v(${names}) as (values ${rows.join(', ')})`, names)
}

const placeholders = (count: number, postgres: boolean, from = 1) =>
  Array.from({ length: count }, (_, index) => `cast(${postgres ? `$${from + index}` : '?'} as text)`).join(', ')

const texts = new Map<Bulk, Map<number, string>>()
function textFor(bulk: Bulk, count: number, postgres: boolean): string {
  const known = texts.get(bulk) ?? new Map<number, string>()
  texts.set(bulk, known)
  const text = known.get(count) ?? textOf(bulk, count, postgres)
  known.set(count, text)
  return text
}

type Row = ReturnType<typeof bareRows>[number]

/** One transaction and the reads before it: what hufud asks of a database for as many rows. */
async function sendPart(send: Send, rows: readonly Row[], postgres: boolean): Promise<void> {
  const numbered = (sql: string) => {
    let index = 0
    return postgres ? sql.replace(/\?/g, () => `$${++index}`) : sql
  }
  const all = (bulk: Bulk, values: readonly Value[][]) => send(textFor(bulk, values.length, postgres), values.flat())
  const list = placeholders(rows.length, postgres)
  const first = rows[0]
  const last = rows.at(-1)
  if (!first || !last) return
  const now = first.at
  await send(
    `select * from accounts where username_key in (${list})`,
    rows.map(row => row.username),
  )
  await send(
    `select id, username, phone_number, email_key from accounts where phone_number in (${list})`,
    rows.map(row => row.phone),
  )
  await send(
    numbered('select * from bulk_rows where run_id = ? and row_number >= ? and row_number <= ? order by row_number'),
    [first.runId, first.number, last.number],
  )
  await send(postgres ? 'begin' : 'begin immediate', [])
  if (postgres) {
    await send(
      `select id from accounts where id in (${list}) order by id collate "C" for no key update`,
      rows.map(row => row.id).sort(),
    )
  }
  await all(
    insertRows,
    rows.map(row => [row.runId, row.number, row.id, now, row.changes]),
  )
  await all(
    setPhones,
    rows.map(row => [row.id, row.was, row.phone, row.phone, now, null]),
  )
  for (const table of ['bindings', 'reversals']) {
    const ids = placeholders(rows.length, postgres, 2)
    const at = postgres ? '$1' : '?'
    await send(
      `update ${table} set ended_at = ${at}, outcome = 'replaced' where account_id in (${ids}) and item = 'phone' and ended_at is null`,
      [now, ...rows.map(row => row.id)],
    )
  }
  await all(
    insertEvents,
    rows.map(row => [
      row.eventId,
      row.id,
      now,
      'admin.rebind',
      null,
      null,
      '127.0.0.1',
      row.details,
      'token:hufud',
      row.runId,
    ]),
  )
  const messages = rows.flatMap(row =>
    row.messages.map(({ id, sealed }) => [id, 'phone', 'notice', row.id, 0, sealed, now, now, 0, now, 0]),
  )
  for (let start = 0; start < messages.length; start += rows.length) {
    await all(insertMessages, messages.slice(start, start + rows.length))
  }
  await send('commit', [])
}

function overSqlite(path: string) {
  const database = new Database(path)
  const limits = ['wal_autocheckpoint = 4000', 'cache_size = -32768']
  for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON', ...limits]) {
    database.pragma(pragma)
  }
  const prepared = new Map<string, Database.Statement>()
  const send: Send = async (sql, values) => {
    const statement = prepared.get(sql) ?? database.prepare(sql)
    prepared.set(sql, statement)
    if (statement.reader) statement.all(values)
    else statement.run(values)
  }
  return { send, close: async () => void database.close() }
}

async function overPostgres(url: string) {
  const client = new pg.Client(url)
  await client.connect()
  const names = new Map<string, string>()
  const send: Send = async (text, values) => {
    const name = names.get(text) ?? `s${names.size}`
    names.set(text, name)
    await client.query({ text, values: [...values], ...(values.length > 0 ? { name } : {}) })
  }
  return { send, close: () => client.end() }
}

/** Milliseconds that the statements took; making their values is left out. */
async function rebind({ database, rows, round, sizes }: BareRebinding): Promise<number> {
  const postgres = isPostgres(database)
  const engine = postgres ? await overPostgres(database) : overSqlite(database.slice('sqlite:'.length))
  const runId = randomBytes(16).toString('base64url')
  const now = Date.now()
  const send = engine.send
  await send(
    `insert into bulk_runs (id, kind, started_by, secret_hash, secret_expires_at, row_count, batch_digests, reason, notify, created_at)
    values ('${runId}', 'rebind', 'token:hufud', '${runId}', ${now}, ${rows}, ${postgres ? "'\\x00'" : "x'00'"}, 'bench', 1, ${now})`,
    [],
  )
  let taken = 0
  for (let first = 0; first < rows; first += longestPart) {
    const part = bareRows(first, Math.min(rows, first + longestPart), { round, runId, at: now, sizes })
    const start = performance.now()
    await sendPart(send, part, postgres)
    taken += performance.now() - start
  }
  await engine.close()
  return taken
}

process.on('message', async (question: BareRebinding) => {
  process.send?.(await rebind(question))
})
