import { randomBytes } from 'node:crypto'

/** A cryptographically secure source of random bytes. */
export interface Random {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array
}

export const systemRandom: Random = { bytes: length => new Uint8Array(randomBytes(length)) }

/**
 * A string of `length` decimal digits, each uniform. Bytes of 250 and above are drawn again, so that no digit is
 * likelier than another.
 */
export function randomDigits(random: Random, length: number): string {
  let digits = ''
  while (digits.length < length) {
    for (const byte of random.bytes(length)) {
      if (byte < 250 && digits.length < length) digits += String(byte % 10)
    }
  }
  return digits
}
