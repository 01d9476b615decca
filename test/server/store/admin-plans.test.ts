import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { EventFilter, EventRange } from '../../../src/server/domain/ports/admin-store.ts'
import type { Queries, Store } from '../../../src/server/domain/ports/store.ts'
import { openSqliteStore } from '../../../src/server/store/open-store.ts'

const eventCount = 100_000
const accountCount = 1000

let folder: string
let store: Store

const id = (number: number): string => String(number).padStart(22, 'x')

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-'))
  const path = join(folder, 'hufud.db')
  store = await openSqliteStore(path)
  const database = new Database(path)
  const account = database.prepare(
    `insert into accounts (id, username, username_key, user_handle, locale, role, disabled_at, created_at)
     values (?, ?, ?, x'00', 'en', ?, ?, 1)`,
  )
  const event = database.prepare(
    `insert into events (id, account_id, at, action, source, details, actor, run_id)
     values (?, ?, ?, ?, 's', '{}', ?, ?)`,
  )
  database.transaction(() => {
    for (let index = 0; index < accountCount; index += 1) {
      const name = `user${String(index).padStart(4, '0')}`
      account.run(id(index), name, name, index % 100 === 0 ? 'admin' : 'person', index % 50 === 1 ? 1 : null)
    }
    for (let index = 0; index < eventCount; index += 1) {
      const isBulk = index % 10 === 0
      event.run(id(index), id(index % accountCount), index, 'login', isBulk ? 'admin:a' : null, isBulk ? 'run' : null)
    }
  })()
  database.close()
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

/** How SQLite looks for the rows of `table` that `work` asks for. */
async function plansOf(table: string, work: (queries: Queries) => Promise<unknown>): Promise<string[]> {
  const prepare = vi.spyOn(Database.prototype, 'prepare')
  await store.transaction(work)
  const statements = prepare.mock.calls.map(([sql]) => sql).filter(sql => sql.includes(`"${table}"`))
  prepare.mockRestore()
  const database = new Database(join(folder, 'hufud.db'))
  const plans = statements.flatMap(sql => {
    const nothing = Array.from(sql.matchAll(/\?/g), () => null)
    return database.prepare<unknown[], { detail: string }>(`explain query plan ${sql}`).all(nothing)
  })
  database.close()
  return plans.map(({ detail }) => detail)
}

const place = { at: 50_000, id: id(50_000) }
const nowhere = {}
const ranges: Record<string, [EventRange, string]> = {
  'an account': [{ accountId: id(7) }, 'events_by_account'],
  'an account, a later page': [{ accountId: id(7), before: place }, 'events_by_account'],
  'an account, followed': [{ accountId: id(7), after: place }, 'events_by_account'],
  'an account, in a time': [{ accountId: id(7), since: 10, until: 20 }, 'events_by_account'],
  'a run': [{ runId: 'run' }, 'events_by_run'],
  'a run, a later page': [{ runId: 'run', before: place }, 'events_by_run'],
  'a time': [{ since: 10, until: 20 }, 'events_by_time'],
  'a later page': [{ before: place }, 'events_by_time'],
  'what came later': [{ after: place }, 'events_by_time'],
}

