import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { CompiledQuery, Kysely } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Store } from '../../../src/server/domain/ports/store.ts'
import { openSqliteStore } from '../../../src/server/store/open-store.ts'
import { SqliteDialect } from '../../../src/server/store/sqlite-dialect.ts'

let folder: string
let path: string
let store: Store

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-store-'))
  path = join(folder, 'hufud.db')
  store = await openSqliteStore(path)
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const setting = (name: string, value: number) =>
  store.transaction(queries => queries.settings.write(name, Uint8Array.of(value), value))

test('a commit is durable: write-ahead log, synchronous=FULL, foreign keys', async () => {
  const db = new Kysely<never>({ dialect: new SqliteDialect(path) })
  const pragma = async (name: string) => {
    const { rows } = await db.executeQuery<Record<string, unknown>>(CompiledQuery.raw(`pragma ${name}`))
    return Object.values(rows[0] ?? {})[0]
  }
  expect(await pragma('journal_mode')).toBe('wal')
  expect(await pragma('synchronous')).toBe(2)
  expect(await pragma('foreign_keys')).toBe(1)
  expect(await pragma('busy_timeout')).toBe(5000)
  await db.destroy()
})

test('nobody else can read the file, nor its log', async () => {
  await setting('mode', 1)
  for (const suffix of ['', '-wal', '-shm']) expect(statSync(path + suffix).mode & 0o077, suffix).toBe(0)
})

/** Another process that adds 1 to the same row, 200 times. */
const otherWriter = `
  const db = require('better-sqlite3')(process.argv[1], { timeout: 5000 })
  const count = db.prepare("update settings set expires_at = expires_at + 1 where name = 'count'")
  for (let i = 0; i < 200; i++) db.transaction(() => count.run()).immediate()
`

test('many writers of two processes wait for each other, and none is turned away or lost', async () => {
  await setting('count', 0)
  const other = execa(process.execPath, ['-e', otherWriter, path])
  const increment = () =>
    store.transaction(async queries => {
      const counted = await queries.settings.read('count')
      await queries.settings.write('count', Uint8Array.of(0), (counted?.expiresAt ?? 0) + 1)
    })
  await Promise.all(Array.from({ length: 200 }, increment))
  await other
  expect((await store.read.settings.read('count'))?.expiresAt).toBe(400)
})

test('a transaction that fails changes nothing, and the next one goes on', async () => {
  await expect(
    store.transaction(async queries => {
      await queries.settings.write('undone', Uint8Array.of(1), 1)
      throw new Error('no')
    }),
  ).rejects.toThrow('no')
  expect(await store.read.settings.read('undone')).toBeUndefined()
  await setting('done', 1)
  expect(await store.read.settings.read('done')).toEqual({ sealedValue: Buffer.of(1), expiresAt: 1 })
})

test('a schema that is up to date is left as it is', async () => {
  await setting('kept', 7)
  const again = await openSqliteStore(path)
  expect((await again.read.settings.read('kept'))?.expiresAt).toBe(7)
  await again.close()
})
