/** The longest row in bytes. The longest that says anything has some three thousand. */
export const longestRecordBytes = 64 * 1024

const lineFeed = 0x0a
const quote = 0x22

/** Bytes of whole records, or one record that is too long to be looked at, with how many lines it has. */
export type Piece =
  | { readonly kind: 'records'; readonly bytes: Buffer }
  | { readonly kind: 'long'; readonly lines: number }

const countLines = (bytes: Uint8Array): number => {
  let lines = 0
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) lines++
  return lines
}

/** Where the last whole record ends in bytes that begin with a record, and whether a quote is open after them. */
function wholeRecords(bytes: Buffer, quotes: boolean): { end: number; open: boolean } {
  if (!quotes || !bytes.includes(quote)) return { end: bytes.lastIndexOf(lineFeed) + 1, open: false }
  let end = 0
  let open = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === quote) open = !open
    else if (byte === lineFeed && !open) end = at + 1
  }
  return { end, open }
}

/**
 * Cuts bytes into whole records. A record ends with a line feed that is not in quotes: within quotes a quote is doubled
 * (RFC 4180 section 2), so that after an even number of them none is open. Of a record that is too long nothing is kept.
 */
export class RecordSplitter {
  private readonly quotes: boolean
  private rest: Buffer = Buffer.alloc(0)
  /** Within a record that is too long: how many line feeds it has had, and whether a quote is open. */
  private long: { lines: number; open: boolean } | undefined

  /** @param quotes whether quotes hold line breaks, as in CSV */
  constructor(quotes: boolean) {
    this.quotes = quotes
  }

  /** @param chunk what follows; its memory is not kept */
  push(chunk: Buffer): Piece[] {
    const pieces: Piece[] = []
    const bytes = this.long ? this.skip(this.long, chunk, pieces) : chunk
    if (this.long) return pieces
    const all = this.rest.length > 0 ? Buffer.concat([this.rest, bytes]) : bytes
    const { end, open } = wholeRecords(all, this.quotes)
    if (end > 0) pieces.push({ kind: 'records', bytes: all.subarray(0, end) })
    const rest = all.subarray(end)
    if (rest.length > longestRecordBytes) {
      this.long = { lines: countLines(rest), open }
      this.rest = Buffer.alloc(0)
    } else this.rest = Buffer.from(rest)
    return pieces
  }

  end(): Piece[] {
    if (this.long) return [{ kind: 'long', lines: this.long.lines + 1 }]
    return this.rest.length > 0 ? [{ kind: 'records', bytes: this.rest }] : []
  }

  /** Reads over the rest of a long record; returns what follows it. */
  private skip(long: { lines: number; open: boolean }, chunk: Buffer, pieces: Piece[]): Buffer {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]
      if (byte === quote && this.quotes) long.open = !long.open
      if (byte !== lineFeed) continue
      long.lines++
      if (long.open) continue
      pieces.push({ kind: 'long', lines: long.lines })
      this.long = undefined
      return chunk.subarray(at + 1)
    }
    return chunk.subarray(chunk.length)
  }
}

/** The texts of whole records, without the line breaks that end them. */
export function recordTexts(text: string, quotes: boolean): string[] {
  const isEnded = text.endsWith('\n')
  const lines = (isEnded ? text.slice(0, -1) : text).split('\n')
  const last = lines.length - 1
  const quoted = quotes && text.includes('"')
  const records: string[] = []
  let open = ''
  let within = false
  for (const [index, line] of lines.entries()) {
    if (quoted && line.split('"').length % 2 === 0) within = !within
    if (within && index < last) {
      open += `${line}\n`
      continue
    }
    const hasEnd = index < last || isEnded
    records.push(open + (hasEnd && line.endsWith('\r') ? line.slice(0, -1) : line))
    open = ''
  }
  return records
}
