import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { execa } from 'execa'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toBase64url } from '../../../src/lib/base64url.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import { migrateDatabase, openSqliteStore, openStore } from '../../../src/server/store/open-store.ts'
import { transferTables } from '../../../src/server/store/tables.ts'
import buildDist from '../../support/build-dist.ts'
import { lacksPostgres, type PostgresCluster, startPostgres } from '../../support/postgres-cluster.ts'
import { fillWithOddRows, hufud } from './moving.ts'

const key = toBase64url(new Uint8Array(32).fill(7))
const engines = lacksPostgres() ? (['sqlite'] as const) : (['sqlite', 'postgres'] as const)
let folder: string
let cluster: PostgresCluster | undefined
let env: Record<string, string>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-engines-'))
  env = { HOME: folder, HUFUD_SECRET_KEY: key }
  await buildDist()
  if (engines.length > 1) cluster = await startPostgres()
})
afterAll(async () => {
  await cluster?.close()
  rmSync(folder, { recursive: true, force: true })
})

let serial = 0
/** The URL of a database that has nothing in it. */
async function emptyDatabase(engine: 'sqlite' | 'postgres'): Promise<string> {
  serial += 1
  if (engine === 'sqlite' || !cluster) return `sqlite:${join(folder, `database-${serial}.db`)}`
  await ask(cluster.url('postgres'), `create database d${serial} template template0 encoding 'UTF8' locale 'C'`)
  return cluster.url(`d${serial}`)
}

async function ask<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

const pathOf = (url: string) => url.slice('sqlite:'.length)

/** How many rows the tables of a database have, all together. */
async function rowsIn(url: string): Promise<number> {
  const text = `select ${transferTables.map(({ name }) => `(select count(*) from "${name}")`).join(' + ')} as rows`
  if (!url.startsWith('sqlite:')) return Number((await ask<{ rows: string }>(url, text))[0]?.rows)
  const opened = new Database(pathOf(url), { readonly: true })
  try {
    return Number(opened.prepare(text).pluck().get())
  } finally {
    opened.close()
  }
}

async function oddDatabase(rowsPerTable: number): Promise<string> {
  const url = await emptyDatabase('sqlite')
  await (await openSqliteStore(pathOf(url))).close()
  fillWithOddRows(pathOf(url), rowsPerTable)
  return url
}

const exported = async (url: string) => {
  const ended = await hufud(['export', '--database', url], env)
  expect(ended).toMatchObject({ exitCode: 0 })
  return ended.stdout
}

/** Of V8: without it garbage may lie about for as long as there is room. */
const smallHeap = ['--max-semi-space-size=4', '--max-old-space-size=40']

/** Accounts with nothing else, by the quickest way. */
function addAccounts(path: string, count: number): void {
  const opened = new Database(path)
  const insert = opened.prepare(
    `insert into accounts (id, username, username_key, phone_number, user_handle, locale, role, created_at)
     values (?, ?, ?, ?, ?, 'zh-CN', 'person', 1)`,
  )
  opened.transaction(() => {
    for (let number = 0; number < count; number += 1) {
      const name = `person${number}`
      insert.run(toBase64url(systemRandom.bytes(16)), name, name, `+8613${number}`, systemRandom.bytes(32))
    }
  })()
  opened.close()
}

describe.skipIf(engines.length === 1)('between SQLite and PostgreSQL', () => {
  test('there and back: the same file, byte for byte', async () => {
    const file = await exported(await oddDatabase(60))
    const middle = await emptyDatabase('postgres')
    expect(await hufud(['import', '--database', middle, '-'], env, { stdin: file })).toMatchObject({ exitCode: 0 })
    expect(await rowsIn(middle)).toBe(60 * transferTables.length)
    const between = await exported(middle)
    expect(between === file).toBe(true)
    const last = await emptyDatabase('sqlite')
    expect(await hufud(['import', '--database', last, '-'], env, { stdin: between })).toMatchObject({ exitCode: 0 })
    expect((await exported(last)) === file).toBe(true)
  })

  test('PostgreSQL has the same tables and columns', async () => {
    const url = await emptyDatabase('postgres')
    const database = {
      engine: 'postgres',
      url,
      connections: 2,
      statementTimeout: 9_000,
      preparesStatements: true,
    } as const
    await migrateDatabase(database, { contract: true, clock: systemClock })
    const rows = await ask<{ table_name: string; column_name: string; data_type: string; is_nullable: string }>(
      url,
      `select table_name, column_name, data_type, is_nullable from information_schema.columns
       where table_schema = 'public' and table_name not like 'kysely%' and table_name <> 'migration_kinds'`,
    )
    const held = rows.map(row => `${row.table_name}.${row.column_name} ${row.data_type} ${row.is_nullable}`)
    const known = transferTables.flatMap(table =>
      table.columns.map(({ name, kind, isNullable }) => `${table.name}.${name} ${kind} ${isNullable ? 'YES' : 'NO'}`),
    )
    expect(held.sort()).toEqual(known.sort())
  })

  test('what PostgreSQL can’t hold is refused, and told without its value', async () => {
    const source = await emptyDatabase('sqlite')
    await (await openSqliteStore(pathOf(source))).close()
    const opened = new Database(pathOf(source))
    opened.prepare('insert into pushes values (?, 1)').run('zq-push\u0000')
    opened.close()
    const file = await exported(source)
    const target = await emptyDatabase('postgres')
    const ended = await hufud(['import', '--database', target, '-'], env, { stdin: file })
    expect([ended.exitCode, ended.stderr]).toEqual([5, expect.stringContaining('lines 2 to 2: the database refused')])
    expect(ended.stderr).not.toContain('zq-push')
    expect(await rowsIn(target)).toBe(0)
  })
})

