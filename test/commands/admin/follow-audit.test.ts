import { describe, expect, it } from 'vitest'
import type { ApiClient, CallArguments } from '../../../src/api/client.ts'
import { ApiError } from '../../../src/api/errors.ts'
import { CancelledError } from '../../../src/auth/errors.ts'
import { followAudit } from '../../../src/commands/admin/follow-audit.ts'
import { CommandError } from '../../../src/commands/command-error.ts'
import { type AuditEvent, auditOverlap, type listAudit } from '../../../src/contract/admin-audit.ts'
import { isoTime } from '../../../src/lib/clock.ts'
import { fakeContext, now } from '../fake-context.ts'

type Query = CallArguments<typeof listAudit>['query']

/** A server’s list of events: pages in both directions, as the contract has them. */
class Events {
  readonly rows: { at: number; id: string; action: string }[] = []
  readonly queries: Query[] = []
  fault: Error | undefined
  pageSize = 200

  add(seconds: number, name: string, action = 'login'): void {
    this.rows.push({ at: now + seconds * 1000, id: name.padEnd(22, 'x'), action })
    this.rows.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
  }

  list(query: Query): { events: AuditEvent[]; next: string | null } {
    this.queries.push(query)
    if (this.fault) throw this.fault
    const place = (cursor: string) => [Number.parseInt(cursor, 10), cursor.slice(cursor.indexOf('-') + 1)] as const
    const { after, before, limit = 50, since, action } = query
    const isAfter = (row: { at: number; id: string }, cursor: string) => {
      const [at, id] = place(cursor)
      return row.at > at || (row.at === at && row.id > id)
    }
    const matching = this.rows
      .filter(row => action === undefined || row.action === action)
      .filter(row => since === undefined || row.at >= Date.parse(since))
      .filter(row => after === undefined || isAfter(row, after))
      .filter(row => before === undefined || (!isAfter(row, before) && `${row.at}-${row.id}` !== before))
    const ordered = after === undefined ? matching.toReversed() : matching
    const page = ordered.slice(0, Math.min(limit, this.pageSize))
    const last = page.length < ordered.length ? page.at(-1) : undefined
    const events = page.map(({ at, id, action: its }) => ({
      id,
      at: isoTime(at),
      action: its,
      method: null,
      source: '::1',
      details: {},
      actor: null,
      username: 'bob',
      run_id: null,
    }))
    return { events, next: last ? `${last.at}-${last.id}` : null }
  }
}

/** Follows `events`; `rounds` say what happens in each pause, and with the last the following ends. */
async function follow(events: Events, query: Query, rounds: (() => void)[], end: Error = new CancelledError()) {
  const { context, stderr } = await fakeContext()
  const stop = new AbortController()
  const shown: string[] = []
  const api = { ...context.api, call: async (_: unknown, call: { query: Query }) => events.list(call.query) }
  const clock = {
    ...context.clock,
    async sleep() {
      const next = rounds.shift()
      if (!next) stop.abort(end)
      stop.signal.throwIfAborted()
      next?.()
    },
  }
  const ended = await followAudit(
    { ...context, api: api as unknown as ApiClient, clock, signal: stop.signal },
    query,
    ({ id }) => shown.push(id.replace(/x+$/, '')),
  ).catch(error => error)
  return { shown, ended, stderr: stderr() }
}

const nothing = () => {}

