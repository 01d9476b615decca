import type { RemovedKind } from '../ports/removed-kinds.ts'
import { guessesForgottenAfter } from '../throttle.ts'

const day = 24 * 60 * 60_000
/** Of a run that was finished, in milliseconds. */
const undoableFor = 90 * day

/**
 * How long a row is kept beyond the time at which it means nothing any more, in milliseconds. The table of
 * docs/operations.md is made of this. Long enough for clocks that differ and answers that are late; what others refer
 * to is kept a day longer than they are.
 */
const keptFor: Readonly<Record<Exclude<RemovedKind, 'events'>, number>> = {
  wechat_authorisations: day,
  bindings: day,
  challenges: 2 * day,
  codes: day,
  logins: day,
  sessions: 3 * day,
  enrolment_links: 7 * day,
  // For the audit.
  service_credentials: 90 * day,
  reversals: day,
  pushes: day,
  // All are forgotten within hours (domain/throttle.ts).
  throttles: day,
  guess_throttles: guessesForgottenAfter,
  // For the list of messages, and for receipts that come late.
  outbox: 7 * day,
  // An undo that was begun in the last moment is there to be seen.
  bulk_rows: undoableFor + day,
}

/** Whether a run that was finished then can't be undone any more, for its rows will be removed soon. */
export const isBeyondUndoing = (finishedAt: number | null, now: number): boolean =>
  finishedAt !== null && finishedAt <= now - undoableFor

/**
 * Rows whose time ended before this are removed; `undefined`: none are.
 * @param keepEventsFor milliseconds; `undefined`: for ever
 */
export function removedBefore(kind: RemovedKind, now: number, keepEventsFor: number | undefined): number | undefined {
  if (kind !== 'events') return now - keptFor[kind]
  return keepEventsFor === undefined ? undefined : now - keepEventsFor
}
