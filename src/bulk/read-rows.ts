import { isAscii, isUtf8 } from 'node:buffer'
import { longestRun, rebindFileColumns } from '../contract/rebind.ts'
import { printable } from '../lib/printable.ts'
import { isInputColumn, isResultMember, type Layout, layoutOf, ndjsonLayout, suggestion } from './columns.ts'
import { csvRecords } from './csv.ts'
import { BulkError } from './error.ts'
import { takeApostropheAway } from './formula.ts'
import { type Piece, RecordSplitter, recordTexts } from './records.ts'
import { interpret, mayHaveControl, type Row, type RowFault, type RowFaultCode } from './row.ts'
import type { FileDigest, Source } from './source.ts'

export type Format = 'csv' | 'ndjson'

/** One row of a file. */
export interface ReadRow {
  /** From 1: the header and empty lines are not counted. */
  readonly number: number
  /** The line of the file on which it begins, from 1. */
  readonly line: number
  /** As the file has them, in its layout; none where it cannot be taken apart. */
  readonly cells: readonly string[]
  /** What it says; `undefined` with a fault. */
  readonly row: Row | undefined
  readonly fault: RowFault | undefined
  /** Whether an earlier run has done it, as a file of results says that is fed back. */
  readonly isDone: boolean
}

export interface ReadFile {
  readonly format: Format
  readonly layout: Layout
}

const byteOrderMark = [0xef, 0xbb, 0xbf]
const formatBytes = 64

/** The format of a file: as its name ends, else by how it begins. */
async function formatOf(source: Source): Promise<Format> {
  if (/\.(?:ndjson|jsonl|json)$/i.test(source.name)) return 'ndjson'
  if (/\.csv$/i.test(source.name)) return 'csv'
  for await (const chunk of source.chunks()) {
    const start = chunk
      .subarray(0, formatBytes)
      .toString('utf8')
      .replace(/^\ufeff/, '')
    return start.trimStart().startsWith('{') ? 'ndjson' : 'csv'
  }
  return 'csv'
}

const isNothing = (row: Pick<ReadRow, 'cells'>): boolean => row.cells.length === 0

/** Takes the rows of one file apart, piece by piece. */
class RowReader {
  layout: Layout | undefined
  private readonly format: Format
  private line = 1
  private number = 0
  private isFedBack = false

  constructor(format: Format) {
    this.format = format
    if (format === 'ndjson') this.layout = ndjsonLayout
  }

  /** The rows of a piece. @throws {BulkError} for a header that cannot be used, and for too many rows */
  rows(piece: Piece): ReadRow[] {
    if (piece.kind === 'records') return this.records(piece.bytes)
    if (!this.layout) throw new BulkError('bulk_header_malformed')
    const { line } = this
    this.line += piece.lines
    return [this.faulty(line, 'row_too_long')]
  }

  private records(bytes: Buffer): ReadRow[] {
    if (isAscii(bytes)) return this.text(bytes.toString('latin1'), true)
    if (isUtf8(bytes)) return this.text(bytes.toString('utf8'), true)
    // As one character a byte, line breaks and quotes stay where they are.
    return recordTexts(bytes.toString('latin1'), this.format === 'csv').flatMap(each => {
      const record = Buffer.from(`${each}\n`, 'latin1')
      const whole = isUtf8(record)
      if (!whole && !this.layout) throw new BulkError('bulk_not_utf8')
      return this.text(whole ? record.toString('utf8') : each, whole)
    })
  }

  private text(text: string, whole: boolean): ReadRow[] {
    if (!whole) {
      const { line } = this
      this.line += text.split('\n').length
      return [this.faulty(line, 'row_not_utf8')]
    }
    const clean = !mayHaveControl(text)
    return this.format === 'csv' ? this.csv(text, clean) : this.ndjson(text, clean)
  }

  private csv(text: string, clean: boolean): ReadRow[] {
    const rows: ReadRow[] = []
    // A quoted cell may hold a line feed, which is no trouble anywhere else.
    const isClean = clean && !text.includes('"')
    const hasApostrophe = text.includes("'")
    for (const { cells, lines } of csvRecords(text)) {
      const { line } = this
      this.line += lines
      if (cells && isNothing({ cells })) continue
      if (!this.layout) {
        if (!cells) throw new BulkError('bulk_header_malformed')
        this.layout = layoutOf(cells)
        this.isFedBack = this.layout.includes('status')
      } else if (cells) {
        const plain = hasApostrophe ? takeApostropheAway(this.layout, cells, this.isFedBack) : cells
        rows.push(this.row(line, plain, clean ? isClean : false, this.layout))
      } else rows.push(this.faulty(line, 'row_malformed'))
    }
    return rows
  }

