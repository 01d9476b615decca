import { describe, expect, test } from 'vitest'
import {
  outcomeBefore,
  outcomeOfFailure,
  outcomeOfSuccess,
  SenderHangs,
} from '../../../../src/server/domain/delivery/outcome.ts'
import { retryWait, spread } from '../../../../src/server/domain/delivery/retry.ts'
import { DeliveryError, type DeliveryFailure } from '../../../../src/server/domain/ports/delivery-error.ts'

const now = 1_000_000
const ample = now + 60 * 60_000
const row = { purpose: 'bind', attempts: 1, lapsed: 0, not_after: ample, failure: null }
/** The longest waits there are; `least` gives the shortest. */
const most = { bytes: (length: number) => new Uint8Array(length).fill(255) }
const least = { bytes: (length: number) => new Uint8Array(length) }
const error = (failure: DeliveryFailure, retryAfter?: number) => new DeliveryError(failure, 'smtp', 'no', retryAfter)
const failed = (failure: string) => ({ state: 'failed', failure })

describe('a claimed message is given up without an attempt', () => {
  test.each([
    [0, undefined],
    [1, undefined],
    [2, failed('lapsed')],
    [3, failed('lapsed')],
  ])('after %i claims that ended without a word: %j', (lapsed, outcome) =>
    expect(outcomeBefore({ ...row, lapsed }, now)).toEqual(outcome),
  )

  test('from the moment on at which it makes no sense any more, for the reason it was not sent before', () => {
    expect(outcomeBefore({ ...row, not_after: now + 1 }, now)).toBeUndefined()
    expect(outcomeBefore({ ...row, not_after: now }, now)).toEqual(failed('expired'))
    expect(outcomeBefore({ ...row, not_after: now, failure: 'throttled' }, now)).toEqual(failed('throttled'))
  })
})

test('what was sent names who took it over; a decoy nobody', () => {
  const taken = { provider: 'twilio', providerMessageId: 'SM1' } as const
  expect(outcomeOfSuccess(taken)).toEqual({ state: 'sent', ...taken, failure: null })
  expect(outcomeOfSuccess(null)).toEqual({ state: 'sent', provider: null, providerMessageId: null, failure: null })
})

describe('an attempt that failed', () => {
  const waitAfter = (attempted: Partial<typeof row>, thrown: unknown, random = most): unknown => {
    const outcome = outcomeOfFailure({ ...row, ...attempted }, thrown, now, random)
    return outcome.state === 'queued' ? outcome.nextAttemptAt - now : outcome
  }

  test.each([
    ['bind', [2000, 4000, 8000, 16_000, 30_000, 30_000]],
    ['login', [2000, 4000, 8000, 16_000, 30_000, 30_000]],
    ['notice', [2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000]],
  ])('of a %s is made again, later each time', (purpose, waits) => {
    const found = waits.map((_, index) => waitAfter({ purpose, attempts: index + 1 }, error('unreachable')))
    expect(found).toEqual(waits)
    expect(waitAfter({ purpose }, error('unreachable'), least)).toBe(1000)
  })

  test('for a limit waits for as long as it was told, and no shorter than usual', () => {
    expect(waitAfter({}, error('throttled', 45_000))).toBe(45_000)
    expect(waitAfter({}, error('throttled', 1))).toBe(2000)
    expect(waitAfter({}, error('throttled'))).toBe(2000)
  })

  test('for our own configuration waits for a minute, in which an operator may act', () => {
    expect(waitAfter({}, error('misconfigured'))).toBe(60_000)
    expect(waitAfter({}, error('misconfigured'), least)).toBe(30_000)
    expect(waitAfter({ purpose: 'notice', attempts: 9 }, error('misconfigured'))).toBe(300_000)
  })

  test('is the last when the next would come at the end of the message’s time', () => {
    expect(waitAfter({ not_after: now + 2001 }, error('unreachable'))).toBe(2000)
    expect(waitAfter({ not_after: now + 2000 }, error('unreachable'))).toEqual(failed('unreachable'))
    expect(waitAfter({ not_after: now + 2000 }, new Error('ours'))).toEqual(failed('expired'))
  })

  test('because of the destination is the last', () =>
    expect(waitAfter({}, error('refused'))).toEqual(failed('refused')))

  test.each([
    ['does not say whether it took the message', error('uncertain'), 'smtp'],
    ['hangs', new SenderHangs(), null],
  ])('of a sender that %s is the last, since the message may have been sent', (_, thrown, provider) =>
    expect(waitAfter({}, thrown)).toEqual({ state: 'sent', provider, providerMessageId: null, failure: 'uncertain' }),
  )

  test('by a mistake of ours is made once more and never again', () => {
    const first = outcomeOfFailure({ ...row, failure: 'throttled' }, new Error('ours'), now, most)
    expect(first).toEqual({ state: 'queued', failure: 'throttled', lapsed: 1, nextAttemptAt: now + 2000 })
    expect(waitAfter({ lapsed: 1 }, new Error('ours'))).toEqual(failed('lapsed'))
  })

  test('keeps count of claims that ended without a word', () => {
    expect(outcomeOfFailure({ ...row, lapsed: 1 }, error('unreachable'), now, most)).toMatchObject({ lapsed: 1 })
  })
})

test('waits are spread over the half of their length, and never grow beyond the longest', () => {
  expect([spread(100, least), spread(100, most)]).toEqual([50, 100])
  expect(retryWait(0, 30_000, most)).toBe(2000)
  expect(retryWait(10_000, 30_000, most)).toBe(30_000)
})
