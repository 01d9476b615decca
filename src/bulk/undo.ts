import {
  longestBatch,
  previewUndo,
  type RowResult,
  readRun,
  startUndo,
  undoRows,
  undoValue,
} from '../contract/rebind.ts'
import { toBase64url } from '../lib/base64url.ts'
import { countsOf, resultRow } from './apply.ts'
import { RunAuthority } from './authority.ts'
import {
  continueJournal,
  createJournal,
  type Journal,
  type JournalHeader,
  type JournalState,
  type ResultsFile,
  readJournal,
} from './journal.ts'
import { takeLock } from './lock.ts'
import { Meter } from './meter.ts'
import type { Patience } from './patience.ts'
import { continueResults, createResults, noResults, type ResultRow, type Results } from './results.ts'
import { finish, newPatience } from './run.ts'
import { interruption, noCounts, outcomeOf, type RunOutcome, RunTally, verifyOptions } from './run-state.ts'
import type { BulkWorld } from './world.ts'

export interface UndoRequest {
  readonly runId: string
  readonly journal: string | undefined
  readonly results: ResultsFile | null
  readonly reason: string
  readonly notify: boolean
  readonly dryRun: boolean
  readonly batchSize: number | undefined
}

const idBytes = 16
const noCells = { line: null, cells: [] }

/**
 * Brings back what a run has changed, or goes on with that.
 * @throws {BulkError} and {ApiError}
 */
export async function undoRun(request: UndoRequest, world: BulkWorld): Promise<RunOutcome> {
  const undoing = new Undoing(request, world)
  try {
    if (request.dryRun) return await undoing.preview()
    const journal = request.journal ?? `hufu-undo-${request.runId}.hufu-journal`
    const letGo = await takeLock(journal, world.random)
    try {
      return await undoing.run(journal)
    } finally {
      await letGo()
    }
  } finally {
    world.screen.settle()
  }
}

class Undoing {
  private readonly request: UndoRequest
  private readonly world: BulkWorld
  private readonly patience: Patience

  constructor(request: UndoRequest, world: BulkWorld) {
    this.request = request
    this.world = world
    this.patience = newPatience(world)
  }

  /** What would come back. Nothing is written. */
  async preview(): Promise<RunOutcome> {
    const { world } = this
    const rows = await this.appliedRows()
    const results = await this.newResults()
    const meter = new Meter(world, 'check', rows)
    const tally = new RunTally(world, noCounts)
    const changes = new Map<RowResult['changes'][number]['item'], number>()
    try {
      for (let before: number | null | undefined; before !== null; ) {
        const query = { limit: this.limit, ...(before === undefined ? {} : { before_row: before }) }
        const page = await this.previewPage(query)
        const looked = page.results.map(result => this.previewed(result))
        for (const row of looked) {
          tally.add(row)
          for (const { item } of row.changes) changes.set(item, (changes.get(item) ?? 0) + 1)
          const words = row.changes.map(({ item, old, new: fresh }) => `${item} ${old ?? '–'} → ${fresh ?? '–'}`)
          if (row.status === 'valid') world.screen.wouldChange(row.number, row.account ?? '', words.join(', '))
        }
        await results.add(looked)
        meter.advance(looked.length)
        before = page.next
      }
      await results.flush()
      const none = { runId: null, kind: 'undo', wasFinished: false, linkRow: undefined, refused: 0 } as const
      return { ...none, ...tally.counts, isDry: true, rows, changes }
    } finally {
      await results.close()
    }
  }

  async run(path: string): Promise<RunOutcome> {
    const { request, world } = this
    const known = await readJournal(path)
    if (!known) return this.begin(path)
    const { state, length } = known
    const { runId: undoes, reason, notify, results } = request
    verifyOptions(path, state.header, { kind: 'undo', server: world.api.origin, reason, notify, results, undoes })
    if (state.isFinished) return outcomeOf(state, { wasFinished: true })
    const layout = { layout: [], origin: world.api.origin }
    const written = results ? await continueResults(results, state.done.resultsLength, layout) : noResults
    try {
      return await this.undo(state.header, await continueJournal(path, length), written, state)
    } finally {
      await written.close()
    }
  }

