import type { Clock } from '../../lib/clock.ts'

/** Tells an operator how far it is, a line at a time. */
export interface Progress {
  /** So many rows of a table so far. */
  moved(table: string, count: number): void
  done(table: string, count: number): void
}

const interval = 5_000

/** At most a line every 5 seconds, and one for each table that has rows. */
export function createProgress(clock: Pick<Clock, 'now'>, tell: (text: string) => void, verb: string): Progress {
  let toldAt = clock.now()
  const say = (table: string, count: number, more: string) => tell(`${verb} ${table}: ${count} rows${more}\n`)
  return {
    moved(table, count) {
      if (clock.now() - toldAt < interval) return
      toldAt = clock.now()
      say(table, count, ' …')
    },
    done(table, count) {
      if (count > 0) say(table, count, '')
    },
  }
}