describe.each(engines)('on %s', engine => {
  /** A database on this engine with what the odd one has. */
  async function filled(rowsPerTable: number) {
    const file = await exported(await oddDatabase(rowsPerTable))
    const url = await emptyDatabase(engine)
    expect(await hufud(['import', '--database', url, '-'], env, { stdin: file })).toMatchObject({ exitCode: 0 })
    return url
  }

  test('a database that has rows is not filled', async () => {
    const url = await filled(4)
    const file = await exported(url)
    const ended = await hufud(['import', '--database', url, '-'], env, { stdin: file })
    expect([ended.exitCode, ended.stderr]).toEqual([5, expect.stringContaining('there are rows in accounts')])
    expect(await rowsIn(url)).toBe(4 * transferTables.length)
  })

  test('killed in the middle: the database is empty, and can be filled', async () => {
    const source = await emptyDatabase('sqlite')
    await (await openSqliteStore(pathOf(source))).close()
    addAccounts(pathOf(source), 20_000)
    const file = await exported(source)
    const url = await emptyDatabase(engine)
    const importing = spawn(process.execPath, ['dist/hufud.cjs', 'import', '--database', url, '-'], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    const gone = once(importing, 'close')
    // More than a pipe holds: once the last of it is taken, most of it was written to the database.
    await new Promise<void>((resolve, reject) =>
      importing.stdin.write(file.slice(0, Math.floor(file.length * 0.9)), error => (error ? reject(error) : resolve())),
    )
    importing.kill('SIGKILL')
    expect((await gone)[1]).toBe('SIGKILL')
    expect(await rowsIn(url)).toBe(0)
    expect(await hufud(['import', '--database', url, '-'], env, { stdin: file })).toMatchObject({ exitCode: 0 })
    expect((await exported(url)) === file).toBe(true)
  })

  test('an export is of one moment, whatever is written meanwhile', async () => {
    const url = await filled(4)
    const database =
      engine === 'sqlite'
        ? ({ engine, path: pathOf(url) } as const)
        : ({ engine, url, connections: 4, statementTimeout: 9_000, preparesStatements: true } as const)
    const store = await openStore(database, { random: systemRandom })
    // Each transaction leaves as many pushes as settings: that many were there at any moment.
    let stopped = false
    let written = 0
    const writing = (async () => {
      while (!stopped) {
        const number = written++
        await store.transaction(async queries => {
          await queries.settings.write(`moving ${number}`, new Uint8Array(400), number)
          await queries.settings.rememberPush(`moving ${number}`, number)
        })
      }
    })()
    try {
      const moments: number[] = []
      while (moments.length < 4) {
        // By a process of its own, as an operator would.
        const { stdout } = await execa(process.execPath, ['dist/hufud.cjs', 'export', '--database', url], { env })
        const file = stdout.split('\n')
        const of = (table: string) =>
          file.filter(line => line.startsWith(`{"table":"${table}"`) && line.includes('moving ')).length
        expect(of('settings')).toBe(of('pushes'))
        moments.push(of('pushes'))
      }
      expect(moments.at(-1)).toBeGreaterThan(moments[0] ?? 0)
    } finally {
      stopped = true
      await writing
      await store.close()
    }
  })

  describe('100,000 accounts take no more memory than 10,000', () => {
    const counts = [10_000, 100_000] as const
    const databases = new Map<number, string>()

    test('imported', async () => {
      const peaks: number[] = []
      for (const count of counts) {
        const url = await emptyDatabase(engine)
        databases.set(count, url)
        peaks.push(await peak(['import', '--database', url, await fileOf(count)]))
      }
      expect(((peaks[1] ?? 0) - (peaks[0] ?? 0)) / 1024).toBeLessThan(40)
    })

    test('exported', async () => {
      const peaks: number[] = []
      for (const count of counts) {
        const file = join(folder, `${engine}-${count}.ndjson`)
        peaks.push(await peak(['export', '--database', databases.get(count) ?? '', '--output', file]))
        expect(readFileSync(file).equals(readFileSync(await fileOf(count)))).toBe(true)
      }
      expect(((peaks[1] ?? 0) - (peaks[0] ?? 0)) / 1024).toBeLessThan(40)
    })
  })
})

/** The most memory that a command took, in KiB. */
async function peak(args: readonly string[]): Promise<number> {
  const watcher = join(folder, 'rss.cjs')
  const rss = join(folder, 'rss')
  writeFileSync(
    watcher,
    "process.on('exit', () => require('fs').writeFileSync(process.env.RSS_FILE, String(process.resourceUsage().maxRSS)))",
  )
  await execa(process.execPath, [...smallHeap, '-r', watcher, 'dist/hufud.cjs', ...args], {
    env: { ...env, RSS_FILE: rss },
  })
  return Number(readFileSync(rss, 'utf8'))
}

/** An export of so many accounts; 100,000 are 45 MB. */
async function fileOf(count: number): Promise<string> {
  const file = join(folder, `${count}.ndjson`)
  if (existsSync(file)) return file
  const source = await emptyDatabase('sqlite')
  await (await openSqliteStore(pathOf(source))).close()
  addAccounts(pathOf(source), count)
  expect(await hufud(['export', '--database', source, '--output', file], env)).toMatchObject({ exitCode: 0 })
  return file
}
