import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { type CompiledQuery, Kysely } from 'kysely'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type RemovedKind, removedKinds } from '../../../src/server/domain/ports/removed-kinds.ts'
import type { Store } from '../../../src/server/domain/ports/store.ts'
import type { Cell } from '../../../src/server/domain/ports/transfer.ts'
import { PostgresDialect } from '../../../src/server/store/postgres/dialect.ts'
import { PostgresPool } from '../../../src/server/store/postgres/pool.ts'
import { cleaningQueries } from '../../../src/server/store/queries/cleaning.ts'
import type { Tables } from '../../../src/server/store/schema.ts'
import { SqliteDialect } from '../../../src/server/store/sqlite-dialect.ts'
import { transferTables } from '../../../src/server/store/tables.ts'
import { openTransfer } from '../../../src/server/store/transfer/open-transfer.ts'
import { isOnPostgres, testDatabase } from '../../support/database.ts'
import { openStoreAt } from '../../support/store-at.ts'

let folder: string
let url: string
let store: Store
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-cleaning-'))
  url = await testDatabase(folder)
  store = await openStoreAt(url)
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const pathOf = () => url.slice('sqlite:'.length)
const config = () =>
  isOnPostgres
    ? ({ engine: 'postgres', url, connections: 2, statementTimeout: 9_000, preparesStatements: false } as const)
    : ({ engine: 'sqlite', path: pathOf() } as const)

type Given = Readonly<Record<string, string | number | null>>
const times = /_at$|^at$|not_after|blocked_until|last_step/

/** Adds rows: what is not given is its column's name and the row's number, or `time` where it is one. */
async function add(rows: readonly (readonly [table: string, time: number, given: Given])[]): Promise<void> {
  const database = await openTransfer(config())
  let serial = 0
  await database.load(async loading => {
    for (const [name, time, given] of rows) {
      serial += 1
      const table = transferTables.find(one => one.name === name)
      if (!table) throw new Error(name)
      const cells = table.columns.map((column): Cell => {
        const value = given[column.name]
        if (typeof value === 'number') return BigInt(value)
        if (value !== undefined) return value
        if (column.isNullable) return null
        if (column.kind === 'text') return `${column.name} ${time} ${serial}`
        if (column.kind === 'bytea') return Uint8Array.of(1)
        return BigInt(times.test(column.name) ? time : serial)
      })
      await loading.insert(table, [cells])
    }
  })
  await database.close()
}

async function idsOf(name: string): Promise<string[]> {
  const database = await openTransfer(config())
  const table = transferTables.find(one => one.name === name)
  if (!table) throw new Error(name)
  const ids = await database.snapshot(async rows => {
    const found: string[] = []
    for await (const page of rows.read(table)) found.push(...page.map(row => String(row[0])))
    return found
  })
  await database.close()
  return ids
}

const remove = (kind: RemovedKind, before = 1000, limit = 100) =>
  store.transaction(queries => queries.cleaning.remove(kind, before, limit))
const old = 10
const young = 5000
const of = { account_id: 'a' }
const login = (id: string, time: number, given: Given = {}) => ['sessions', time, { ...of, id, ...given }] as const
const asked = (id: string, time: number, session: string) =>
  ['challenges', time, { ...of, id, session_id: session }] as const

