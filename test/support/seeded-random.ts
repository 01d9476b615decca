import { createHash } from 'node:crypto'
import type { Random } from '../../src/lib/random.ts'

/** The same bytes for the same seed, in every run. */
export function seededRandom(seed: string): Random {
  let block = 0
  return {
    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let offset = 0; offset < length; offset += 32) {
        const digest = createHash('sha256').update(`${seed}/${block++}`).digest()
        bytes.set(digest.subarray(0, Math.min(32, length - offset)), offset)
      }
      return bytes
    },
  }
}
