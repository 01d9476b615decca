import type { Clock } from '../../src/lib/clock.ts'

/** A clock that stands still until a test moves it; whoever sleeps wakes when it has moved far enough. */
export class SteppedClock implements Clock {
  private time: number
  private readonly sleepers = new Set<{ due: number; wake: () => void }>()

  constructor(start = Date.UTC(2026, 10, 22, 13, 5)) {
    this.time = start
  }

  now(): number {
    return this.time
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { due: this.time + milliseconds, wake: resolve }
      if (signal?.aborted) return reject(new DOMException('aborted', 'AbortError'))
      this.sleepers.add(sleeper)
      signal?.addEventListener(
        'abort',
        () => {
          this.sleepers.delete(sleeper)
          reject(new DOMException('aborted', 'AbortError'))
        },
        { once: true },
      )
    })
  }

  advance(milliseconds: number): void {
    this.time += milliseconds
    for (const sleeper of this.sleepers) {
      if (sleeper.due > this.time) continue
      this.sleepers.delete(sleeper)
      sleeper.wake()
    }
  }
}
