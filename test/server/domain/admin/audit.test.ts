import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AuditEvent, auditCursorAt, auditOverlap } from '../../../../src/contract/admin-audit.ts'
import { isoTime } from '../../../../src/lib/clock.ts'
import { listAuditEvents } from '../../../../src/server/domain/admin/audit.ts'
import { newId } from '../../../../src/server/domain/secret-keys.ts'
import type { EventsTable } from '../../../../src/server/store/schema.ts'
import { openServerWorld, refusalOf, type ServerWorld } from '../../../support/server-world.ts'

let world: ServerWorld
let accounts: { id: string; username: string }[]
const runs = ['r'.repeat(22), 's'.repeat(22)]

beforeAll(async () => {
  world = await openServerWorld()
  for (const username of ['ann', 'Ben']) await world.services.accounts.create({ username }, { source: 'test' })
  const { findByUsernameKey } = world.services.domain.store.read.accounts
  accounts = await Promise.all(
    ['ann', 'ben'].map(async key => {
      const account = await findByUsernameKey(key)
      if (!account) throw new Error('no account')
      return account
    }),
  )
})
afterAll(() => world.close())

const usernameOf = (id: string | null) => accounts.find(account => account.id === id)?.username ?? null
type Query = Parameters<typeof listAuditEvents>[1]

const insert = (rows: readonly EventsTable[]) =>
  world.services.domain.store.transaction(async queries => {
    for (const row of rows) await queries.events.insert(row)
  })

/** Each case has times of its own, by which it is told from the others. */
let epoch = 1_000_000_000_000
const eventAt = (at: number, more: Partial<EventsTable> = {}): EventsTable => ({
  id: newId(world.services.domain.random),
  account_id: null,
  at,
  action: 'login',
  method: null,
  session_id: null,
  source: '192.0.2.1',
  details: '{}',
  actor: null,
  run_id: null,
  ...more,
})

async function readAll(query: Query, forward: boolean, lookAt?: number): Promise<AuditEvent[]> {
  const seen: AuditEvent[] = []
  let cursor: string | null | undefined = forward ? auditCursorAt(epoch - 1) : undefined
  for (let pages = 0; pages < 500; pages += 1) {
    const at = cursor === undefined ? {} : forward ? { after: cursor } : { before: cursor }
    const { events, next } = await listAuditEvents(world.services.domain, { ...query, ...at }, lookAt)
    expect(events.length).toBeLessThanOrEqual(query.limit ?? 50)
    seen.push(...events)
    if (next === null) return seen
    cursor = next
  }
  throw new Error('the pages do not end')
}

const actions = ['login', 'login_failed', 'phone.bind', 'phone.unbind', 'phone_x', 'token.create'] as const
const row = fc.record({
  offset: fc.integer({ min: 0, max: 12 }),
  action: fc.constantFrom(...actions),
  account: fc.constantFrom(0, 1, 2),
  actor: fc.constantFrom(null, 'admin:root', 'token:x'),
  run: fc.constantFrom(null, 0, 1),
})
/** Most filters left out, so that something is left to be told. */
const sometimes = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
const query = fc.record({
  username: sometimes(fc.constantFrom('ann', 'BEN')),
  action: sometimes(fc.constantFrom('login', 'phone.', 'phone', 'token.create', 'phone.bind')),
  actor: sometimes(fc.constantFrom('admin:root', 'token:x', 'token:', '%')),
  run: sometimes(fc.constantFrom(0, 1)),
  from: sometimes(fc.integer({ min: 0, max: 6 })),
  to: sometimes(fc.integer({ min: 6, max: 13 })),
})

