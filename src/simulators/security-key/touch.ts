import type { Clock } from '../../lib/clock.ts'
import { StatusError, status } from './status.ts'

/**
 * What the person does when the key blinks: touches at once, does nothing (until `touch()`), says no, or touches after
 * a while.
 */
export type TouchBehaviour = 'automatic' | 'never' | 'deny' | { readonly afterMilliseconds: number }

export type TouchOutcome = 'touched' | 'denied' | 'timed out' | 'cancelled'

/** Waits for the person. */
export type AskForTouch = () => Promise<TouchOutcome>

/** Waits for the person to touch the key. @throws {StatusError} when they don't: `timedOut` if nothing happens. */
export async function touched(ask: AskForTouch, timedOut: number = status.denied): Promise<void> {
  const outcome = await ask()
  if (outcome === 'denied') throw new StatusError(status.denied)
  if (outcome === 'cancelled') throw new StatusError(status.keepaliveCancel)
  if (outcome === 'timed out') throw new StatusError(timedOut)
}

/** Keys in use give up after about this long (CTAP 2.1 section 6.1.2, "user action timeout"). */
const patience = 30_000

/** How long a U2F key blinks after a request, and how long a touch on the blinking key counts. */
const momentOfTouch = 2000

/** The button. */
export class TouchSensor {
  behaviour: TouchBehaviour
  private readonly clock: Clock
  /** When a U2F key began to blink, was last asked for a touch, and was touched. */
  private blinking: { readonly begun: number; asked: number; touched: number | undefined } | undefined
  private pending: ((outcome: TouchOutcome) => void) | undefined

  constructor(clock: Clock, behaviour: TouchBehaviour) {
    this.clock = clock
    this.behaviour = behaviour
  }

  /** Whether the key blinks. */
  get isAwaited(): boolean {
    return this.pending !== undefined || this.currentBlink() !== undefined
  }

  /** A finger on the key. */
  touch(): void {
    this.pending?.('touched')
    const blink = this.currentBlink()
    if (blink) blink.touched = this.clock.now()
  }

  /**
   * Whether there is a touch for a U2F request, which does not wait: the first makes the key blink, and those that
   * come soon after it find the touch, once.
   */
  takeTouch(): boolean {
    const now = this.clock.now()
    const blink = this.currentBlink()
    if (!blink) {
      this.blinking = { begun: now, asked: now, touched: undefined }
      return false
    }
    blink.asked = now
    const { behaviour } = this
    const isDue = typeof behaviour === 'object' && now - blink.begun >= behaviour.afterMilliseconds
    if (blink.touched === undefined && behaviour !== 'automatic' && !isDue) return false
    this.blinking = undefined
    return true
  }

  /** Forgets a touch, and stops blinking: the plug is pulled. */
  powerOff(): void {
    this.blinking = undefined
  }

  private currentBlink() {
    const { blinking } = this
    const last = Math.max(blinking?.asked ?? 0, blinking?.touched ?? 0)
    return this.clock.now() - last < momentOfTouch ? blinking : undefined
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
