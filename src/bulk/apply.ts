import { applyBatch, type RowResult } from '../contract/rebind.ts'
import type { RunAuthority } from './authority.ts'
import { type Batch, batchesOf, isBatchOf } from './batches.ts'
import { BulkError } from './error.ts'
import { inOrder } from './in-order.ts'
import type { Counts, Journal, JournalHeader } from './journal.ts'
import type { Meter } from './meter.ts'
import type { Patience } from './patience.ts'
import type { ReadFile } from './read-rows.ts'
import type { ResultRow, Results } from './results.ts'
import { RowSet } from './row-set.ts'
import type { Source } from './source.ts'
import type { BulkWorld } from './world.ts'

/** How many batches are under way at once. */
const width = 2

const digestBytes = 32

/** How many rows became what, in one batch. */
export function countsOf(results: readonly Pick<RowResult, 'status'>[]): Counts {
  const counts: Counts = { applied: 0, unchanged: 0, failed: 0, skipped: 0 }
  for (const { status } of results) counts[status]++
  return counts
}

/** A row that the server has answered, as the results have it. */
export function resultRow(
  result: RowResult,
  { line, cells }: Pick<ResultRow, 'line' | 'cells'>,
  words: BulkWorld['words'],
): ResultRow {
  const { row: number, status, code, owner, username: account, changes, links } = result
  const message = code === null ? '' : words(code, { owner: owner ?? '' })
  return { number, line, cells, status, code, message, account, changes, links }
}

export interface ApplyOptions {
  readonly world: BulkWorld
  readonly patience: Patience
  readonly source: Source
  readonly read: ReadFile
  readonly header: JournalHeader
  readonly journal: Journal
  readonly authority: RunAuthority
  readonly results: Results
  readonly meter: Meter
  /** The first batch that the journal has not. */
  readonly firstBatch: number
  /** Told of each row, after it is written down. */
  readonly onRow: (row: ResultRow) => void
}

/** Batches from the first that is not done; each is what the run was begun for. @throws {BulkError} `bulk_file_changed` */
async function* remaining({ source, read, header, firstBatch }: ApplyOptions): AsyncGenerator<Batch> {
  const digests = Buffer.from(header.batch_digests, 'base64url')
  const how = { skipped: RowSet.parse(header.skipped), size: header.batch_size }
  let count = 0
  for await (const batch of batchesOf(source, read.format, how)) {
    count++
    if (batch.index < firstBatch) continue
    const digest = digests.subarray(batch.index * digestBytes, (batch.index + 1) * digestBytes)
    if (!isBatchOf(batch, digest)) throw new BulkError('bulk_file_changed', { file: source.name, how: 'changed' })
    yield batch
  }
  if (count * digestBytes !== digests.length) {
    throw new BulkError('bulk_file_changed', { file: source.name, how: 'changed' })
  }
}

/**
 * Sends the batches of a file that the journal has not. Each is in the results, and they on the disk, before the journal
 * says so: what a crash leaves behind it is cut off, and the batch sent once more, of which the server applies nothing
 * twice.
 */
export async function applyBatches(options: ApplyOptions): Promise<void> {
  const { world, patience, header, journal, authority, results, meter, onRow } = options
  const send = (batch: Batch, signal: AbortSignal) =>
    authority.use(run_secret =>
      patience.call(() => {
        const params = { run_id: header.run_id, batch: String(batch.index) }
        return world.api.call(applyBatch, { params, body: { run_secret, rows: [...batch.rows] }, signal })
      }, signal),
    )
  await inOrder(remaining(options), header.serial ? 1 : width, send, async (batch, answer) => {
    const answered = new Map(answer.results.map(result => [result.row, result]))
    const rows = batch.read.map(read => {
      const result = answered.get(read.number)
      if (!result) throw new TypeError('the server left a row out')
      return resultRow(result, read, world.words)
    })
    await results.add(rows)
    const counts = countsOf(rows.flatMap(({ status }) => (status === 'valid' ? [] : [{ status }])))
    await journal.batch({ batch: batch.index, results_length: await results.flush(), ...counts })
    for (const row of rows) onRow(row)
    meter.advance(rows.length, counts.failed)
  })
}
