import { setTimeout as delay } from 'node:timers/promises'

/** Where the time comes from. The only module that reads the system clock is this one. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Resolves after `milliseconds`; rejects with an `AbortError` when `signal` aborts first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) => delay(milliseconds, undefined, signal ? { signal } : {}),
}

/** `2026-11-22T13:05:00.000Z` for a time in milliseconds since the Unix epoch. */
export const isoTime = (milliseconds: number): string => new Date(milliseconds).toISOString()

/** `Sun, 22 Nov 2026 13:05:00 +0000`, the `Date` of a mail (RFC 5322 section 3.3). */
export const mailTime = (milliseconds: number): string => new Date(milliseconds).toUTCString().replace('GMT', '+0000')

/** Milliseconds since the Unix epoch for an ISO 8601 time. */
export const timeOf = (iso: string): number => Date.parse(iso)

/** A time as the person's own wall clock shows it: `2026-11-22 21:05` in `timeZone` (the system's, when left out). */
export function wallTime(milliseconds: number, timeZone?: string): string {
  if (timeZone === undefined) return wallTimeHere(new Date(milliseconds))
  const parts = new Intl.DateTimeFormat('en-GB', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZone,
  }).formatToParts(milliseconds)
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find(p => p.type === type)?.value ?? ''
  return `${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}`
}

/** Without `Intl.DateTimeFormat`, which takes 20 ms to load. */
function wallTimeHere(date: Date): string {
  const two = (number: number) => String(number).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}
