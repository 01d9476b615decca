import { createHash } from 'node:crypto'
import { batchText, type RebindRow } from '../contract/rebind.ts'
import { type Format, type ReadFile, type ReadRow, readRows } from './read-rows.ts'
import type { RowSet } from './row-set.ts'
import type { FileDigest, Source } from './source.ts'

/** Rows that are sent together, and how the file has them. */
export interface Batch {
  /** From 0. */
  readonly index: number
  readonly read: readonly ReadRow[]
  readonly rows: readonly RebindRow[]
}

/** A row as it is sent; `undefined` for one that is not. */
export const sentRow = ({ number, row, isDone }: ReadRow): RebindRow | undefined =>
  row && !isDone ? { row: number, ...row } : undefined

/** SHA-256 of a batch, 32 bytes. */
const digestOf = (rows: readonly RebindRow[]): Buffer => createHash('sha256').update(batchText(rows)).digest()

export const isBatchOf = ({ rows }: Batch, digest: Uint8Array): boolean => digestOf(rows).equals(digest)

/** Digests of batches, made row by row in the order of the file. */
export class BatchDigests {
  private readonly size: number
  private readonly digests: Buffer[] = []
  private rows: RebindRow[] = []

  /** How many rows there are. */
  count = 0

  constructor(size: number) {
    this.size = size
  }

  add(row: RebindRow): void {
    this.count++
    this.rows.push(row)
    if (this.rows.length === this.size) this.close()
  }

  /** All digests, one after the other, 32 bytes each; after the last row. */
  end(): Buffer {
    if (this.rows.length > 0) this.close()
    return Buffer.concat(this.digests)
  }

  private close(): void {
    this.digests.push(digestOf(this.rows))
    this.rows = []
  }
}

/** The rows of a file that are sent, in batches. */
export async function* batchesOf(
  source: Source,
  format: Format,
  { skipped, size }: { skipped: RowSet; size: number },
): AsyncGenerator<Batch> {
  let index = 0
  let read: ReadRow[] = []
  let rows: RebindRow[] = []
  const close = (): Batch => {
    const batch = { index: index++, read, rows }
    read = []
    rows = []
    return batch
  }
  for await (const some of readRows(source, format)) {
    for (const each of some) {
      const row = skipped.has(each.number) ? undefined : sentRow(each)
      if (!row) continue
      read.push(each)
      rows.push(row)
      if (rows.length === size) yield close()
    }
  }
  if (rows.length > 0) yield close()
}

/** What a file is whose refused rows are known already. */
export interface FileDigests extends ReadFile {
  readonly file: FileDigest
  readonly rows: number
  readonly batches: Buffer
}

/** Reads a file whole, for the digests of its batches. */
export async function digestFile(
  source: Source,
  format: Format | undefined,
  { skipped, size }: { skipped: RowSet; size: number },
): Promise<FileDigests> {
  const digests = new BatchDigests(size)
  let file: FileDigest | undefined
  let known: ReadFile | undefined
  const told = {
    onFile: (read: ReadFile) => {
      known = read
    },
    onEnd: (digest: FileDigest) => {
      file = digest
    },
  }
  for await (const some of readRows(source, format, told)) {
    for (const each of some) {
      const row = skipped.has(each.number) ? undefined : sentRow(each)
      if (row) digests.add(row)
    }
  }
  if (!file || !known) throw new TypeError('a file without an end')
  return { file, rows: digests.count, batches: digests.end(), ...known }
}
