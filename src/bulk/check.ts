import { checkRows, type ItemChange, longestBatch, type RowResult } from '../contract/rebind.ts'
import { BatchDigests, sentRow } from './batches.ts'
import { inOrder } from './in-order.ts'
import { Meter } from './meter.ts'
import type { Patience } from './patience.ts'
import { type ReadRow, readRows } from './read-rows.ts'
import type { Outcome, ResultRow, Results } from './results.ts'
import { RowSet } from './row-set.ts'
import type { Source } from './source.ts'
import type { Survey } from './survey.ts'
import type { BulkWorld } from './world.ts'

/** How many requests are under way at once. */
const width = 2

/** What the server says of a file before anything is written. */
export interface CheckedFile {
  /** Rows that are not sent. */
  readonly skipped: RowSet
  /** How many rows are sent. */
  readonly rows: number
  /** How many would change nothing. */
  readonly unchanged: number
  /** The digests of their batches, one after the other. */
  readonly batches: Buffer
  /** Whether a row needs an earlier one to be done. */
  readonly serial: boolean
  /** How many rows would change each item. */
  readonly changes: ReadonlyMap<ItemChange['item'], number>
}

const nobody = { account: null, changes: [], links: [] }

/** A row that is refused, as the results have it. */
function refusal(row: ReadRow, outcome: Pick<Outcome, 'code' | 'message'> & Partial<Outcome>): ResultRow {
  const { number, line, cells } = row
  return { number, line, cells, status: 'failed', ...nobody, ...outcome }
}

type Verdict = { readonly refused: ResultRow } | { readonly result: RowResult; readonly dependsOn: number }

export interface CheckOptions {
  readonly world: BulkWorld
  readonly patience: Patience
  readonly source: Source
  readonly survey: Survey
  readonly results: Results
  readonly batchSize: number
  /** Whether rows that would be applied are to be written down, too. */
  readonly tellsAll: boolean
}

/** Reads a file the second time, and asks the server about every row. Nothing is written there. */
export class FileCheck {
  private readonly options: CheckOptions
  private readonly skipped = new RowSet()
  private readonly digests: BatchDigests
  private readonly changes = new Map<ItemChange['item'], number>()
  private serial = false
  private unchanged = 0

  constructor(options: CheckOptions) {
    this.options = options
    this.digests = new BatchDigests(options.batchSize)
  }

  /** @throws {ApiError} when the server does not answer */
  async run(): Promise<CheckedFile> {
    const { world, survey, results } = this.options
    const meter = new Meter(world, 'check', survey.rows)
    await inOrder(
      this.groups(),
      width,
      (rows, signal) => this.ask(rows, signal),
      async (rows, answers) => {
        const failed = this.skipped.size
        await this.settle(rows, answers)
        meter.advance(rows.length, this.skipped.size - failed)
      },
    )
    await results.flush()
    const { skipped, unchanged, serial, changes } = this
    return { skipped, unchanged, serial, changes, batches: this.digests.end(), rows: this.digests.count }
  }

  private async *groups(): AsyncGenerator<readonly ReadRow[]> {
    const { source, survey } = this.options
    let group: ReadRow[] = []
    for await (const rows of readRows(source, survey.format)) {
      for (const row of rows) {
        if (row.isDone) continue
        group.push(row)
        if (group.length < longestBatch) continue
        yield group
        group = []
      }
    }
    if (group.length > 0) yield group
  }

  /** What the server says of rows that are right by themselves, by their numbers. */
  private async ask(read: readonly ReadRow[], signal: AbortSignal): Promise<Map<number, RowResult>> {
    const { world, patience, survey } = this.options
    const rows = read.filter(row => !survey.neighbours.judge(row)).flatMap(row => sentRow(row) ?? [])
    if (rows.length === 0) return new Map()
    const { results } = await patience.call(() => world.api.call(checkRows, { body: { rows }, signal }), signal)
    return new Map(results.map(result => [result.row, result]))
  }

  private async settle(rows: readonly ReadRow[], answers: ReadonlyMap<number, RowResult>): Promise<void> {
    const { world, results, tellsAll } = this.options
    const told: ResultRow[] = []
    for (const row of rows) {
      const verdict = await this.verdict(row, answers.get(row.number))
      if ('refused' in verdict) {
        this.skipped.add(row.number)
        told.push(verdict.refused)
        const { number, line, code, message } = verdict.refused
        world.screen.refused({ number, line, code: code ?? '', message })
      } else if (this.accept(row, verdict) && tellsAll) {
        told.push(this.valid(row, verdict.result))
      }
    }
    await results.add(told)
  }