  private ndjson(text: string, clean: boolean): ReadRow[] {
    const rows: ReadRow[] = []
    // JSON writes control characters with an escape.
    const isClean = clean && !text.includes('\\')
    for (const record of recordTexts(text, false)) {
      const { line } = this
      this.line++
      if (record.trim() === '') continue
      const cells = cellsOfObject(record)
      if ('code' in cells) rows.push(this.faulty(line, cells.code, cells.values))
      else rows.push(this.row(line, cells.cells, isClean, ndjsonLayout))
    }
    return rows
  }

  private next(): number {
    this.number++
    if (this.number > longestRun) throw new BulkError('bulk_too_many_rows', { most: longestRun })
    return this.number
  }

  private row(line: number, cells: readonly string[], clean: boolean, layout: Layout): ReadRow {
    const number = this.next()
    const status = cells[layout.indexOf('status')]
    const isDone = status === 'applied' || status === 'unchanged'
    if (isDone) return { number, line, cells, row: undefined, fault: undefined, isDone }
    const read = interpret(layout, cells, clean)
    if (read.fault) return { number, line, cells, row: undefined, fault: read.fault, isDone }
    return { number, line, cells, row: read.row, fault: undefined, isDone }
  }

  private faulty(line: number, code: RowFaultCode, values: RowFault['values'] = {}): ReadRow {
    return { number: this.next(), line, cells: [], row: undefined, fault: { code, values }, isDone: false }
  }
}

const textOfMember = (value: unknown): string | undefined => {
  if (value === null) return ''
  if (typeof value === 'string') return value
  return typeof value === 'boolean' ? String(value) : undefined
}

/** The cells of a line of NDJSON in the layout of all columns. */
function cellsOfObject(text: string): { cells: string[] } | RowFault {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { code: 'row_malformed', values: {} }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { code: 'row_malformed', values: {} }
  const cells: string[] = new Array(ndjsonLayout.length).fill('')
  for (const [name, member] of Object.entries(value)) {
    if (isInputColumn(name)) {
      const cell = textOfMember(member)
      if (cell === undefined || (typeof member === 'boolean' && name !== 'disabled')) {
        return { code: 'row_value', values: { column: name } }
      }
      cells[rebindFileColumns.indexOf(name)] = cell
    } else if (name === 'status') cells[ndjsonLayout.length - 1] = typeof member === 'string' ? member : ''
    else if (!isResultMember(name)) {
      return { code: 'row_column_unknown', values: { name: printable(name).slice(0, 40), meant: suggestion(name) } }
    }
  }
  return { cells }
}

/**
 * The rows of a file, many at a time, in their order.
 * @param file is told the format and the layout, as soon as they are known, before the first rows
 * @param onEnd is given the digest of what was read
 * @throws {BulkError} for what makes the whole file unusable
 */
export async function* readRows(
  source: Source,
  asked: Format | undefined,
  { onFile, onEnd }: { onFile?: (file: ReadFile) => void; onEnd?: (digest: FileDigest) => void } = {},
): AsyncGenerator<readonly ReadRow[]> {
  const format = asked ?? (await formatOf(source))
  const splitter = new RecordSplitter(format === 'csv')
  const reader = new RowReader(format)
  let isTold = false
  let isFirst = true
  function* rowsOf(pieces: readonly Piece[]): Generator<readonly ReadRow[]> {
    for (const piece of pieces) {
      const rows = reader.rows(piece)
      if (!isTold && reader.layout) {
        isTold = true
        onFile?.({ format, layout: reader.layout })
      }
      if (rows.length > 0) yield rows
    }
  }
  for await (const chunk of source.chunks(onEnd)) {
    const marked = isFirst && byteOrderMark.every((byte, index) => chunk[index] === byte)
    isFirst = false
    yield* rowsOf(splitter.push(marked ? chunk.subarray(byteOrderMark.length) : chunk))
  }
  yield* rowsOf(splitter.end())
  if (!isTold) throw new BulkError('bulk_empty')
}