describe('following the audit', () => {
  it('begins with the newest, and shows each that comes once, the oldest first', async () => {
    const events = new Events()
    for (const [index, name] of ['a', 'b', 'c'].entries()) events.add(index, name)
    const rounds = [
      () => {
        events.add(5, 'd')
        events.add(6, 'e')
      },
      nothing,
      () => events.add(7, 'f'),
      nothing,
    ]
    const { shown, ended } = await follow(events, { limit: 2 }, rounds)
    expect(shown).toEqual(['b', 'c', 'd', 'e', 'f'])
    expect(ended).toBeInstanceOf(CancelledError)
  })

  it('shows one that is committed late, after others of a later time', async () => {
    const events = new Events()
    events.add(0, 'a')
    const rounds = [
      () => events.add(50, 'b'),
      () => events.add(20, 'late'),
      ...Array.from({ length: 6 }, () => nothing),
    ]
    const { shown } = await follow(events, { limit: 10 }, rounds)
    expect(shown).toEqual(['a', 'b', 'late'])
  })

  it('shows one that was late already when it began', async () => {
    const events = new Events()
    events.add(0, 'a')
    const rounds = [() => events.add(-20, 'late'), ...Array.from({ length: 6 }, () => nothing)]
    expect((await follow(events, { limit: 10 }, rounds)).shown).toEqual(['a', 'late'])
  })

  it('never shows what stood there before the newest', async () => {
    const events = new Events()
    for (let second = 0; second < 30; second++) events.add(second, `e${second}`)
    const { shown } = await follow(
      events,
      { limit: 1 },
      Array.from({ length: 12 }, () => nothing),
    )
    expect(shown).toEqual(['e29'])
  })

  it('shows all since a time, page by page', async () => {
    const events = new Events()
    events.pageSize = 3
    for (let second = 0; second < 20; second++) events.add(second, `e${second}`)
    const since = isoTime(now + 10_000)
    const { shown } = await follow(events, { since, limit: 1 }, [nothing])
    expect(shown).toEqual(Array.from({ length: 10 }, (_, index) => `e${index + 10}`))
  })

  it('begins with an empty list, and finds what matches among much that does not', async () => {
    const events = new Events()
    const rounds = [() => events.add(1, 'other', 'logout'), () => events.add(2, 'mine')]
    expect((await follow(events, { action: 'login', limit: 5 }, [...rounds, nothing])).shown).toEqual(['mine'])
  })

  it('does not read again what is final, however long it goes on', async () => {
    const events = new Events()
    let second = 0
    const rounds = Array.from({ length: 40 }, () => () => {
      second += 60
      events.add(second, `e${second}`)
    })
    const { shown } = await follow(events, { limit: 5 }, rounds)
    expect(shown).toHaveLength(40)
    const after = events.queries.at(-1)?.after ?? '0'
    expect(Number.parseInt(after, 10)).toBeGreaterThan(now + second * 1000 - auditOverlap - 6 * 60_000)
  })

  it.each(['server_unreachable', 'server_timeout', 'server_not_hufud', 'busy', 'internal_error', 'throttled'])(
    'goes on after a while of %s, says so once, and misses nothing',
    async code => {
      const events = new Events()
      events.add(0, 'a')
      const rounds = [
        () => {
          events.fault = new ApiError(code)
        },
        nothing,
        nothing,
        () => {
          events.fault = undefined
          events.add(3, 'b')
        },
        nothing,
      ]
      const { shown, stderr } = await follow(events, { limit: 5 }, rounds)
      expect(shown).toEqual(['a', 'b'])
      expect(stderr).toBe('The server does not answer; trying again …\nThe server answers again.\n')
    },
  )

  it('ends with what is no fault of the server', async () => {
    const events = new Events()
    const revoke = () => {
      events.fault = new ApiError('service_credential_invalid')
    }
    expect((await follow(events, { limit: 5 }, [revoke, nothing])).ended).toMatchObject({
      code: 'service_credential_invalid',
    })
  })

  it('ends with the fault of a server that is not there from the start', async () => {
    const events = new Events()
    events.fault = new ApiError('server_unreachable')
    expect((await follow(events, { limit: 5 }, [nothing])).ended).toMatchObject({ code: 'server_unreachable' })
  })

  it('is done when its --timeout has passed', async () => {
    const events = new Events()
    events.add(0, 'a')
    const { ended } = await follow(events, { limit: 5 }, [nothing], new CommandError('timed_out', { seconds: 1 }))
    expect(ended).toBe(1)
  })
})
