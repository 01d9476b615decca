import { TransferError } from './transfer-error.ts'

export interface Line {
  /** From 1. */
  readonly number: number
  /** With its line feed. */
  readonly text: string
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decode(bytes: Uint8Array, number: number): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new TransferError(`line ${number} is not UTF-8.`)
  }
}

const lineFeed = 0x0a

/**
 * The lines of a stream of bytes, each ended by a line feed; no more than one is held.
 * @param longest in bytes, line feed included
 * @throws {TransferError} when one is longer, is not UTF-8, or the last has no end
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, longest: number): AsyncGenerator<Line> {
  let parts: Uint8Array[] = []
  let length = 0
  let number = 1
  const take = (part: Uint8Array) => {
    length += part.length
    if (length > longest) throw new TransferError(`line ${number} is longer than ${longest} bytes.`)
    parts.push(part)
  }
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      take(chunk.subarray(start, end + 1))
      yield { number, text: decode(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts), number) }
      number += 1
      parts = []
      length = 0
      start = end + 1
    }
    if (start < chunk.length) take(chunk.subarray(start))
  }
  if (length > 0) throw new TransferError(`line ${number} has no end: the file was cut off.`)
}
