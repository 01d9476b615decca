import type { Clock } from '../../lib/clock.ts'

/**
 * What the person does when the key blinks: touches at once, does nothing (until `touch()`), says no, or touches after
 * a while.
 */
export type TouchBehaviour = 'automatic' | 'never' | 'deny' | { readonly afterMilliseconds: number }

export type TouchOutcome = 'touched' | 'denied' | 'timed out' | 'cancelled'

/** Keys in use give up after about this long (CTAP 2.1 section 6.1.2, "user action timeout"). */
const patience = 30_000

/** The button. */
export class TouchSensor {
  behaviour: TouchBehaviour
  private readonly clock: Clock
  private pending: ((outcome: TouchOutcome) => void) | undefined

  constructor(clock: Clock, behaviour: TouchBehaviour) {
    this.clock = clock
    this.behaviour = behaviour
  }

  /** Whether the key blinks. */
  get isAwaited(): boolean {
    return this.pending !== undefined
  }

  /** A finger on the key. */
  touch(): void {
    this.pending?.('touched')
  }

  /** Waits for what the person does, or for `signal`. */
  async wait(signal: AbortSignal): Promise<TouchOutcome> {
    const { behaviour } = this
    if (signal.aborted) return 'cancelled'
    if (behaviour === 'automatic') return 'touched'
    if (behaviour === 'deny') return 'denied'
    const over = new AbortController()
    const end = AbortSignal.any([signal, over.signal])
    const after = (milliseconds: number, outcome: TouchOutcome) =>
      this.clock.sleep(milliseconds, end).then(
        () => outcome,
        () => 'cancelled' as const,
      )
    const byHand = new Promise<TouchOutcome>(resolve => {
      this.pending = resolve
    })
    const waits = [byHand, after(patience, 'timed out')]
    if (behaviour !== 'never') waits.push(after(behaviour.afterMilliseconds, 'touched'))
    const outcome = await Promise.race(waits)
    this.pending = undefined
    over.abort()
    return outcome
  }
}
