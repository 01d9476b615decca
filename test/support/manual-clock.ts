import type { Clock } from '../../src/lib/clock.ts'

/** A clock that stands still until a test moves it; sleeping is noted and takes no time. */
export interface ManualClock extends Clock {
  advance(milliseconds: number): void
  readonly slept: number[]
}

export function manualClock(start = Date.UTC(2026, 10, 22, 13, 5)): ManualClock {
  let now = start
  const slept: number[] = []
  return {
    now: () => now,
    sleep: async milliseconds => {
      slept.push(milliseconds)
    },
    advance: milliseconds => {
      now += milliseconds
    },
    slept,
  }
}
