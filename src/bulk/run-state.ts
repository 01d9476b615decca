import type { ItemChange } from '../contract/rebind.ts'
import { BulkError } from './error.ts'
import type { Counts, JournalHeader } from './journal.ts'
import { isPassing } from './patience.ts'
import type { ResultRow } from './results.ts'
import type { BulkWorld } from './world.ts'

/** How a run, or a dry run, has ended. */
export interface RunOutcome extends Readonly<Counts> {
  /** Null of a dry run, and where there was nothing to do. */
  readonly runId: string | null
  readonly kind: 'rebind' | 'undo'
  readonly isDry: boolean
  /** Whether the journal said that all was done before. */
  readonly wasFinished: boolean
  readonly rows: number
  /** Rows that were left out before the first write. */
  readonly refused: number
  /** Of a dry run: how many rows would change each item. */
  readonly changes: ReadonlyMap<ItemChange['item'], number>
  /** The only row that was given links. */
  readonly linkRow: ResultRow | undefined
}

export const noCounts: Readonly<Counts> = { applied: 0, unchanged: 0, failed: 0, skipped: 0 }

export function outcomeOf(
  { header, done }: { readonly header: JournalHeader; readonly done: Readonly<Counts> },
  more: Partial<RunOutcome> = {},
): RunOutcome {
  const { run_id, kind, rows, refused } = header
  const { applied, unchanged, failed, skipped } = done
  const counts = { applied, unchanged, failed, skipped }
  const none = { isDry: false, wasFinished: false, changes: new Map(), linkRow: undefined }
  return { runId: run_id, kind, rows, refused, ...counts, ...none, ...more }
}

/** Counts what becomes of rows, shows those that failed, and keeps the one that was given links. */
export class RunTally {
  readonly counts: Counts
  linkRow: ResultRow | undefined
  private linkRows = 0
  private readonly world: BulkWorld

  constructor(world: BulkWorld, before: Readonly<Counts>) {
    this.world = world
    const { applied, unchanged, failed, skipped } = before
    this.counts = { applied, unchanged, failed, skipped }
  }

  get done(): number {
    const { applied, unchanged, failed, skipped } = this.counts
    return applied + unchanged + failed + skipped
  }

  add(row: ResultRow): void {
    if (row.status !== 'valid') this.counts[row.status]++
    if (row.links.length > 0) this.linkRow = ++this.linkRows === 1 ? row : undefined
    if (row.code === null) return
    this.world.screen.refused({ number: row.number, line: row.line, code: row.code, message: row.message })
  }
}

/** What ends a run in the middle, with how far it is: the same command goes on from there. */
export function interruption(error: unknown, world: BulkWorld, header: JournalHeader, done: number): unknown {
  const values = { done, rows: header.rows, run: header.run_id }
  if (world.signal.aborted) return new BulkError('bulk_cancelled', values, { cause: error })
  if (!isPassing(error)) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const seconds = Math.round(world.patience / 1000)
  return new BulkError('bulk_paused', { ...values, reason: code, seconds }, { cause: error })
}

/** How what is asked for differs from what a run was begun with. @throws {BulkError} `bulk_journal_other_options` */
export function verifyOptions(
  journal: string,
  header: JournalHeader,
  asked: Pick<JournalHeader, 'kind' | 'server' | 'reason' | 'notify' | 'results' | 'undoes'> & { batch_size?: number },
): void {
  const differs: Readonly<Record<string, boolean>> = {
    '--undo': header.kind !== asked.kind || header.undoes !== asked.undoes,
    '--server': header.server !== asked.server,
    '--reason': header.reason !== asked.reason,
    '--no-notify': header.notify !== asked.notify,
    '--results': header.results?.path !== asked.results?.path || header.results?.format !== asked.results?.format,
    '--batch': asked.batch_size !== undefined && header.batch_size !== asked.batch_size,
  }
  const options = Object.keys(differs).filter(option => differs[option])
  if (options.length === 0) return
  throw new BulkError('bulk_journal_other_options', { file: journal, options: options.join(', ') })
}
