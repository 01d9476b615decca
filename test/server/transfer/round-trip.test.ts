import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toBase64url } from '../../../src/lib/base64url.ts'
import { openSqliteStore } from '../../../src/server/store/open-store.ts'
import { transferTables } from '../../../src/server/store/tables.ts'
import { fillWithOddRows, hufud } from './moving.ts'

const key = toBase64url(new Uint8Array(32).fill(7))
let folder: string
let env: Record<string, string>
let exported: string
const path = (name: string) => join(folder, name)
const database = (name: string) => ['--database', `sqlite:${path(name)}`]
const makeEmpty = async (name: string) => (await openSqliteStore(path(name))).close()

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-transfer-'))
  env = { HOME: folder, HUFUD_SECRET_KEY: key }
  await makeEmpty('source.db')
  fillWithOddRows(path('source.db'), 40)
  exported = (await hufud(['export', ...database('source.db')], env)).stdout
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The rows of every table of a database, counted. */
function counts(name: string): Record<string, number> {
  const opened = new Database(path(name), { readonly: true })
  try {
    return Object.fromEntries(
      transferTables.map(table => [
        table.name,
        opened.prepare<[], number>(`select count(*) from "${table.name}"`).pluck().get() ?? -1,
      ]),
    )
  } finally {
    opened.close()
  }
}

const everywhere = (count: number) => Object.fromEntries(transferTables.map(({ name }) => [name, count]))

let serial = 0
/** Imports a text into a fresh database. */
async function importing(text: string | Uint8Array, overEnv = env) {
  serial += 1
  const name = `target-${serial}.db`
  const ended = await hufud(['import', ...database(name), '-'], overEnv, { stdin: text })
  return { ...ended, name }
}

describe('the tables', () => {
  test('all that the database has, with every column, its kind, and the primary key', () => {
    const opened = new Database(path('source.db'), { readonly: true })
    const names = opened
      .prepare<[], string>(
        "select name from sqlite_master where type = 'table' and name not like 'kysely%' and name <> 'migration_kinds' order by name",
      )
      .pluck()
      .all()
    expect(transferTables.map(({ name }) => name).sort()).toEqual(names)
    for (const table of transferTables) {
      const columns = opened
        .prepare<[], { name: string; type: string; notnull: number; pk: number }>(`pragma table_info("${table.name}")`)
        .all()
      const known = columns.map(column => ({
        name: column.name,
        kind: column.type.toLowerCase(),
        isNullable: column.notnull === 0 && column.pk === 0,
      }))
      const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
      expect([...table.columns].sort(byName)).toEqual(known.sort(byName))
      const keys = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk)
      expect(table.key).toEqual(keys.map(({ name }) => name))
    }
    opened.close()
  })

  test('each comes after those that it refers to', () => {
    const opened = new Database(path('source.db'), { readonly: true })
    const order = transferTables.map(({ name }) => name)
    for (const table of transferTables) {
      const parents = opened
        .prepare<[], { table: string; from: string }>(
          `select "table", "from" from pragma_foreign_key_list('${table.name}')`,
        )
        .all()
      for (const parent of parents) {
        if (parent.table === table.name) expect(table.parent).toBe(parent.from)
        else expect(order.indexOf(parent.table)).toBeLessThan(order.indexOf(table.name))
      }
    }
    opened.close()
  })
})

describe('from SQLite to SQLite', () => {
  test('the file of what was imported is the file that was imported, byte for byte', async () => {
    const first = await importing(exported)
    expect(first).toMatchObject({ exitCode: 0, stdout: '' })
    expect(counts(first.name)).toEqual(everywhere(40))
    const again = await hufud(['export', ...database(first.name)], env)
    expect(again.stdout === exported).toBe(true)
  })

  test('a database without rows', async () => {
    await makeEmpty('empty.db')
    const { stdout } = await hufud(['export', ...database('empty.db')], env)
    expect(stdout.trim().split('\n')).toHaveLength(2)
    const { exitCode, name } = await importing(stdout)
    expect([exitCode, counts(name)]).toEqual([0, everywhere(0)])
  })
})