describe('among a hundred thousand events', () => {
  test.each(Object.entries(ranges))('%s: found by its index, and read in its order', async (_name, [range, index]) => {
    for (const order of ['asc', 'desc'] as const) {
      const list = await plansOf('events', ({ audit }) =>
        audit.list(range, nowhere, { order, limit: 50, upTo: undefined }),
      )
      const found = list.filter(plan => plan.includes(' events'))
      expect(found).toHaveLength(1)
      expect(found[0]).toMatch(new RegExp(`^SEARCH events USING INDEX ${index} \\(.*[<>=]`))
      expect(list.join()).not.toContain('TEMP B-TREE')
      const counted = await plansOf('events', ({ audit }) => audit.placeOf(10_000, range, order))
      expect(counted.join()).toMatch(new RegExp(`^SEARCH events USING (COVERING )?INDEX ${index} `))
    }
  })

  test('the first page of all is read from the end of the index by time', async () => {
    const plans = await plansOf('events', ({ audit }) =>
      audit.list({}, nowhere, { order: 'desc', limit: 50, upTo: undefined }),
    )
    expect(plans[0]).toBe('SCAN events USING INDEX events_by_time')
    expect(plans.join()).not.toContain('TEMP B-TREE')
  })

  test.each<[string, EventFilter]>([
    ['an action', { action: 'phone.bind' }],
    ['actions that begin alike', { actionPrefix: 'phone.' }],
    ['an actor', { actor: 'token:rare' }],
  ])('%s that is rare is looked for no further than up to a place', async (_name, filter) => {
    const upTo = await store.read.audit.placeOf(10_000, {}, 'desc')
    expect(upTo).toEqual({ at: eventCount - 10_000, id: id(eventCount - 10_000) })
    const plans = await plansOf('events', ({ audit }) => audit.list({}, filter, { order: 'desc', limit: 50, upTo }))
    expect(plans[0]).toMatch(/^SEARCH events USING INDEX events_by_time \(.*>/)
    expect(plans.join()).not.toContain('TEMP B-TREE')
  })
})

describe('among many accounts', () => {
  const all = { prefix: undefined, state: undefined, role: undefined, after: undefined, limit: 50 }

  test.each([
    [
      'a page by name',
      { prefix: 'user00' },
      /^SEARCH accounts USING INDEX sqlite_autoindex_accounts_\d+ \(username_key>. AND username_key<.\)/,
    ],
    [
      'a later page',
      { after: 'user0100' },
      /^SEARCH accounts USING INDEX sqlite_autoindex_accounts_\d+ \(username_key>/,
    ],
    ['all', {}, /^SCAN accounts USING INDEX sqlite_autoindex_accounts_\d+$/],
    ['admins', { role: 'admin' as const }, /^SCAN accounts USING INDEX accounts_admins$/],
    [
      'a later page of admins',
      { role: 'admin' as const, after: 'user0100' },
      /^SEARCH accounts USING INDEX accounts_admins \(/,
    ],
    ['disabled ones', { state: 'disabled' as const }, /^SCAN accounts USING INDEX accounts_disabled$/],
    [
      'disabled ones by name',
      { state: 'disabled' as const, prefix: 'user00' },
      /^SEARCH accounts USING INDEX accounts_disabled \(/,
    ],
  ])('%s: by the index, in its order', async (_name, listing, plan) => {
    const plans = await plansOf('accounts', ({ directory }) => directory.list({ ...all, ...listing }))
    expect(plans).toHaveLength(1)
    expect(plans[0]).toMatch(plan)
  })

  test('another admin is looked for among admins', async () => {
    const plans = await plansOf('accounts', ({ directory }) => directory.hasOtherAdmin('a'))
    expect(plans[0]).toMatch(/^S\w+ accounts USING INDEX accounts_admins/)
  })
})

test('tokens are found by their hash, by their maker, and in the order of time', async () => {
  const plansFor = async (work: (queries: Queries) => Promise<unknown>) =>
    (await plansOf('service_credentials', work)).filter(plan => / (token|service_credentials)\b/.test(plan))
  expect(await plansFor(({ serviceTokens }) => serviceTokens.findLive('a', 1))).toEqual([
    expect.stringMatching(/^SEARCH token USING INDEX sqlite_autoindex_service_credentials_\d+ \(secret_hash=\?\)/),
  ])
  expect(await plansFor(({ serviceTokens }) => serviceTokens.revokeAll('a', 1))).toEqual([
    expect.stringMatching(/^SEARCH service_credentials USING INDEX service_credentials_by_maker/),
  ])
  expect(await plansFor(({ serviceTokens }) => serviceTokens.list(50, { at: 1, id: 'a' }))).toEqual([
    expect.stringMatching(/^SEARCH token USING INDEX service_credentials_by_time/),
  ])
})
