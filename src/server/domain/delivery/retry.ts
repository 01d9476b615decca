import type { Random } from '../../../lib/random.ts'

const firstWait = 2_000

/** A wait of half of `whole` to all of it, so that those who failed together don't come back together. */
export function spread(whole: number, random: Random): number {
  const [byte = 0] = random.bytes(1)
  return Math.round(whole / 2 + (whole / 2) * (byte / 255))
}

/**
 * The wait before attempt `attempts + 1`, in milliseconds: doubling from 2 s up to `longest`, half of it random.
 */
export const retryWait = (attempts: number, longest: number, random: Random): number =>
  spread(Math.min(longest, firstWait * 2 ** Math.min(Math.max(attempts, 1) - 1, 20)), random)
