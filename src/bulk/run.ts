import { createHash } from 'node:crypto'
import { isApiError } from '../api/errors.ts'
import { finishRun, longestBatch, runValue, startRun } from '../contract/rebind.ts'
import { toBase64url } from '../lib/base64url.ts'
import { applyBatches } from './apply.ts'
import { RunAuthority } from './authority.ts'
import { digestFile, type FileDigests } from './batches.ts'
import { type CheckedFile, FileCheck } from './check.ts'
import { BulkError } from './error.ts'
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
import { Patience } from './patience.ts'
import type { Format, ReadFile } from './read-rows.ts'
import { continueResults, createResults, noResults, type Results } from './results.ts'
import { RowSet } from './row-set.ts'
import { interruption, noCounts, outcomeOf, type RunOutcome, RunTally, verifyOptions } from './run-state.ts'
import { openSource, type Source, spoolSource } from './source.ts'
import { type Survey, surveyFile } from './survey.ts'
import type { BulkWorld } from './world.ts'

/** What a person asks for. */
export interface RebindRequest {
  /** `-` is stdin. */
  readonly file: string
  readonly format: Format | undefined
  readonly journal: string | undefined
  readonly results: ResultsFile | null
  readonly reason: string
  readonly notify: boolean
  readonly dryRun: boolean
  readonly skipInvalid: boolean
  readonly batchSize: number | undefined
}

const idBytes = 16
const digestBytes = 32

export const newPatience = (world: BulkWorld): Patience =>
  new Patience({
    clock: world.clock,
    random: world.random,
    signal: world.signal,
    limit: world.patience,
    onPause: world.screen.pausing,
  })

/**
 * Rebinds the accounts of a file, or goes on with it where its journal ends.
 * @throws {BulkError} for what a file, a journal or an interruption keeps from being done; {ApiError}
 */
export async function rebindFile(request: RebindRequest, world: BulkWorld): Promise<RunOutcome> {
  const { file, dryRun } = request
  const journal = request.journal ?? (file === '-' ? undefined : `${file}.hufu-journal`)
  if (journal === undefined && !dryRun) throw new BulkError('bulk_journal_needed')
  const source = await (file === '-' ? spoolSource(world.standardInput(), world.signal) : openSource(file))
  try {
    if (journal === undefined || dryRun) return await new Rebinding(request, world, source, '').begin()
    const letGo = await takeLock(journal, world.random)
    try {
      return await new Rebinding(request, world, source, journal).run()
    } finally {
      await letGo()
    }
  } finally {
    world.screen.settle()
    await source.close()
  }
}

class Rebinding {
  private readonly request: RebindRequest
  private readonly world: BulkWorld
  private readonly source: Source
  private readonly journal: string
  private readonly patience: Patience

  constructor(request: RebindRequest, world: BulkWorld, source: Source, journal: string) {
    this.request = request
    this.world = world
    this.source = source
    this.journal = journal
    this.patience = newPatience(world)
  }

  async run(): Promise<RunOutcome> {
    const known = await readJournal(this.journal)
    if (!known) return this.begin()
    const { state, length } = known
    const hasBegun = state.secret !== undefined || state.done.batches > 0
    try {
      const { reason, notify, results, batchSize } = this.request
      const server = this.world.api.origin
      const asked = { kind: 'rebind', server, reason, notify, results, undoes: null } as const
      verifyOptions(this.journal, state.header, {
        ...asked,
        ...(batchSize === undefined ? {} : { batch_size: batchSize }),
      })
      const digests = await this.verifyFile(state.header)
      return state.isFinished ? outcomeOf(state, { wasFinished: true }) : await this.goOn(state, length, digests)
    } catch (error) {
      // Without a secret nothing was ever sent: whoever corrects the file then is not held up.
      const isOther =
        error instanceof BulkError && ['bulk_journal_other_file', 'bulk_journal_other_options'].includes(error.code)
      if (hasBegun || !isOther) throw error
      return this.begin()
    }
  }

  /** A run from its beginning, or a dry run. */
  async begin(): Promise<RunOutcome> {
    const { request, world, source } = this
    const meter = new Meter(world, 'read')
    const told = { random: world.random, onRows: (count: number) => meter.advance(count) }
    const survey = await surveyFile(source, request.format, told)
    if (survey.linkRows > 1 && !request.results && !request.dryRun) {
      throw new BulkError('bulk_results_needed', { rows: survey.linkRows })
    }
    const results = await this.newResults(survey)
    try {
      const checked = await this.check(survey, results)
      world.screen.settle()
      const refused = checked.skipped.size
      const { rows, changes, unchanged } = checked
      const none = { runId: null, kind: 'rebind', wasFinished: false, linkRow: undefined, ...noCounts } as const
      if (refused > 0 && !request.skipInvalid && !request.dryRun) {
        throw new BulkError('bulk_rows_refused', { refused, rows: survey.rows, file: source.name })
      }
      if (request.dryRun || rows === 0) {
        return { ...none, unchanged, isDry: request.dryRun, rows: survey.rows, refused, changes }
      }
      const header = await this.header(survey, checked, await results.flush())
      const journal = await createJournal(this.journal, header)
      return await this.apply({ header, journal, results, read: survey })
    } finally {
      await results.close()
    }
  }

