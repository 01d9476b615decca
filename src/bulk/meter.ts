import type { BulkWorld, Phase } from './world.ts'

/** Counts the rows of one pass, and shows it now and then. */
export class Meter {
  private readonly world: Pick<BulkWorld, 'clock' | 'screen'>
  private readonly phase: Phase
  private readonly rows: number | undefined
  private readonly began: number
  private readonly before: number
  private shown: number
  private done: number
  private failed = 0

  /** @param before rows that were done before this process began */
  constructor(world: Pick<BulkWorld, 'clock' | 'screen'>, phase: Phase, rows?: number, before = 0) {
    this.world = world
    this.phase = phase
    this.rows = rows
    this.began = world.clock.now()
    this.shown = this.began
    this.before = before
    this.done = before
  }

  advance(rows: number, failed = 0): void {
    this.done += rows
    this.failed += failed
    const now = this.world.clock.now()
    if (now - this.shown < this.world.screen.interval) return
    this.shown = now
    this.show(now)
  }

  private show(now: number): void {
    const { phase, done, rows, failed } = this
    const rate = ((done - this.before) * 1000) / Math.max(1, now - this.began)
    const left = rows === undefined || rate <= 0 ? undefined : Math.ceil((rows - done) / rate)
    this.world.screen.progress({ phase, done, rows, failed, rate: Math.round(rate), left })
  }
}
