import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countAttempt, type ThrottlePolicy, throttlePolicies } from '../../../src/server/domain/throttle.ts'
import type { ThrottlesTable } from '../../../src/server/store/schema.ts'

const { guess } = throttlePolicies
const hour = 3_600_000

/** Attempts as fast as they are let, from `start`; when each was made. */
function attemptsWithin(policy: ThrottlePolicy, milliseconds: number, start = 0): number[] {
  const made: number[] = []
  let state: ThrottlesTable | undefined
  let now = start
  while (now <= start + milliseconds && made.length < 10_000) {
    const outcome = countAttempt(policy, state, 'k', now)
    if ('blockedUntil' in outcome) {
      now = outcome.blockedUntil
      continue
    }
    made.push(now)
    state = outcome.next
  }
  return made
}

describe('guesses at an authenticator', () => {
  test('five are free, then each wait is twice as long, up to a quarter of an hour', () => {
    const made = attemptsWithin(guess, hour)
    const waits = made.slice(1).map((at, index) => (at - (made[index] ?? 0)) / 1000)
    expect(waits.slice(0, 4)).toEqual([0, 0, 0, 0])
    expect(waits.slice(4, 16)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900])
  })

  test('say how many are left', () => {
    let state: ThrottlesTable | undefined
    const left: number[] = []
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const outcome = countAttempt(guess, state, 'k', 0)
      if ('blockedUntil' in outcome) throw new Error('blocked')
      left.push(outcome.attemptsLeft)
      state = outcome.next
    }
    expect(left).toEqual([4, 3, 2, 1, 0])
  })

  test('after a hundred in a row one a day is left, and the owner is never locked out for good', () => {
    const state = { key: 'k', failures: 99, last_failure_at: 0, blocked_until: 0 }
    const hundredth = countAttempt(guess, state, 'k', hour)
    expect(hundredth).toMatchObject({ next: { failures: 100, blocked_until: 25 * hour } })
    if ('blockedUntil' in hundredth) throw new Error('blocked')
    expect(countAttempt(guess, hundredth.next, 'k', 24 * hour)).toEqual({ blockedUntil: 25 * hour })
    expect(countAttempt(guess, hundredth.next, 'k', 25 * hour)).toHaveProperty('next')
  })

  test('time alone forgives none of them', () => {
    const state = { key: 'k', failures: 50, last_failure_at: 0, blocked_until: 0 }
    expect(countAttempt(guess, state, 'k', 1000 * hour)).toMatchObject({ next: { failures: 51 } })
  })
})

test('where attempts are forgotten, one is at a time, however many go on', () => {
  const { source } = throttlePolicies
  const state = { key: 'k', failures: 60, last_failure_at: 0, blocked_until: 0 }
  expect(countAttempt(source, state, 'k', 9_999)).toMatchObject({ next: { failures: 61, last_failure_at: 0 } })
  expect(countAttempt(source, state, 'k', 25_000)).toMatchObject({ next: { failures: 59, last_failure_at: 20_000 } })
  expect(countAttempt(source, state, 'k', 600_000)).toMatchObject({ next: { failures: 1, last_failure_at: 600_000 } })
  const steady = Array.from({ length: 1000 }).reduce<ThrottlesTable | undefined>((earlier, _, index) => {
    const outcome = countAttempt(source, earlier, 'k', index * 10_000)
    if ('blockedUntil' in outcome) throw new Error('blocked')
    return outcome.next
  }, undefined)
  expect(steady?.failures).toBeLessThanOrEqual(2)
})

test('a throttle never loosens: while attempts go on, no wait is shorter than the one before', () => {
  const policies = fc.record({
    free: fc.integer({ min: 1, max: 20 }),
    firstWait: fc.integer({ min: 1, max: 10_000 }),
    factor: fc.integer({ min: 1, max: 4 }),
    longest: fc.integer({ min: 10_000, max: 1_000_000 }),
    forgetEvery: fc.constant(0),
  })
  fc.assert(
    fc.property(policies, fc.integer({ min: 0, max: 2 ** 45 }), (policy, start) => {
      const made = attemptsWithin(policy, 2_000_000, start).slice(0, 200)
      const waits = made.slice(1).map((at, index) => at - (made[index] ?? 0))
      for (const [index, wait] of waits.entries()) expect(wait).toBeGreaterThanOrEqual(waits[index - 1] ?? 0)
    }),
  )
})
