import type { ApiClient } from '../../api/client.ts'
import { isApiError } from '../../api/errors.ts'
import type { Context } from '../../cli/context.ts'
import { type AuditEvent, auditCursorAt, auditOverlap, listAudit } from '../../contract/admin-audit.ts'
import type { QueryOf } from '../../contract/operation.ts'
import { timeOf } from '../../lib/clock.ts'
import { CommandError } from '../command-error.ts'

type AuditQuery = QueryOf<typeof listAudit>

const largestPage = 200
const pause = 2000
/** Of so many rounds one reads again what may have come late (`auditOverlap`); the others only what is new. */
const roundsUntilLate = 5

/** What a server that is restarted, or a proxy before it, answers for a while. */
const away = ['server_unreachable', 'server_timeout', 'server_not_hufud', 'busy', 'internal_error', 'throttled']

const placeOf = ({ at, id }: AuditEvent): string => `${timeOf(at)}-${id}`

/**
 * The newest events of a query: as many pages as it takes, since one in which nothing matches is empty.
 * @param limit how many at most
 * @returns the newest first; `next` for `before`, or null when there is no more
 */
export async function newestEvents(
  api: Pick<ApiClient, 'call'>,
  query: AuditQuery,
  limit: number,
): Promise<{ events: AuditEvent[]; next: string | null }> {
  const events: AuditEvent[] = []
  let before = query.before
  for (;;) {
    const page = { ...query, limit: limit - events.length, ...(before === undefined ? {} : { before }) }
    const answer = await api.call(listAudit, { query: page })
    events.push(...answer.events)
    if (answer.next === null || events.length >= limit) return { events, next: answer.next }
    before = answer.next
  }
}

/** A list of events that grows; each is given once, however often it is read. */
class Tail {
  private readonly api: Pick<ApiClient, 'call'>
  private readonly query: AuditQuery
  /** By id, the times of the events that were given and are not final yet. */
  private readonly given = new Map<string, number>()
  /** Up to here everything is final. */
  private settled = auditCursorAt(0)
  /** Up to here everything that was there has been read. */
  private newest = auditCursorAt(0)
  private round = 0

  constructor(api: Pick<ApiClient, 'call'>, { before: _, limit: __, ...query }: AuditQuery) {
    this.api = api
    this.query = query
  }

  /** Begins at a time; what came before it is not given. */
  beginAt(at: number): void {
    this.settled = auditCursorAt(at)
    this.newest = this.settled
  }

  /** Begins with the `limit` newest events, the oldest of them first. */
  async begin(limit: number): Promise<AuditEvent[]> {
    const head = await this.head()
    this.beginAt(head - auditOverlap)
    for await (const _ of this.after(this.settled)) {
      // Given by the page that follows, or before it: not to be given again.
    }
    const { events } = await newestEvents(this.api, this.query, limit)
    for (const event of events) this.given.set(event.id, timeOf(event.at))
    return events.reverse()
  }

  /** What has come since the last round, the oldest first. */
  async *read(): AsyncGenerator<AuditEvent> {
    const isLate = this.round++ % roundsUntilLate === 0
    const head = isLate ? await this.head() : 0
    yield* this.after(isLate ? this.settled : this.newest)
    if (isLate) this.settle(head - auditOverlap)
  }

  private async *after(start: string): AsyncGenerator<AuditEvent> {
    for (let after: string | null = start; after !== null; ) {
      const answer: { events: AuditEvent[]; next: string | null } = await this.api.call(listAudit, {
        query: { ...this.query, limit: largestPage, after },
      })
      for (const event of answer.events) {
        if (this.given.has(event.id)) continue
        this.given.set(event.id, timeOf(event.at))
        yield event
      }
      this.advance(answer.next ?? answer.events.map(placeOf).at(-1))
      after = answer.next
    }
  }

  private advance(place: string | undefined): void {
    if (place !== undefined && Number.parseInt(place, 10) >= Number.parseInt(this.newest, 10)) this.newest = place
  }

  private settle(at: number): void {
    if (at <= Number.parseInt(this.settled, 10)) return
    this.settled = auditCursorAt(at)
    this.advance(this.settled)
    for (const [id, time] of this.given) if (time < at) this.given.delete(id)
  }

  /** The time of the newest event of all, whatever the query asks for; 0 where there is none. */
  private async head(): Promise<number> {
    const { events } = await this.api.call(listAudit, { query: { limit: 1 } })
    return events[0] ? timeOf(events[0].at) : 0
  }
}

const isTimedOut = ({ aborted, reason }: AbortSignal): boolean =>
  aborted && reason instanceof CommandError && reason.code === 'timed_out'

/**
 * Shows events as they happen: first the newest that there are, or all since `query.since`, then each once, the oldest
 * first. A server that is away is waited for. Ends with the first event that nobody reads any more, and with `--timeout`.
 * @returns how many were shown
 * @throws {CancelledError} on Ctrl-C
 */
export async function followAudit(
  { api, clock, signal, terminal }: Context,
  query: AuditQuery,
  show: (event: AuditEvent) => void,
): Promise<number> {
  const tail = new Tail(api, query)
  let count = 0
  const showNext = (event: AuditEvent) => {
    show(event)
    count++
  }
  let isAway = false
  const wait = async (error: unknown) => {
    if (signal.aborted || !isApiError(error, ...away)) throw error
    if (!isAway) terminal.warn(terminal.t('admin.audit.away'))
    isAway = true
    await clock.sleep(Math.max(pause, (error.retryAfterSeconds ?? 0) * 1000), signal)
  }
  try {
    if (query.since === undefined) for (const event of await tail.begin(query.limit ?? largestPage)) showNext(event)
    else tail.beginAt(timeOf(query.since))
    while (terminal.isHeard) {
      try {
        for await (const event of tail.read()) showNext(event)
        if (isAway) terminal.warn(terminal.t('admin.audit.back'))
        isAway = false
        await clock.sleep(pause, signal)
      } catch (error) {
        await wait(error)
      }
    }
  } catch (error) {
    if (!isTimedOut(signal)) throw error
  }
  return count
}
