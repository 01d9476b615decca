import type { ThrottlesTable } from '../store/schema.ts'
import type { Queries } from './ports/store.ts'
import { throttledUntil } from './refusal.ts'

/**
 * A throttle as a pure state machine. `now` is a parameter.
 *
 *            attempt (failures < free)              attempt
 *   ┌──────┐ ───────────────────────▶ ┌─────────┐ ─────────▶ ┌───────────────────┐
 *   │ none │                          │ counted │            │ blocked until t   │
 *   └──────┘ ◀─────────────────────── └─────────┘            │ t grows each time │
 *      ▲      success, or forgetAfter of silence             └───────────────────┘
 *      └────────────────────────────────────────────────────── t passes: one attempt more
 *
 * An attempt is counted before it is judged, so that many at once can't slip through together; a success clears the
 * count. A block always ends, so nobody locks an owner out for good.
 */
export interface ThrottlePolicy {
  /** Attempts before the first wait. */
  readonly free: number
  /** The first wait, in milliseconds; each further one is `factor` times longer, up to `longest`. */
  readonly firstWait: number
  readonly factor: number
  readonly longest: number
  /** After this long without an attempt the count starts anew; 0: never (NIST SP 800-63B-4 section 3.2.2). */
  readonly forgetAfter: number
}

const second = 1000
const minute = 60 * second
const hour = 60 * minute

export const throttlePolicies = {
  /** Guesses at one authenticator of one account. After 100 in a row one guess a day is left. */
  guess: { free: 5, firstWait: second, factor: 2, longest: 15 * minute, forgetAfter: 0 },
  /** Logins from one source. */
  source: { free: 50, firstWait: second, factor: 2, longest: 10 * minute, forgetAfter: hour },
  /** Logins begun, challenges asked for, by one source. */
  begin: { free: 300, firstWait: second, factor: 2, longest: minute, forgetAfter: 10 * minute },
  /** Messages to one destination or for one account. */
  send: { free: 20, firstWait: minute, factor: 2, longest: hour, forgetAfter: hour },
} as const satisfies Record<string, ThrottlePolicy>

export type ThrottleKind = keyof typeof throttlePolicies

const dayLimit = 100
const day = 24 * hour

/** The state after one more attempt at `now`, or the time until which none is allowed. */
export function countAttempt(
  policy: ThrottlePolicy,
  previous: ThrottlesTable | undefined,
  key: string,
  now: number,
): { next: ThrottlesTable; attemptsLeft: number } | { blockedUntil: number } {
  if (previous && previous.blocked_until > now) return { blockedUntil: previous.blocked_until }
  const forgotten = policy.forgetAfter > 0 && previous && now - previous.last_failure_at >= policy.forgetAfter
  const failures = (forgotten ? 0 : (previous?.failures ?? 0)) + 1
  const over = failures - policy.free
  const wait = over < 0 ? 0 : Math.min(policy.longest, policy.firstWait * policy.factor ** Math.min(over, 40))
  const blockedUntil = now + (policy.forgetAfter === 0 && failures >= dayLimit ? day : wait)
  return {
    next: { key, failures, last_failure_at: now, blocked_until: blockedUntil },
    attemptsLeft: Math.max(0, policy.free - failures),
  }
}

/** One thing that an attempt counts against. */
export interface Throttled {
  readonly kind: ThrottleKind
  readonly key: string
}

/**
 * Counts an attempt against each of `throttled`, all or none, within the transaction of `queries`. Returns how many
 * attempts are left before the person has to wait.
 * @throws {Refusal} `throttled` when one of them is blocked.
 */
export async function admitAttempt(queries: Queries, throttled: readonly Throttled[], now: number): Promise<number> {
  let left = Number.POSITIVE_INFINITY
  const writes: { previous: ThrottlesTable | undefined; next: ThrottlesTable }[] = []
  for (const { kind, key } of throttled) {
    const name = `${kind}:${key}`
    const previous = await queries.throttles.find(name)
    const outcome = countAttempt(throttlePolicies[kind], previous, name, now)
    if ('blockedUntil' in outcome) throw throttledUntil(outcome.blockedUntil, now)
    writes.push({ previous, next: outcome.next })
    if (kind === 'guess') left = Math.min(left, outcome.attemptsLeft)
  }
  for (const { previous, next } of writes) {
    // Another process counted in between: its attempt came first, and this one is refused rather than lost.
    if (!(await queries.throttles.replace(previous, next))) throw throttledUntil(now + second, now)
  }
  return left
}

/** Forgets what was counted against `throttled`, after a success. */
export const clearAttempts = (queries: Queries, throttled: readonly Throttled[]): Promise<void> =>
  queries.throttles.clear(throttled.map(({ kind, key }) => `${kind}:${key}`))
