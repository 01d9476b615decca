import { hash } from 'node:crypto'
import { equalBytes } from '../../../lib/bytes.ts'
import { ReceiptRefused } from '../../domain/ports/receipt-refused.ts'
import type { ReceiptRequest } from '../../domain/ports/receipts.ts'
import { type JsonObject, jsonOf, objectOf } from './answers.ts'

/** Receipts of one push; how long it may be is the route's to say. */
const maximumCount = 1000

/**
 * The entries of a JSON array that a provider pushed to an address with a secret in it, since it signs nothing.
 * @throws {ReceiptRefused} before anything of the body is looked at, when the secret is another one
 */
export function pushedList(request: ReceiptRequest, secret: string): JsonObject[] {
  if (!isSame(request.params.secret ?? '', secret)) throw new ReceiptRefused('secret')
  const list = jsonOf(request.body)
  if (!Array.isArray(list)) throw new ReceiptRefused('format')
  if (list.length > maximumCount) throw new ReceiptRefused('size')
  return list.map(objectOf).filter(entry => entry !== undefined)
}

/**
 * Reads each entry by `readEntry`, which gives `undefined` for what is no receipt. One odd entry takes no other with it.
 * @throws {ReceiptRefused} when there is no receipt at all
 */
export function readEntries<Entry, Result>(
  entries: readonly Entry[],
  readEntry: (entry: Entry) => Result | undefined,
): Result[] {
  const read = entries.map(readEntry).filter(result => result !== undefined)
  if (read.length === 0) throw new ReceiptRefused('format')
  return read
}

/** In a time that does not depend on what is compared. */
const isSame = (a: string, b: string): boolean => equalBytes(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'))
