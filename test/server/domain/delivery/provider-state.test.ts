import { describe, expect, test } from 'vitest'
import {
  afterFailure,
  isOffAt,
  kindOf,
  type ProviderState,
  working,
} from '../../../../src/server/domain/delivery/provider-state.ts'

const off: ProviderState = { failures: 5, failure: 'unreachable', since: 1000, retryAt: 11_000 }

test.each([
  ['misconfigured', 'misconfigured'],
  ['unreachable', 'unreachable'],
  ['uncertain', 'unreachable'],
  ['throttled', undefined],
  ['refused', undefined],
] as const)('that a message was %s says of the provider: %s', (failure, kind) => expect(kindOf(failure)).toBe(kind))

test('a provider is off until the very moment at which it is tried again', () => {
  expect([isOffAt(off, 10_999), isOffAt(off, 11_000), isOffAt(working, 0)]).toEqual([true, false, false])
})

describe('while a provider is off', () => {
  test('what fails was under way before, and says nothing new', () => {
    expect(afterFailure(off, 'unreachable', 5000)).toBe(off)
    const misconfigured: ProviderState = { ...off, failure: 'misconfigured' }
    expect(afterFailure(misconfigured, 'misconfigured', 5000)).toBe(misconfigured)
    expect(afterFailure(misconfigured, 'unreachable', 5000)).toBe(misconfigured)
  })

  test('but that it refuses our credentials is worse than that it was not reached', () => {
    const expected = { failures: 1, failure: 'misconfigured', since: 1000, retryAt: 65_000 }
    expect(afterFailure(off, 'misconfigured', 5000)).toEqual(expected)
  })
})

test('one that fails when it is tried again has been off since it was off first, and is for twice as long', () => {
  expect(afterFailure(off, 'unreachable', 11_000)).toEqual({ ...off, failures: 6, retryAt: 31_000 })
  expect(afterFailure(off, 'misconfigured', 11_000)).toMatchObject({ failures: 1, since: 1000, retryAt: 71_000 })
})

test('one that worked is off since now', () => {
  const tolerated = afterFailure({ ...working, failures: 3 }, 'unreachable', 7000)
  expect(tolerated).toEqual({ ...working, failures: 4 })
  expect(afterFailure(tolerated, 'unreachable', 7000)).toEqual({
    failures: 5,
    failure: 'unreachable',
    since: 7000,
    retryAt: 17_000,
  })
})
