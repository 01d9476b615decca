import type { Clock } from '../../src/lib/clock.ts'

interface Timer {
  readonly due: number
  readonly wake: () => void
}

/**
 * A clock that runs only while everyone waits for it: when nothing else is left to do in this turn of the event loop,
 * it jumps to the next sleeper's time. A test of a minute's silence takes no time, and no time is ever asserted.
 */
export class VirtualClock implements Clock {
  private time: number
  private readonly timers = new Set<Timer>()
  private isPumping = false

  constructor(start = 1_800_000_000_000) {
    this.time = start
  }

  now(): number {
    return this.time
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = () => {
        this.timers.delete(timer)
        reject(new DOMException('The operation was aborted', 'AbortError'))
      }
      const timer: Timer = {
        due: this.time + Math.max(0, milliseconds),
        wake: () => {
          signal?.removeEventListener('abort', aborted)
          resolve()
        },
      }
      if (signal?.aborted) return aborted()
      signal?.addEventListener('abort', aborted, { once: true })
      this.timers.add(timer)
      this.pump()
    })
  }

  private pump(): void {
    if (this.isPumping) return
    this.isPumping = true
    setImmediate(() => {
      this.isPumping = false
      const next = [...this.timers].reduce<Timer | undefined>((a, b) => (a && a.due <= b.due ? a : b), undefined)
      if (!next) return
      this.timers.delete(next)
      this.time = Math.max(this.time, next.due)
      next.wake()
      if (this.timers.size > 0) this.pump()
    })
  }
}
