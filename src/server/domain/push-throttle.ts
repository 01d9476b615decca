import type { Domain } from './domain.ts'
import { networkOf } from './networks.ts'
import { Refusal } from './refusal.ts'
import { admitAttempt, isBlocked } from './throttle.ts'

/**
 * Counts a push that was not taken against its source. It is asked only after the push was checked: a genuine one that
 * comes from the same source, a proxy perhaps, is taken whatever others send from there. Each refusal costs one write
 * at most, and none while the source is blocked.
 * @param push `path` is the route's pattern; `reason` is one of a few words
 * @returns `throttled` while the source is blocked: then there is nothing to log, and the answer is 429
 */
export async function refusePush(
  { store, clock, counters }: Pick<Domain, 'store' | 'clock' | 'counters'>,
  { source, path, reason }: { readonly source: string; readonly path: string; readonly reason: string },
): Promise<'refused' | 'throttled'> {
  counters.count('pushes_refused', { path, reason })
  const throttled = { kind: 'push', key: networkOf(source) } as const
  const now = clock.now()
  // A look is no write: a flood costs reads of one row, by its key.
  if (await isBlocked(store.read, throttled, now)) return 'throttled'
  try {
    await store.transaction(queries => admitAttempt(queries, [throttled], now))
    return 'refused'
  } catch (error) {
    if (error instanceof Refusal && error.code === 'throttled') return 'throttled'
    throw error
  }
}
