import { utf8 } from '../../../lib/bytes.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { Random } from '../../../lib/random.ts'
import type { Counters } from '../ports/counters.ts'
import type { Log } from '../ports/log.ts'
import { type RemovedKind, removedKinds } from '../ports/removed-kinds.ts'
import type { Store } from '../ports/store.ts'
import { newId } from '../secret-keys.ts'
import { removedBefore } from './retention.ts'

export interface CleaningParts {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly counters: Counters
  readonly log: Log
  /** Milliseconds that events are kept; `undefined`: for ever. */
  readonly keepEventsFor: number | undefined
}

/** How often is looked whether there is something to remove. */
const interval = 60_000
/** How much of it goes into removing; the rest is for the last step, before another process may begin. */
const sweepTime = 50_000
/** Of one statement: so few that nobody notices. */
export const rowsPerStep = 100
/** Between two statements, for everybody else. */
const pause = 20
const lease = 'cleaning'

/**
 * Removes what means nothing any more, until `signal` aborts. Of all processes one is at it at a time, by a lease in the
 * database, for a minute; what is left then is for whoever has the next one.
 */
export async function keepClean(parts: CleaningParts, signal: AbortSignal): Promise<void> {
  const { store, clock, random, log } = parts
  const holder = utf8(newId(random))
  const asleep = (milliseconds: number) => clock.sleep(milliseconds, signal).catch(() => {})
  await asleep(interval)
  while (!signal.aborted) {
    const begun = clock.now()
    const tell = (error: unknown) =>
      log.warn({ error: error instanceof Error ? error.message : 'unknown' }, 'cleaning failed')
    try {
      const isMine = await store.transaction(queries =>
        queries.settings.claim(lease, holder, begun + interval, clock.now()),
      )
      if (isMine) await sweep(parts, begun + sweepTime, signal)
    } catch (error) {
      if (!signal.aborted) tell(error)
    }
    await asleep(Math.max(pause, begun + interval - clock.now()))
  }
  // Whoever else runs need not wait for the minute's end.
  await store.transaction(queries => queries.settings.release(lease, holder)).catch(() => {})
}

/**
 * Removes a few rows of each kind in turn, so that none waits for another, until nothing is left to remove, `until` has
 * come or `signal` aborts.
 */
export async function sweep(parts: CleaningParts, until: number, signal: AbortSignal): Promise<void> {
  const { clock } = parts
  let kinds: readonly RemovedKind[] = removedKinds
  while (kinds.length > 0) {
    const left: RemovedKind[] = []
    for (const kind of kinds) {
      if (signal.aborted || clock.now() >= until) return
      if ((await removeSome(parts, kind)) >= rowsPerStep) left.push(kind)
      await clock.sleep(pause, signal).catch(() => {})
    }
    kinds = left
  }
}

async function removeSome(
  { store, clock, counters, keepEventsFor }: CleaningParts,
  kind: RemovedKind,
): Promise<number> {
  const before = removedBefore(kind, clock.now(), keepEventsFor)
  if (before === undefined) return 0
  const removed = await store.transaction(queries => queries.cleaning.remove(kind, before, rowsPerStep))
  if (removed > 0) counters.count('rows_removed', { kind }, removed)
  return removed
}