  private async begin(path: string): Promise<RunOutcome> {
    const { request, world } = this
    const rows = await this.appliedRows()
    const nothing = { isDry: false, wasFinished: false, changes: new Map(), linkRow: undefined, refused: 0 }
    if (rows === 0) return { runId: null, kind: 'undo', rows, ...noCounts, ...nothing }
    const results = await this.newResults()
    try {
      const header: JournalHeader = {
        journal: 'hufu-rebind',
        version: 1,
        kind: 'undo',
        run_id: toBase64url(world.random.bytes(idBytes)),
        server: world.api.origin,
        reason: request.reason,
        notify: request.notify,
        rows,
        batch_size: this.limit,
        results: request.results,
        results_length: await results.flush(),
        refused: 0,
        undoes: request.runId,
        file: null,
        batch_digests: '',
        skipped: '',
        serial: true,
      }
      return await this.undo(header, await createJournal(path, header), results)
    } finally {
      await results.close()
    }
  }

  private get limit(): number {
    return this.request.batchSize ?? longestBatch
  }

  private async appliedRows(): Promise<number> {
    const { world, patience, request } = this
    const { run } = await patience.call(() => world.api.call(readRun, { params: { run_id: request.runId } }))
    // Of none it says so, where they are not kept any more.
    if (run.applied === 0) await this.previewPage({ limit: 1 })
    return run.applied
  }

  private previewPage(query: { readonly limit: number; readonly before_row?: number }) {
    const { world, patience, request } = this
    return patience.call(() => world.api.call(previewUndo, { params: { run_id: request.runId }, query }))
  }

  private async newResults(): Promise<Results> {
    const { request, world } = this
    if (!request.results) return noResults
    const options = { layout: [], origin: world.api.origin }
    const { results, kept } = await createResults(request.results, undefined, options)
    if (kept !== undefined) world.screen.keptResults(kept)
    return results
  }

  private rowOf(result: RowResult): ResultRow {
    return resultRow(result, noCells, (code, values) => this.world.words(code, values, 'undo'))
  }

  private previewed(result: RowResult): ResultRow {
    const row = this.rowOf(result)
    return row.status === 'applied' || row.status === 'unchanged' ? { ...row, status: 'valid' } : row
  }

  private async undo(
    header: JournalHeader,
    journal: Journal,
    results: Results,
    state?: JournalState,
  ): Promise<RunOutcome> {
    const { world, patience } = this
    const tally = new RunTally(world, state?.done ?? noCounts)
    const authority = new RunAuthority(journal, state?.secret, () => this.start(header))
    const meter = new Meter(world, 'undo', header.rows, tally.done)
    let batch = state?.done.batches ?? 0
    let before = state?.done.next
    try {
      await authority.begin()
      while (before !== null) {
        const from = before === undefined ? {} : { before_row: before }
        const page = await authority.use(run_secret =>
          patience.call(() => {
            const body = { run_secret, limit: header.batch_size, ...from }
            return world.api.call(undoRows, { params: { run_id: header.run_id }, body })
          }),
        )
        const rows = page.results.map(result => this.rowOf(result))
        await results.add(rows)
        const counts = countsOf(page.results)
        await journal.batch({ batch, results_length: await results.flush(), ...counts, next: page.next })
        for (const row of rows) tally.add(row)
        meter.advance(rows.length, counts.failed)
        before = page.next
        batch++
      }
      return await finish({ world, patience, authority, journal, header, tally })
    } catch (error) {
      throw interruption(error, world, header, tally.done)
    } finally {
      await journal.close()
    }
  }

  private start({ run_id, rows, reason, notify, undoes }: JournalHeader) {
    const { world, patience } = this
    const run = undoes ?? ''
    const body = { run_id, undoes: run, row_count: rows, reason, notify }
    world.screen.settle()
    return world.authorise('rebind.undo', undoValue(run, rows), proven =>
      patience.call(() => world.api.call(startUndo, { body, ...proven })),
    )
  }
}
