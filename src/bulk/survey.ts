import type { Random } from '../lib/random.ts'
import type { Layout } from './columns.ts'
import { BulkError } from './error.ts'
import { Neighbours } from './neighbours.ts'
import { type Format, type ReadRow, readRows } from './read-rows.ts'
import type { FileDigest, Source } from './source.ts'

/** What a file is, read once as a whole. */
export interface Survey {
  readonly format: Format
  readonly layout: Layout
  readonly file: FileDigest
  /** Rows that say something, right or wrong. */
  readonly rows: number
  /** Rows that an earlier run has done, as a file of results says that is fed back. */
  readonly done: number
  /** Rows that would give their owner a link. */
  readonly linkRows: number
  readonly neighbours: Neighbours
}

const givesLink = ({ row }: ReadRow): boolean => row?.totp === 'enrol' || row?.webauthn === 'link'

/**
 * Reads a file as a whole, by itself: nothing is asked of the server.
 * @param onRows is told how many rows more have been read
 * @throws {BulkError} for what makes the whole file unusable
 */
export async function surveyFile(
  source: Source,
  asked: Format | undefined,
  { random, onRows }: { random: Random; onRows?: (count: number) => void },
): Promise<Survey> {
  const neighbours = new Neighbours(random)
  let known: { format: Format; layout: Layout } | undefined
  let file: FileDigest | undefined
  let [rows, done, linkRows] = [0, 0, 0]
  const told = {
    onFile: (read: { format: Format; layout: Layout }) => {
      known = read
    },
    onEnd: (digest: FileDigest) => {
      file = digest
    },
  }
  for await (const read of readRows(source, asked, told)) {
    for (const row of read) {
      if (row.isDone) done++
      else neighbours.judge(row)
      if (givesLink(row)) linkRows++
    }
    rows += read.length
    onRows?.(read.length)
  }
  if (!known || !file || rows === 0) throw new BulkError('bulk_empty')
  return { ...known, file, rows: rows - done, done, linkRows, neighbours }
}
