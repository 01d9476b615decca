/** A cryptographically secure source of random bytes. */
export interface Random {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array
}

/** node's own generator, by the interface that loads it when the first bytes are drawn. */
export const systemRandom: Random = { bytes: length => crypto.getRandomValues(new Uint8Array(length)) }

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