describe('a file', () => {
  test('is its owner’s alone, is there whole or not at all, and is not replaced unasked', async () => {
    const file = path('all.ndjson')
    const write = (...more: string[]) => hufud(['export', ...database('source.db'), '--output', file, ...more], env)
    const ended = await write()
    expect([ended.exitCode, ended.stdout]).toEqual([0, ''])
    expect(ended.stderr).toContain('HUFUD_SECRET_KEY')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8') === exported).toBe(true)
    const refused = await write()
    expect([refused.exitCode, refused.stderr]).toEqual([5, expect.stringContaining('--force')])
    writeFileSync(file, 'older')
    expect(await write('--force')).toMatchObject({ exitCode: 0 })
    expect(readFileSync(file, 'utf8') === exported).toBe(true)
    expect(readdirSync(folder).filter(name => name.endsWith('.part'))).toEqual([])
    expect(await hufud(['import', ...database('by-file.db'), file], env)).toMatchObject({ exitCode: 0 })
  })

  test('a folder that is not there, or is where the file should be', async () => {
    const nowhere = await hufud(['export', ...database('source.db'), '--output', path('no/where')], env)
    expect([nowhere.exitCode, nowhere.stderr]).toEqual([5, expect.stringContaining('no such folder')])
    const into = await hufud(['export', ...database('source.db'), '--force', '--output', folder], env)
    expect([into.exitCode, into.stderr]).toEqual([5, expect.stringContaining('it is a folder')])
    const from = await hufud(['import', ...database('x.db'), folder], env)
    expect([from.exitCode, from.stderr]).toEqual([5, expect.stringContaining('can’t be read')])
    expect(existsSync(path('x.db'))).toBe(false)
  })

  test('is not written to a terminal', async () => {
    const ended = await hufud(['export', ...database('source.db')], env, { stdoutIsTerminal: true })
    expect(ended).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining('--output') })
  })
})

describe('the secret key', () => {
  test('is not in the file; another one is refused before anything is made', async () => {
    expect(exported).not.toContain(key)
    const ended = await importing(exported, { HOME: folder, HUFUD_SECRET_KEY: toBase64url(new Uint8Array(32).fill(8)) })
    expect([ended.exitCode, ended.stderr]).toEqual([5, expect.stringContaining('HUFUD_SECRET_KEY_FILE')])
    expect(existsSync(path(ended.name))).toBe(false)
  })

  test('is never made anew', async () => {
    const importer = await importing(exported, { HOME: folder })
    const exporter = await hufud(['export', ...database('source.db')], { HOME: folder })
    for (const ended of [importer, exporter]) {
      expect([ended.exitCode, ended.stderr]).toEqual([2, expect.stringContaining('There is no key file')])
    }
    expect(readdirSync(folder).filter(name => name.endsWith('.key'))).toEqual([])
  })
})

describe('what can’t be exported', () => {
  test('a file that is not there, is no database, or is of an older or newer hufud', async () => {
    const refused = async (name: string) => {
      const ended = await hufud(['export', ...database(name)], env)
      expect([ended.exitCode, ended.stdout]).toEqual([5, ''])
      return ended.stderr
    }
    expect(await refused('none.db')).toContain('can’t be opened')
    expect(existsSync(path('none.db'))).toBe(false)
    writeFileSync(path('text.db'), 'no database at all, but text'.repeat(100))
    expect(await refused('text.db')).toContain('not a database')
    new Database(path('other.db')).exec('create table a (b)').close()
    expect(await refused('other.db')).toContain('no database of hufud')
    await makeEmpty('older.db')
    new Database(path('older.db')).exec("delete from kysely_migration where name like '0003%'").close()
    expect(await refused('older.db')).toContain('0003-admin')
    await makeEmpty('newer.db')
    new Database(path('newer.db')).exec("insert into kysely_migration values ('9999-later', '')").close()
    expect(await refused('newer.db')).toContain('newer hufud')
  })
})

describe('a database that somebody has used', () => {
  test.each(
    transferTables
      .map(({ name }) => name)
      .filter(name => name === 'accounts' || name === 'settings' || name === 'pushes'),
  )('is not filled: %s', async table => {
    const name = `used-${table}.db`
    await makeEmpty(name)
    const used = new Database(path(name))
    if (table === 'pushes') used.exec("insert into pushes values ('a', 1)")
    if (table === 'settings') used.exec("insert into settings values ('a', x'00', 1)")
    if (table === 'accounts') {
      used.exec(
        "insert into accounts (id, username, username_key, user_handle, locale, role, created_at) values ('a', 'a', 'a', x'00', 'en', 'person', 1)",
      )
    }
    used.close()
    const before = counts(name)
    const ended = await hufud(['import', ...database(name), '-'], env, { stdin: exported })
    expect([ended.exitCode, ended.stderr]).toEqual([5, expect.stringContaining(`there are rows in ${table}`)])
    expect(counts(name)).toEqual(before)
  })
})
