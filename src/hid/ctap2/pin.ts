// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#authnrClientPin-PINCompositionReqs
// Section 6.5.1: a PIN is Unicode in Normalization Form C, counted in code points, sent as UTF-8.

import { createHash } from 'node:crypto'
import { utf8 } from '../../lib/bytes.ts'
import { CtapError } from '../errors.ts'

const defaultMinimum = 4
const mostBytes = 63
const paddedLength = 64
const hashLength = 16

/** How many code points a new PIN has at least, by what getInfo says. */
export const minimumPinLength = (minPinLength: number | undefined): number =>
  Math.min(mostBytes, Math.max(defaultMinimum, minPinLength ?? defaultMinimum))

const bytesOf = (pin: string): Uint8Array => utf8(pin.normalize('NFC'))

/**
 * A new PIN as the key takes it: 64 bytes, zeros behind the PIN.
 * @throws {CtapError} `key_pin_policy` with `minimumPinLength` when it is shorter than that many code points, longer
 * than 63 bytes, ends with a NUL, or is no Unicode.
 */
export function paddedPin(pin: string, minPinLength: number | undefined): Uint8Array {
  const minimum = minimumPinLength(minPinLength)
  const refuse = (why: string) => new CtapError('key_pin_policy', why, { minimumPinLength: minimum })
  const normal = pin.normalize('NFC')
  const bytes = utf8(normal)
  if (/\p{Surrogate}/u.test(normal)) throw refuse('a PIN with half a surrogate pair')
  if (normal.endsWith('\u0000')) throw refuse('a PIN that ends with a NUL')
  if ([...normal].length < minimum) throw refuse(`a PIN of fewer than ${minimum} code points`)
  if (bytes.length > mostBytes) throw refuse(`a PIN of more than ${mostBytes} bytes`)
  const padded = new Uint8Array(paddedLength)
  padded.set(bytes)
  return padded
}

/** LEFT(SHA-256(PIN), 16): how a key remembers a PIN. */
export const pinHash = (pin: string): Uint8Array =>
  new Uint8Array(createHash('sha256').update(bytesOf(pin)).digest().subarray(0, hashLength))

/**
 * Whether this may be the PIN of a key. Keys differ in what they count; but none keeps fewer than four bytes or more
 * than 63, and to try such a PIN would cost one of few attempts.
 */
export function isPossiblePin(pin: string): boolean {
  const { length } = bytesOf(pin)
  return length >= defaultMinimum && length <= mostBytes
}
