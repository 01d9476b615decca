/** A cryptographically secure source of random bytes. */
export interface Random {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array
}

const poolLength = 1024
/** More than this is drawn by itself. */
const mostFromPool = 64

/**
 * node's own generator, by the interface that loads it when the first bytes are drawn. A draw takes as long for many
 * bytes as for few, so that they are drawn ahead, as `crypto.randomUUID` does. What has been handed out is wiped.
 */
function pooledRandom(): Random {
  const pool = new Uint8Array(poolLength)
  let used = poolLength
  return {
    bytes(length) {
      if (length > mostFromPool) return crypto.getRandomValues(new Uint8Array(length))
      if (used + length > poolLength) {
        crypto.getRandomValues(pool)
        used = 0
      }
      const bytes = pool.slice(used, used + length)
      pool.fill(0, used, used + length)
      used += length
      return bytes
    },
  }
}

export const systemRandom: Random = pooledRandom()

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
