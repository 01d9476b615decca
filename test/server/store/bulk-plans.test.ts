import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CompiledQuery, Kysely } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Queries } from '../../../src/server/domain/ports/store.ts'
import { PostgresDialect } from '../../../src/server/store/postgres/dialect.ts'
import { PostgresPool } from '../../../src/server/store/postgres/pool.ts'
import { queriesOn } from '../../../src/server/store/queries-on.ts'
import type { Tables } from '../../../src/server/store/schema.ts'
import { SqliteDialect } from '../../../src/server/store/sqlite-dialect.ts'
import { transferTables } from '../../../src/server/store/tables.ts'
import { askDatabase } from '../../support/ask-database.ts'
import { isOnPostgres, testDatabase } from '../../support/database.ts'
import { openStoreAt } from '../../support/store-at.ts'

const accountCount = 100_000
const otherCount = 20_000

let folder: string
let url: string
let db: Kysely<Tables>
let queries: Queries
const sent: CompiledQuery[] = []

/** Rows of a table, each of an account of its own; `given` are SQL expressions in `n`, others are made up. */
async function fill(name: string, given: Readonly<Record<string, string>> = {}): Promise<void> {
  const table = transferTables.find(one => one.name === name)
  if (!table) throw new Error(name)
  const value = (column: (typeof table.columns)[number]): string => {
    if (given[column.name]) return String(given[column.name])
    if (column.name === 'account_id') return "'a' || n"
    if (column.isNullable) return 'null'
    if (column.kind === 'text') return `'${column.name}' || n`
    return column.kind === 'bytea' ? (isOnPostgres ? "'\\x00'::bytea" : "x'00'") : 'n'
  }
  const names = table.columns.map(column => column.name)
  await askDatabase(
    url,
    `insert into ${name} (${names.join(', ')})
     with recursive counted(n) as (select 1 union all select n + 1 from counted where n < ${name === 'accounts' ? accountCount : otherCount})
     select ${table.columns.map(value).join(', ')} from counted`,
  )
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-plans-'))
  url = await testDatabase(folder)
  await (await openStoreAt(url)).close()
  const contacts = { phone_number: "'+86' || n", email_key: "'e' || n", email_address: "'e' || n" }
  await fill('accounts', { id: "'a' || n", username_key: "'u' || n", role: "'person'", ...contacts })
  await fill('service_credentials', { id: "'t' || n", created_by: "'a' || n" })
  await fill('enrolment_links', { id: "'l' || n", purpose: "'totp'" })
  await fill('sessions', { id: "'s' || n" })
  await fill('challenges', { session_id: "'s' || n" })
  await fill('bindings', { challenge_id: "'id' || n", session_id: "'s' || n", item: "'phone'" })
  await fill('reversals', { id: "'r' || n" })
  await fill('totp_authenticators')
  await fill('wechat_identities', { openid: "'o' || n" })
  await fill('webauthn_credentials', { id: "'k' || n" })
  await askDatabase(
    url,
    `insert into bulk_runs (id, kind, started_by, secret_hash, secret_expires_at, row_count, batch_digests, reason,
     notify, created_at) values ('run', 'rebind', 'a', 's', 1, 1, ${isOnPostgres ? "''::bytea" : "x''"}, 'r', 1, 1)`,
  )
  await fill('bulk_rows', { run_id: "'run'", row_number: 'n' })
  await askDatabase(url, 'analyze')
  const limits = { connections: 1, statementTimeout: 60_000, preparesStatements: false }
  const path = url.slice('sqlite:'.length)
  const dialect = isOnPostgres ? new PostgresDialect(new PostgresPool(url, limits)) : new SqliteDialect(path)
  db = new Kysely<Tables>({ dialect, log: ({ query }) => void sent.push(query) })
  queries = queriesOn(db)
})
afterAll(async () => {
  await db.destroy()
  rmSync(folder, { recursive: true, force: true })
})

const quoted = (value: unknown): string => {
  if (value === null || value === undefined) return 'null'
  if (value instanceof Uint8Array) return isOnPostgres ? "'\\x00'::bytea" : "x'00'"
  return typeof value === 'number' ? String(value) : `'${String(value).replaceAll("'", "''")}'`
}

/** How the engine goes about a statement, with its values where they stand. */
async function planOf({ sql, parameters }: CompiledQuery): Promise<string> {
  let number = 0
  const whole = isOnPostgres
    ? sql.replace(/\$(\d+)/g, (_, index: string) => quoted(parameters[Number(index) - 1]))
    : sql.replace(/\?/g, () => quoted(parameters[number++]))
  if (isOnPostgres) return planOnPostgres(whole)
  const lines = await askDatabase(url, `explain query plan ${whole}`)
  return lines.map(line => Object.values(line).join(' ')).join('\n')
}

