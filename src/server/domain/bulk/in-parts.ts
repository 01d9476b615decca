import { ChangedMeanwhile } from '../ports/bulk-queries.ts'
import { Refusal } from '../refusal.ts'

/**
 * How many rows one transaction has: it holds SQLite's one connection, and so everybody, while it is written. One of the
 * sizes that statements over many rows are prepared for.
 */
export const longestPart = 50
/** How often one row is tried that others keep changing. */
const mostAttempts = 10

async function attempt<T, R>(
  rows: readonly T[],
  work: (rows: readonly T[]) => Promise<R[]>,
  whenChanged: () => Promise<void>,
): Promise<R[]> {
  for (let tried = 1; ; tried++) {
    try {
      return await work(rows)
    } catch (error) {
      if (!(error instanceof ChangedMeanwhile)) throw error
      await whenChanged()
      if (rows.length > 1) break
      if (tried >= mostAttempts) throw new Refusal('busy', { retry_after: 1 })
    }
  }
  const half = Math.ceil(rows.length / 2)
  const first = await attempt(rows.slice(0, half), work, whenChanged)
  return [...first, ...(await attempt(rows.slice(half), work, whenChanged))]
}

/**
 * Does `work` on parts of `rows`, one after the other. A part that was changed meanwhile by others is done again by
 * halves, down to single rows.
 * @param whenChanged is asked first whether to go on; it throws where not
 * @throws {Refusal} `busy` where others keep changing a row
 */
export async function inParts<T, R>(
  rows: readonly T[],
  work: (rows: readonly T[]) => Promise<R[]>,
  whenChanged: () => Promise<void>,
): Promise<R[]> {
  const results: R[] = []
  for (let start = 0; start < rows.length; start += longestPart) {
    results.push(...(await attempt(rows.slice(start, start + longestPart), work, whenChanged)))
  }
  return results
}
