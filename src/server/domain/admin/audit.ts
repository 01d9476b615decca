import type { AuditEvent, listAudit } from '../../../contract/admin-audit.ts'
import type { AnswerOf, QueryOf } from '../../../contract/operation.ts'
import { timeOf } from '../../../lib/clock.ts'
import type { EventsTable } from '../../store/schema.ts'
import { pageCursor, readCursor } from '../cursors.ts'
import type { Domain } from '../domain.ts'
import { securityEvent } from '../overview.ts'
import type { EventFilter, EventRange } from '../ports/admin-store.ts'
import { Refusal } from '../refusal.ts'
import { usernameKey } from '../usernames.ts'

const defaultLimit = 50

/**
 * How many events one request looks at, at most, where it filters by what no index has. A page may then be short, or
 * empty, and still have a `next`.
 */
const usuallyLookedAt = 10_000

/** @throws {Refusal} `invalid_request` for a day that no month has */
function time(iso: string | undefined): number | undefined {
  if (iso === undefined) return undefined
  const milliseconds = timeOf(iso)
  if (Number.isNaN(milliseconds)) throw new Refusal('invalid_request', { detail: `${iso} is no time.` })
  return milliseconds
}

const filterOf = ({ action, actor }: QueryOf<typeof listAudit>): EventFilter => ({
  actor,
  ...(action?.endsWith('.') ? { actionPrefix: action } : { action }),
})

const auditEvent = (row: EventsTable & { username: string | null }): AuditEvent => ({
  ...securityEvent(row),
  username: row.username,
  run_id: row.run_id,
})

/**
 * A page of the events of all accounts: the newest first, or with `after` the oldest first. An account, a run and times
 * are found by indexes. Actions and actors are looked for among a bounded number of events, the next ones in order.
 * @param mostLookedAt how many
 * @throws {Refusal} `account_unknown`; `invalid_request` for a time or a cursor that is none
 */
export async function listAuditEvents(
  { store }: Pick<Domain, 'store'>,
  query: QueryOf<typeof listAudit>,
  mostLookedAt = usuallyLookedAt,
): Promise<AnswerOf<typeof listAudit>> {
  const { username, run_id, since, until, limit = defaultLimit, before, after } = query
  const account =
    username === undefined ? undefined : await store.read.accounts.findByUsernameKey(usernameKey(username))
  if (username !== undefined && !account) throw new Refusal('account_unknown')
  const range: EventRange = {
    accountId: account?.id,
    runId: run_id,
    since: time(since),
    until: time(until),
    before: readCursor(before),
    after: readCursor(after),
  }
  const order = after === undefined ? 'desc' : 'asc'
  const isFiltered = query.action !== undefined || query.actor !== undefined
  const upTo = isFiltered ? await store.read.audit.placeOf(mostLookedAt, range, order) : undefined
  const rows = await store.read.audit.list(range, filterOf(query), { order, limit: limit + 1, upTo })
  const page = rows.slice(0, limit)
  const next = rows.length > limit ? page.at(-1) : upTo
  return { events: page.map(auditEvent), next: next ? pageCursor(next) : null }
}
