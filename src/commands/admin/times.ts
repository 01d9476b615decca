import { timeOf, wallTime } from '../../lib/clock.ts'
import { CommandError } from '../command-error.ts'

const minute = 60_000
const units = { m: minute, h: 60 * minute, d: 24 * 60 * minute } as const

/** Milliseconds of `90m`, `12h` or `30d`; `undefined` for what is none of these. */
export function durationOf(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? []
  if (number === undefined || unit === undefined) return undefined
  return Number(number) * units[unit as keyof typeof units]
}

const form = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/

/** The day of a time, by the clock of this machine. */
const dayOf = (milliseconds: number): string => wallTime(milliseconds).slice(0, 10)

/** The midnight with which a day begins by the clock of this machine; `undefined` for one that no calendar has. */
function midnight(day: string): number | undefined {
  const found = timeOf(`${day}T00:00`)
  return !Number.isNaN(found) && dayOf(found) === day ? found : undefined
}

function calendarTime(text: string, option: '--since' | '--until'): number | undefined {
  const [, day = '', time, offset = ''] = form.exec(text) ?? []
  const begin = midnight(day)
  if (begin === undefined || time !== undefined) return begin && timeOf(`${day}T${time}${offset}`)
  // Days with a change of the clock have 23 hours, or 25.
  return option === '--since' ? begin : midnight(dayOf(begin + 36 * 60 * minute))
}

/**
 * A point in time as `--since` and `--until` take it: how long ago (`90m`, `2h`, `7d`), a day (`2026-11-22`), or a day
 * and a time, ISO 8601; where no offset is named, by the clock of this machine.
 * @param option what it was given with. A day begins with its midnight for `--since`, and ends with the next for
 * `--until`
 * @param expected what it takes, in the person's words
 * @returns milliseconds since the Unix epoch
 * @throws {CommandError} `input_malformed`
 */
export function pointInTime(text: string, option: '--since' | '--until', now: number, expected: string): number {
  const ago = durationOf(text)
  const found = ago === undefined ? calendarTime(text, option) : now - ago
  if (found !== undefined && found >= 0) return found
  throw new CommandError('input_malformed', { source: option, expected })
}