describe('what has had its time', () => {
  test('goes, children before parents; what is younger stays, and what it refers to', async () => {
    await add([
      ['accounts', old, { id: 'a' }],
      ['enrolment_links', old, { ...of, id: 'link of a session' }],
      ['enrolment_links', old, { ...of, id: 'old link' }],
      ['enrolment_links', young, { ...of, id: 'link' }],
      login('old', old),
      login('of a challenge', old),
      login('of a link', young, { enrolment_link_id: 'link of a session' }),
      login('young', young),
      asked('old', old, 'old'),
      asked('of a binding', old, 'of a challenge'),
      asked('young', young, 'young'),
      ['bindings', young, { ...of, id: 'young', session_id: 'young', challenge_id: 'of a binding' }],
      ['bindings', old, { ...of, id: 'old', session_id: 'old', challenge_id: 'old' }],
      ['wechat_authorisations', old, { state_hash: 'old', binding_id: 'old' }],
      ['wechat_authorisations', young, { state_hash: 'young', binding_id: 'young' }],
      ['service_credentials', old, { id: 'old' }],
      ['service_credentials', old, { id: 'of a run' }],
      ['bulk_runs', old, { id: 'run', credential_id: 'of a run' }],
    ])
    // Parents first: they have to wait.
    for (const kind of [...removedKinds].reverse()) await remove(kind)
    expect(await idsOf('sessions')).toContain('old')
    for (const kind of removedKinds) await remove(kind)
    expect(await idsOf('wechat_authorisations')).toEqual(['young'])
    expect(await idsOf('bindings')).toEqual(['young'])
    expect(await idsOf('challenges')).toEqual(['of a binding', 'young'])
    expect(await idsOf('sessions')).toEqual(['of a challenge', 'of a link', 'young'])
    expect(await idsOf('enrolment_links')).toEqual(['link', 'link of a session'])
    expect(await idsOf('service_credentials')).toEqual(['of a run'])
  })

  test('throttles go when nobody has counted since, and they block nobody', async () => {
    await add(
      ['send:x', 'guess:x'].flatMap(key => [
        ['throttles', old, { key: `${key} idle` }] as const,
        ['throttles', old, { key: `${key} blocked`, blocked_until: young }] as const,
        ['throttles', young, { key: `${key} young` }] as const,
      ]),
    )
    expect([await remove('throttles'), await remove('throttles')]).toEqual([1, 0])
    expect(await idsOf('throttles')).toContain('guess:x idle')
    expect([await remove('guess_throttles'), await remove('guess_throttles')]).toEqual([1, 0])
    expect((await idsOf('throttles')).sort()).toEqual(
      ['guess:x blocked', 'guess:x young', 'send:x blocked', 'send:x young'].sort(),
    )
  })

  test('messages whose time has not passed stay, and events that are younger', async () => {
    await add([
      ['outbox', old, { id: 'old' }],
      ['outbox', old, { id: 'waiting', not_after: young }],
      ['events', old, { id: 'old' }],
      ['events', young, { id: 'young' }],
    ])
    expect([await remove('outbox'), await remove('events')]).toEqual([1, 1])
    expect([await idsOf('outbox'), await idsOf('events')]).toEqual([['waiting'], ['young']])
  })

  test('rows of runs go when the run is finished for long, and nobody is undoing it', async () => {
    const runs = { done: old, recent: young, unfinished: null, undone: old } as const
    await add([
      ['accounts', old, { id: 'a' }],
      ...Object.entries(runs).map(
        ([id, finished]) => ['bulk_runs', old, { id, kind: 'rebind', finished_at: finished }] as const,
      ),
      ['bulk_runs', young, { id: 'undoing', kind: 'undo', undoes: 'undone' }],
      ...Object.keys(runs).flatMap(run_id =>
        [1, 2, 3].map(row_number => ['bulk_rows', old, { ...of, run_id, row_number }] as const),
      ),
    ])
    expect([await remove('bulk_rows', 1000, 2), await remove('bulk_rows', 1000, 2)]).toEqual([2, 1])
    expect(await remove('bulk_rows', 1000, 2)).toBe(0)
    expect(new Set(await idsOf('bulk_rows'))).toEqual(new Set(['recent', 'undone', 'unfinished']))
  })

  test('no more than was asked for, the oldest first', async () => {
    await add(Array.from({ length: 25 }, (_, number) => ['codes', 100 - number, { id: `${number}` }] as const))
    expect(await remove('codes', 1000, 10)).toBe(10)
    expect((await idsOf('codes')).map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, n) => n))
  })
})

/** The statements of a removal, as the engine is sent them. */
async function statementsOf(kind: RemovedKind): Promise<CompiledQuery[]> {
  const sent: CompiledQuery[] = []
  const limits = { connections: 1, statementTimeout: 9_000, preparesStatements: false }
  const dialect = isOnPostgres ? new PostgresDialect(new PostgresPool(url, limits)) : new SqliteDialect(pathOf())
  const db = new Kysely<Tables>({ dialect, log: ({ query }) => void sent.push(query) })
  await cleaningQueries(db).remove(kind, 1000, 100)
  await db.destroy()
  return sent
}

async function planOf({ sql, parameters }: CompiledQuery): Promise<string[]> {
  if (!isOnPostgres) {
    const database = new Database(pathOf())
    const lines = database.prepare<unknown[], { detail: string }>(`explain query plan ${sql}`).all(...parameters)
    database.close()
    return lines.map(({ detail }) => detail)
  }
  const client = new pg.Client(url)
  await client.connect()
  // Small tables are read whole all the same: the question is whether they need not be.
  await client.query('set enable_seqscan = off')
  const { rows } = await client.query(`explain (costs off) ${sql}`, [...parameters])
  await client.end()
  return rows.map(row => row['QUERY PLAN'])
}

describe('among millions of rows', () => {
  test.each(removedKinds)('%s are found by an index', async kind => {
    if (kind === 'bulk_rows') {
      await add([
        ['accounts', old, { id: 'a' }],
        ['bulk_runs', old, { id: 'run', finished_at: old }],
        ['bulk_rows', old, { ...of, run_id: 'run', row_number: 1 }],
      ])
    }
    const statements = await statementsOf(kind)
    expect(statements.length).toBeGreaterThan(0)
    for (const statement of statements) {
      const plan = (await planOf(statement)).join('\n')
      expect(plan).not.toMatch(/Seq Scan|\bSCAN (?!.*USING (?:COVERING )?INDEX bulk_runs_finished)/)
      expect(plan).toMatch(/_(expiry|received|idle|idle_guesses|created|by_time|finished|pkey)\b|bulk_rows/)
    }
  })

  test.skipIf(isOnPostgres)('whatever refers to a row that is removed is found by an index, too', () => {
    const database = new Database(pathOf())
    const removed = new Set<string>(removedKinds)
    const missing: string[] = []
    for (const { name } of transferTables) {
      const references = database
        .prepare<[], { from: string; table: string }>(`select "from", "table" from pragma_foreign_key_list('${name}')`)
        .all()
      const leading = database
        .prepare<[], string>(
          `select (select name from pragma_index_info(i.name) where seqno = 0) from pragma_index_list('${name}') i`,
        )
        .pluck()
        .all()
      for (const { from, table } of references) {
        if (removed.has(table) && !leading.includes(from)) missing.push(`${name}.${from}`)
      }
    }
    database.close()
    expect(missing).toEqual([])
  })
})
