import type { Clock } from '../lib/clock.ts'
import type { CtapError } from './errors.ts'

/** More than any message has: what comes beyond that, nobody reads. */
const mostReports = 1024

/** Reports that arrived before anyone asked, and the one reader who waits for the next. */
export class ReportQueue {
  private readonly clock: Clock
  private readonly reports: Uint8Array[] = []
  private failure: CtapError | undefined
  private wake: (() => void) | undefined

  constructor(clock: Clock) {
    this.clock = clock
  }

  push(report: Uint8Array): void {
    if (this.reports.length < mostReports) this.reports.push(report)
    this.wake?.()
  }

  /** Nothing comes any more: reads fail with `error` once what had arrived is read. */
  fail(error: CtapError): void {
    this.failure ??= error
    this.wake?.()
  }

  /** The oldest report, or undefined when none came within `milliseconds`. */
  async next(milliseconds: number): Promise<Uint8Array | undefined> {
    if (this.reports.length === 0 && !this.failure) await this.arrival(milliseconds)
    const report = this.reports.shift()
    if (!report && this.failure) throw this.failure
    return report
  }

  private async arrival(milliseconds: number): Promise<void> {
    const timer = new AbortController()
    const arrived = new Promise<void>(resolve => {
      this.wake = resolve
    })
    const elapsed = this.clock.sleep(milliseconds, timer.signal).catch(() => undefined)
    await Promise.race([arrived, elapsed])
    this.wake = undefined
    timer.abort()
  }
}