  private accept(row: ReadRow, { result, dependsOn }: Exclude<Verdict, { refused: ResultRow }>): boolean {
    const sent = sentRow(row)
    if (!sent) return false
    this.digests.add(sent)
    if (dependsOn > 0) this.serial = true
    if (result.status === 'unchanged') this.unchanged++
    for (const { item } of result.changes) this.changes.set(item, (this.changes.get(item) ?? 0) + 1)
    return true
  }

  private valid({ number, line, cells }: ReadRow, { username, changes }: RowResult): ResultRow {
    const words = changes.map(({ item, old, new: fresh }) => `${item} ${old ?? '–'} → ${fresh ?? '–'}`)
    this.options.world.screen.wouldChange(number, username ?? '', words.join(', '))
    return { number, line, cells, status: 'valid', code: null, message: '', account: username, changes, links: [] }
  }

  private async verdict(row: ReadRow, answer: RowResult | undefined): Promise<Verdict> {
    const { world, survey } = this.options
    const fault = row.fault ?? survey.neighbours.judge(row)
    if (fault) return { refused: refusal(row, { code: fault.code, message: world.words(fault.code, fault.values) }) }
    if (!answer) throw new TypeError('the server left a row out')
    const again = survey.neighbours.judgeAccount(row, answer.username)
    if (again) return { refused: refusal(row, { code: again.code, message: world.words(again.code, again.values) }) }
    if (answer.status !== 'failed') return { result: answer, dependsOn: 0 }
    if (answer.code === 'bound_elsewhere') return this.boundElsewhere(row, answer)
    return { refused: this.refusedByServer(row, answer) }
  }

  private refusedByServer(row: ReadRow, { code, username, owner }: RowResult): ResultRow {
    const values = { owner: owner ?? '' }
    return refusal(row, {
      code,
      message: this.options.world.words(code ?? 'internal_error', values),
      account: username,
    })
  }

  /**
   * A number or an address that another account has is fine where an earlier row gives that account another. The server
   * tells of the first thing that is wrong: the rest of the row is looked at apart.
   */
  private async boundElsewhere(row: ReadRow, answer: RowResult): Promise<Verdict> {
    const { world, patience } = this.options
    const sent = sentRow(row)
    if (!sent) return { refused: this.refusedByServer(row, answer) }
    const { phone, email, ...rest } = sent
    const { row: number, username, account_id } = sent
    const account = {
      row: number,
      ...(username === undefined ? {} : { username }),
      ...(account_id === undefined ? {} : { account_id }),
    }
    const items = [
      ...(phone === undefined ? [] : [{ item: 'phone' as const, rows: [{ ...account, phone }] }]),
      ...(email === undefined ? [] : [{ item: 'email' as const, rows: [{ ...account, email }] }]),
    ]
    let dependsOn = 0
    const changes: ItemChange[] = []
    for (const { item, rows } of items) {
      const { results } = await patience.call(() => world.api.call(checkRows, { body: { rows } }))
      const [result] = results
      if (!result) throw new TypeError('the server left a row out')
      if (result.status === 'failed') {
        const giver = result.code === 'bound_elsewhere' ? this.giver(row, item, result.owner) : 0
        if (giver === 0) return { refused: this.refusedByServer(row, result) }
        dependsOn = Math.max(dependsOn, giver)
        changes.push({ item, old: null, new: null })
      } else changes.push(...result.changes)
    }
    if (Object.keys(rest).length > Object.keys(account).length) {
      const { results } = await patience.call(() => world.api.call(checkRows, { body: { rows: [rest] } }))
      const [result] = results
      // What is taken away may be made up for by what the row binds.
      if (result?.status === 'failed' && result.code !== 'last_factor') {
        return { refused: this.refusedByServer(row, result) }
      }
      changes.push(...(result?.changes ?? []))
    }
    return { result: { ...answer, status: 'applied', code: null, owner: null, changes }, dependsOn }
  }

  /** The earlier row that gives `owner` another number or address; 0 where none does. */
  private giver(row: ReadRow, item: 'phone' | 'email', owner: string | null): number {
    if (owner === null) return 0
    const number = this.options.survey.neighbours.rowThatSets(item, owner)
    return number < row.number && !this.skipped.has(number) ? number : 0
  }
}
