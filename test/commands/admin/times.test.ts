import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { durationOf, pointInTime } from '../../../src/commands/admin/times.ts'
import { isoTime, wallTime } from '../../../src/lib/clock.ts'

const now = Date.parse('2026-11-22T13:05:00.000Z')
const hour = 3_600_000

describe('a duration', () => {
  it.each([
    ['90m', 1.5 * hour],
    ['12h', 12 * hour],
    ['30d', 720 * hour],
    ['0m', 0],
    ['', undefined],
    ['30', undefined],
    ['d', undefined],
    ['-1d', undefined],
    ['1.5h', undefined],
    ['30 d', undefined],
    ['30d ', undefined],
    ['1w', undefined],
    ['9999999d', undefined],
  ])('%j is %s ms', (text, expected) => expect(durationOf(text)).toBe(expected))
})

describe('a point in time', () => {
  const since = (text: string) => pointInTime(text, '--since', now, 'a time')
  const until = (text: string) => pointInTime(text, '--until', now, 'a time')

  it.each([
    ['2h', now - 2 * hour],
    ['7d', now - 168 * hour],
    ['2026-11-22T18:30Z', Date.parse('2026-11-22T18:30:00Z')],
    ['2026-11-22T18:30:15.250Z', Date.parse('2026-11-22T18:30:15.250Z')],
    ['2026-11-22 18:30+08:00', Date.parse('2026-11-22T10:30:00Z')],
    ['2026-11-22 18:30', new Date(2026, 10, 22, 18, 30).getTime()],
    ['2026-11-22', new Date(2026, 10, 22).getTime()],
    ['2024-02-29', new Date(2024, 1, 29).getTime()],
  ])('%j is as it says, for --since', (text, expected) => expect(since(text)).toBe(expected))

  it('of a day is its first midnight for --since, and the next for --until', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 36_500 }), days => {
        const date = new Date(2000, 0, 1 + days)
        const text = wallTime(date.getTime()).slice(0, 10)
        const next = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1)
        expect([since(text), until(text)]).toEqual([date.getTime(), next.getTime()])
      }),
    )
  })

  it('of a time of day is that, for either', () => {
    fc.assert(
      fc.property(fc.integer({ min: hour * 24, max: now }), time => {
        expect([since(isoTime(time)), until(isoTime(time))]).toEqual([time, time])
      }),
    )
  })

  it.each([
    '',
    'yesterday',
    '2026-02-30',
    '2026-13-01',
    '2026-02-30T10:00',
    '2026-11-22T25:00',
    '2026-11-22T10',
    '22.11.2026',
    '2h ago',
    '999999d',
    '2026-11-22T10:00+0800',
  ])('is not %j', text => {
    for (const option of ['--since', '--until'] as const) {
      expect(() => pointInTime(text, option, now, 'a time')).toThrow(
        expect.objectContaining({ code: 'input_malformed', values: { source: option, expected: 'a time' } }),
      )
    }
  })
})