  private async newResults(survey: Survey): Promise<Results> {
    const { request, world, source } = this
    if (!request.results) return noResults
    const options = { layout: survey.layout, origin: world.api.origin }
    const { results, kept } = await createResults(request.results, source, options)
    if (kept !== undefined) world.screen.keptResults(kept)
    return results
  }

  private check(survey: Survey, results: Results): Promise<CheckedFile> {
    const { request, world, source, patience } = this
    const batchSize = request.batchSize ?? longestBatch
    return new FileCheck({ world, patience, source, survey, results, batchSize, tellsAll: request.dryRun }).run()
  }

  private async header(survey: Survey, checked: CheckedFile, resultsLength: number): Promise<JournalHeader> {
    const { request, world } = this
    return {
      journal: 'hufu-rebind',
      version: 1,
      kind: 'rebind',
      run_id: toBase64url(world.random.bytes(idBytes)),
      server: world.api.origin,
      reason: request.reason,
      notify: request.notify,
      rows: checked.rows,
      batch_size: request.batchSize ?? longestBatch,
      results: request.results,
      results_length: resultsLength,
      refused: checked.skipped.size,
      undoes: null,
      file: survey.file,
      batch_digests: toBase64url(checked.batches),
      skipped: checked.skipped.toString(),
      serial: checked.serial,
    }
  }

  /** @throws {BulkError} `bulk_journal_other_file`, with what differs */
  private async verifyFile(header: JournalHeader): Promise<FileDigests> {
    const { request, source, journal } = this
    const how = { skipped: RowSet.parse(header.skipped), size: header.batch_size }
    const now = await digestFile(source, request.format, how)
    const { file } = header
    if (file && file.sha256 === now.file.sha256 && file.size === now.file.size) return now
    const batches = Buffer.from(header.batch_digests, 'base64url')
    let first = 0
    while (
      first * digestBytes < batches.length &&
      batches
        .subarray(first * digestBytes, (first + 1) * digestBytes)
        .equals(now.batches.subarray(first * digestBytes, (first + 1) * digestBytes))
    ) {
      first++
    }
    throw new BulkError('bulk_journal_other_file', {
      file: source.name,
      journal,
      run: header.run_id,
      sizeBefore: file?.size ?? 0,
      sizeNow: now.file.size,
      rowsBefore: header.rows,
      rowsNow: now.rows,
      digestBefore: (file?.sha256 ?? '').slice(0, 12),
      digestNow: now.file.sha256.slice(0, 12),
      row: Math.min(first * header.batch_size + 1, Math.max(1, header.rows)),
    })
  }

  private async goOn(state: JournalState, length: number, read: ReadFile): Promise<RunOutcome> {
    const { request, world } = this
    const options = { layout: read.layout, origin: world.api.origin }
    const results = request.results
      ? await continueResults(request.results, state.done.resultsLength, options)
      : noResults
    try {
      const journal = await continueJournal(this.journal, length)
      return await this.apply({ header: state.header, journal, results, read, state })
    } finally {
      await results.close()
    }
  }

  private async apply(run: {
    header: JournalHeader
    journal: Journal
    results: Results
    read: ReadFile
    state?: JournalState
  }): Promise<RunOutcome> {
    const { world, source, patience } = this
    const { header, journal, results, read, state } = run
    const tally = new RunTally(world, state?.done ?? noCounts)
    const authority = new RunAuthority(journal, state?.secret, () => this.start(header))
    try {
      await authority.begin()
      const meter = new Meter(world, 'apply', header.rows, tally.done)
      const firstBatch = state?.done.batches ?? 0
      const onRow = tally.add.bind(tally)
      await applyBatches({
        world,
        patience,
        source,
        read,
        header,
        journal,
        authority,
        results,
        meter,
        firstBatch,
        onRow,
      })
      return await finish({ world, patience, authority, journal, header, tally })
    } catch (error) {
      throw interruption(error, world, header, tally.done)
    } finally {
      await journal.close()
    }
  }

  private start({ run_id, file, rows, batch_digests, reason, notify }: JournalHeader) {
    const { world, patience } = this
    const file_sha256 = file?.sha256 ?? ''
    const digests = createHash('sha256').update(Buffer.from(batch_digests, 'base64url')).digest('hex')
    const body = { run_id, file_sha256, row_count: rows, batch_digests, reason, notify }
    world.screen.settle()
    return world.authorise('rebind.start', runValue(file_sha256, rows, digests), proven =>
      patience.call(() => world.api.call(startRun, { body, ...proven })),
    )
  }
}

/** Ends a run, of either kind, and its journal. One that was ended by the last call before a crash is ended. */
export async function finish({
  world,
  patience,
  authority,
  journal,
  header,
  tally,
}: {
  readonly world: BulkWorld
  readonly patience: Patience
  readonly authority: RunAuthority
  readonly journal: Journal
  readonly header: JournalHeader
  readonly tally: RunTally
}): Promise<RunOutcome> {
  const params = { run_id: header.run_id }
  try {
    await authority.use(run_secret => patience.call(() => world.api.call(finishRun, { params, body: { run_secret } })))
  } catch (error) {
    if (!isApiError(error, 'run_finished')) throw error
  }
  await journal.finished()
  return outcomeOf({ header, done: tally.counts }, { linkRow: tally.linkRow })
}