test('every event that is meant is told exactly once, in order, whatever the filters, pages and direction', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 40, size: 'max' }),
      query,
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 12 }),
      fc.boolean(),
      async (given, wanted, limit, lookAt, forward) => {
        epoch += 1000
        const rows = given.map(({ offset, action, account, actor, run }) =>
          eventAt(epoch + offset, {
            action,
            account_id: accounts[account]?.id ?? null,
            actor,
            run_id: run === null ? null : (runs[run] ?? null),
          }),
        )
        await insert(rows)
        const since = epoch + (wanted.from ?? 0)
        const until = epoch + (wanted.to ?? 13)
        const runId = wanted.run === undefined ? undefined : runs[wanted.run]
        const { username, action, actor } = wanted
        const asked: Query = {
          limit,
          since: isoTime(since),
          until: isoTime(until),
          ...(username ? { username } : {}),
          ...(action ? { action } : {}),
          ...(actor ? { actor } : {}),
          ...(runId ? { run_id: runId } : {}),
        }
        const expected = rows
          .filter(
            event =>
              event.at >= since &&
              event.at < until &&
              (!username || usernameOf(event.account_id)?.toLowerCase() === username.toLowerCase()) &&
              (!action || (action.endsWith('.') ? event.action.startsWith(action) : event.action === action)) &&
              (!actor || event.actor === actor) &&
              (!runId || event.run_id === runId),
          )
          .sort((a, b) => (a.at - b.at || (a.id < b.id ? -1 : 1)) * (forward ? 1 : -1))
        const told = await readAll(asked, forward, lookAt)
        expect(told.map(({ id }) => id)).toEqual(expected.map(({ id }) => id))
        expect(told.map(event => [event.username, event.actor, event.run_id, event.at])).toEqual(
          expected.map(event => [usernameOf(event.account_id), event.actor, event.run_id, isoTime(event.at)]),
        )
      },
    ),
    { numRuns: 120 },
  )
})

test('a filter looks at a bounded number of events at a time, and says where to go on', async () => {
  epoch += 1000
  const rows = Array.from({ length: 25 }, (_, index) =>
    eventAt(epoch + index, { actor: index === 3 ? 'token:rare' : null }),
  )
  await insert(rows)
  const asked: Query = { actor: 'token:rare', since: isoTime(epoch), until: isoTime(epoch + 100) }
  const first = await listAuditEvents(world.services.domain, asked, 10)
  expect(first.events).toEqual([])
  expect(first.next).toBe(`${epoch + 15}-${rows[15]?.id}`)
  expect((await readAll(asked, false, 10)).map(({ id }) => id)).toEqual([rows[3]?.id])
})

test('times that are none and accounts that nobody has are refused', async () => {
  const list = (asked: Query) => refusalOf(listAuditEvents(world.services.domain, asked))
  expect(await list({ since: '2026-13-01T00:00:00.000Z' })).toBe('invalid_request')
  expect(await list({ until: '2026-01-01T25:00:00.000Z' })).toBe('invalid_request')
  expect(await list({ username: 'nobody' })).toBe('account_unknown')
  expect(await list({ username: 'ANN', run_id: 'x'.repeat(22) })).toBe('done')
})

describe('whoever follows', () => {
  /** As the contract says that one does. */
  function follower(from: number) {
    const seen: string[] = []
    let newest = from
    let known = new Map<string, number>()
    return {
      seen,
      async look() {
        let after: string | null = auditCursorAt(Math.max(from, newest - auditOverlap))
        while (after !== null) {
          const page: Awaited<ReturnType<typeof listAuditEvents>> = await listAuditEvents(world.services.domain, {
            after,
            limit: 3,
          })
          for (const event of page.events) {
            const at = Date.parse(event.at)
            if (!known.has(event.id)) seen.push(event.id)
            known.set(event.id, at)
            newest = Math.max(newest, at)
          }
          after = page.next
        }
        known = new Map([...known].filter(([, at]) => at >= newest - auditOverlap))
      },
    }
  }

  test('sees each event once, also those that were committed after later ones', async () => {
    epoch = 2_000_000_000_000
    const lag = fc.integer({ min: 0, max: auditOverlap - 1 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.record({ step: fc.integer({ min: 0, max: 2000 }), lag }), { maxLength: 6 }), {
          minLength: 1,
          maxLength: 8,
        }),
        async rounds => {
          epoch += 10 * auditOverlap
          const started = epoch
          let now = started + auditOverlap
          const { seen, look } = follower(started)
          const made: string[] = []
          for (const round of rounds) {
            const rows = round.map(({ step, lag: late }) => {
              now += step
              return eventAt(now - late)
            })
            made.push(...rows.map(({ id }) => id))
            await insert(rows)
            await look()
          }
          await look()
          expect([...seen].sort()).toEqual([...made].sort())
          epoch = now
        },
      ),
      { numRuns: 40 },
    )
  })
})