/** A hundred of few rows are found by reading all: the question is whether they need not be. */
async function planOnPostgres(statement: string): Promise<string> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query('set enable_seqscan = off')
  const { rows } = await client.query(`explain (costs off) ${statement}`)
  await client.end()
  return rows.map(row => row['QUERY PLAN']).join('\n')
}

const ids = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${index * 190 + 1}`)
const none = { boundAt: null, usedAt: null }

type Asked = (queries: Queries, count: number) => Promise<unknown>
const asked: Record<string, Asked> = {
  'what is there under names': ({ bulk }, count) => bulk.findAccountsByUsernameKey(ids('u', count)),
  'what is there under ids': ({ bulk }, count) => bulk.findAccounts(ids('a', count)),
  'whose a number is': ({ bulk }, count) => bulk.ownersOfContacts('phone', ids('+86', count)),
  'whose an address is': ({ bulk }, count) => bulk.ownersOfContacts('email', ids('e', count)),
  apps: ({ bulk }, count) => bulk.listTotp(ids('a', count)),
  wechat: ({ bulk }, count) => bulk.listWeChat(ids('a', count)),
  keys: ({ bulk }, count) => bulk.listCredentials(ids('a', count)),
  links: ({ bulk }, count) => bulk.findLinks(ids('l', count)),
  'applied rows': ({ bulk }, count) => bulk.listRows('run', 5_000, 5_000 + count),
  'applied rows before': ({ bulk }, count) => bulk.listRowsBefore('run', 5_000, count),
  'held accounts': ({ accounts }, count) => accounts.hold(...ids('a', count)),
  numbers: ({ bulk }, count) =>
    bulk.setContacts(
      'phone',
      ids('a', count).map(id => ({ id, was: 'x', value: `n${id}`, key: `n${id}`, ...none })),
    ),
  addresses: ({ bulk }, count) =>
    bulk.setContacts(
      'email',
      ids('a', count).map(id => ({ id, was: 'x', value: `n${id}`, key: `n${id}`, ...none })),
    ),
  passwords: ({ bulk }, count) =>
    bulk.setPasswords(ids('a', count).map(id => ({ id, was: 'x', hash: 'h', setAt: 1, usedAt: null }))),
  disabled: ({ bulk }, count) => bulk.setDisabled(ids('a', count).map(id => ({ id, was: 7, disabledAt: 8 }))),
  'apps that go': ({ bulk }, count) =>
    bulk.removeTotp(
      ids('a', count).map(id => ({
        account_id: id,
        sealed_secret: new Uint8Array(1),
        last_step: 0,
        bound_at: -1,
        used_at: null,
      })),
    ),
  'wechat that goes': ({ bulk }, count) =>
    bulk.removeWeChat(ids('a', count).map(id => ({ account_id: id, openid: 'x', bound_at: 1, unionid: null }))),
  'pending bindings and links that undo': ({ bulk }, count) => bulk.endPending(ids('a', count), 'phone', 1),
  access: ({ bulk }, count) => bulk.endAccess(ids('a', count), { now: 1, challengesExpiringAfter: 1 }, null),
  'links of a purpose': ({ bulk }, count) => bulk.endLinksFor(ids('a', count), 'totp', 1),
  'certain links': ({ bulk }, count) => bulk.endLinks(ids('l', count), 1),
}

describe('among a hundred thousand accounts, by indexes', () => {
  test.each(Object.entries(asked))('%s', async (_name, ask) => {
    for (const count of [1, 50, 100]) {
      sent.length = 0
      // That these rows are otherwise by now is as it should be: it is the plan that counts.
      await ask(queries, count).catch((error: Error) => expect(error.name).toBe('ChangedMeanwhile'))
      // Of logins there are few: they are removed within a day.
      for (const statement of sent.filter(({ sql }) => !sql.includes('update logins'))) {
        const plan = await planOf(statement)
        const scans = /Seq Scan on (?!v\b)|\bSCAN (?!v\b|\d+ CONSTANT|\d+-ROW VALUES|CONSTANT ROW)/
        expect(plan, statement.sql.slice(0, 300)).not.toMatch(scans)
      }
    }
    if (isOnPostgres || _name !== 'held accounts') expect(sent.length).toBeGreaterThan(0)
  })
})
