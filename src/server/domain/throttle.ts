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
 *      ▲      success, or time where attempts are forgotten  └───────────────────┘
 *      └────────────────────────────────────────────────────── t passes: one attempt more
 *
 * A block always ends, so nobody locks an owner out for good.
 */
export interface ThrottlePolicy {
  /** Attempts before the first wait. */
  readonly free: number
  /** The first wait, in milliseconds; each further one is `factor` times longer, up to `longest`. */
  readonly firstWait: number
  readonly factor: number
  readonly longest: number
  /** One attempt is forgotten every so many milliseconds; 0: never (NIST SP 800-63B-4 section 3.2.2). */
  readonly forgetEvery: number
}

const second = 1000
const minute = 60 * second
const hour = 60 * minute

export const throttlePolicies = {
  /** Guesses at one authenticator of one account. After 100 in a row one guess a day is left. */
  guess: { free: 5, firstWait: second, factor: 2, longest: 15 * minute, forgetEvery: 0 },
  /** Failed logins from one source, which may be a whole office. */
  source: { free: 100, firstWait: second, factor: 2, longest: 10 * minute, forgetEvery: 10 * second },
  /** Logins begun by one source, challenges asked for by one account: each is a row. */
  begin: { free: 1000, firstWait: second, factor: 2, longest: minute, forgetEvery: second / 10 },
  /** Messages to one destination or for one account. */
  send: { free: 20, firstWait: minute, factor: 2, longest: hour, forgetEvery: 3 * minute },
  /** Messages that one source asked for at logins, whoever they are for: each costs money. An office may ask at nine. */
  messages: { free: 200, firstWait: second, factor: 2, longest: 10 * minute, forgetEvery: 15 * second },
  /** Pushes from one source that were refused: somebody guesses, or a secret was changed on one side only. */
  push: { free: 60, firstWait: second, factor: 2, longest: 10 * minute, forgetEvery: 10 * second },
} as const satisfies Record<string, ThrottlePolicy>

export type ThrottleKind = keyof typeof throttlePolicies

const dayLimit = 100
const day = 24 * hour

/**
 * After so many milliseconds without a guess, guesses at an authenticator are forgotten: as many days as there are
 * guesses before one a day is left. Whoever waits for it has no more guesses than whoever goes on at one a day.
 */
export const guessesForgottenAfter = dayLimit * day

/** What is left of `previous` at `now`: how many attempts, and from when on the next of them is forgotten. */
function remembered({ forgetEvery }: ThrottlePolicy, previous: ThrottlesTable | undefined, now: number) {
  if (!previous) return { failures: 0, since: now }
  const forgotten = forgetEvery === 0 ? 0 : Math.floor(Math.max(0, now - previous.last_failure_at) / forgetEvery)
  if (forgotten >= previous.failures) return { failures: 0, since: now }
  const since = forgetEvery === 0 ? now : previous.last_failure_at + forgotten * forgetEvery
  return { failures: previous.failures - forgotten, since }
}

/** The state after one more attempt at `now`, or the time until which none is allowed. */
export function countAttempt(
  policy: ThrottlePolicy,
  previous: ThrottlesTable | undefined,
  key: string,
  now: number,
): { next: ThrottlesTable; attemptsLeft: number } | { blockedUntil: number } {
  if (previous && previous.blocked_until > now) return { blockedUntil: previous.blocked_until }
  const { failures: earlier, since } = remembered(policy, previous, now)
  const failures = earlier + 1
  const over = failures - policy.free
  const wait = over < 0 ? 0 : Math.min(policy.longest, policy.firstWait * policy.factor ** Math.min(over, 40))
  const longWait = policy.forgetEvery === 0 && failures >= dayLimit ? day : wait
  // Without a wait it is no time at all: to a process whose clock is behind, the time of this one would lie ahead.
  const blockedUntil = longWait === 0 ? 0 : now + longWait
  return {
    next: { key, failures, last_failure_at: since, blocked_until: blockedUntil },
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
  const counted: { throttle: Throttled; count: Count }[] = []
  for (const throttle of throttled) {
    const count = countOne(throttle, await queries.throttles.find(nameOf(throttle)), now)
    counted.push({ throttle, count })
  }
  for (const { throttle, count } of counted) {
    const { next, previous } = count
    const isWritten = await queries.throttles.replace(previous, next)
    const { attemptsLeft } = isWritten ? count : await countHeld(queries, throttle, now)
    if (throttle.kind === 'guess') left = Math.min(left, attemptsLeft)
  }
  return left
}

interface Count {
  readonly previous: ThrottlesTable | undefined
  readonly next: ThrottlesTable
  readonly attemptsLeft: number
}

const nameOf = ({ kind, key }: Throttled): string => `${kind}:${key}`

function countOne(throttle: Throttled, previous: ThrottlesTable | undefined, now: number): Count {
  const outcome = countAttempt(throttlePolicies[throttle.kind], previous, nameOf(throttle), now)
  if ('blockedUntil' in outcome) throw throttledUntil(outcome.blockedUntil, now)
  return { previous, ...outcome }
}

/** Somebody counted in between. Whoever holds the row is alone with it; one that is not there yet another may insert. */
async function countHeld(queries: Queries, throttle: Throttled, now: number): Promise<Count> {
  for (let tries = 0; tries < 3; tries += 1) {
    const count = countOne(throttle, await queries.throttles.hold(nameOf(throttle)), now)
    if (await queries.throttles.replace(count.previous, count.next)) return count
  }
  throw throttledUntil(now + second, now)
}

/**
 * Takes back what a right answer counted: guesses at the account are forgotten, elsewhere one attempt is. A block
 * that stands is not lifted.
 */
export async function forgiveAttempt(queries: Queries, throttled: readonly Throttled[]): Promise<void> {
  const { throttles } = queries
  const oneFewer = (row: ThrottlesTable) => throttles.replace(row, { ...row, failures: Math.max(0, row.failures - 1) })
  for (const throttle of throttled) {
    const name = nameOf(throttle)
    if (throttle.kind === 'guess') {
      await throttles.clear([name])
      continue
    }
    const previous = await throttles.find(name)
    if (!previous || (await oneFewer(previous))) continue
    const held = await throttles.hold(name)
    if (held) await oneFewer(held)
  }
}

/**
 * Whether an attempt may be judged first and counted only when it fails: no guess at this account has failed since the
 * last success, and its source is not near its limit. Where one has, attempts are counted before they are judged.
 */
export async function isUnsuspected(queries: Queries, throttled: readonly Throttled[], now: number): Promise<boolean> {
  for (const { kind, key } of throttled) {
    const name = `${kind}:${key}`
    const state = await queries.throttles.find(name)
    if (!state) continue
    const outcome = countAttempt(throttlePolicies[kind], state, name, now)
    if (kind === 'guess' || 'blockedUntil' in outcome || outcome.attemptsLeft === 0) return false
  }
  return true
}

/** Whether no attempt is allowed at `now`. */
export async function isBlocked(queries: Queries, { kind, key }: Throttled, now: number): Promise<boolean> {
  const state = await queries.throttles.find(`${kind}:${key}`)
  return state !== undefined && state.blocked_until > now
}
