import type { DeliveryFailure } from '../ports/delivery-error.ts'

/** What is known of a provider: the row of `provider_health` without its name. */
export interface ProviderState {
  /** In a row. */
  readonly failures: number
  /** Why it is left out, or was until it is tried again; `null`: it works. */
  readonly failure: 'misconfigured' | 'unreachable' | null
  /** Since when it has been so. */
  readonly since: number
  /** Until then it is left out. */
  readonly retryAt: number
}

export const working: ProviderState = { failures: 0, failure: null, since: 0, retryAt: 0 }

const second = 1000
const rules = {
  /** An operator must act; nobody else's message fares better. */
  misconfigured: { tolerated: 0, first: 60 * second, longest: 600 * second },
  unreachable: { tolerated: 4, first: 10 * second, longest: 300 * second },
} as const

/** What a failure says of the provider; `undefined`: nothing, it answered, and of this message alone. */
export function kindOf(failure: DeliveryFailure): keyof typeof rules | undefined {
  switch (failure) {
    case 'misconfigured':
      return 'misconfigured'
    // Who does not say whether he took a message may be hanging.
    case 'unreachable':
    case 'uncertain':
      return 'unreachable'
    case 'throttled':
    case 'refused':
      return undefined
  }
}

/** A time further ahead than any wait is of a clock that was put back since: it would leave the provider out for hours. */
export const isOffAt = ({ retryAt }: ProviderState, now: number): boolean =>
  retryAt > now && retryAt - now <= rules.misconfigured.longest

/**
 * The state of a provider as a pure state machine.
 *
 *   ┌───────┐ failures, more than tolerated ┌─────┐  retryAt passes   ┌────────────┐
 *   │ works │ ────────────────────────────▶ │ off │ ────────────────▶ │ tried again│
 *   └───────┘                               └─────┘ ◀──────────────── └────────────┘
 *       ▲                                     one failure: twice as long     │
 *       └────────────────────────────────────────────────────────────────────┘ it works
 *
 * What fails while it is off was under way before, and says nothing new.
 */
export function afterFailure(state: ProviderState, kind: keyof typeof rules, now: number): ProviderState {
  const isWorse = kind === 'misconfigured' && state.failure === 'unreachable'
  if (isOffAt(state, now) && !isWorse) return state
  const { tolerated, first, longest } = rules[kind]
  const wasOff = state.failure !== null
  const isSameKind = (state.failure ?? 'unreachable') === kind
  const failures = isSameKind ? state.failures + 1 : tolerated + 1
  if (failures <= tolerated) return { ...state, failures }
  const over = failures - tolerated - 1
  return {
    failures,
    failure: kind,
    since: wasOff ? state.since : now,
    retryAt: now + Math.min(longest, first * 2 ** Math.min(over, 20)),
  }
}
