import { isCtapError } from '../../hid/index.ts'
import type { Clock } from '../../lib/clock.ts'

/** A key that gives up sooner has not waited for a touch, in milliseconds. */
const leastWait = 1_000

/** The key says so by itself; where its status is missing, it was our time that ran out. */
const hasGivenUp = (error: unknown): boolean => isCtapError(error, 'key_timeout') && error.details.status !== undefined

/**
 * Asks a key for what takes a touch, and again each time that it gives up: most do after half a minute, and people take
 * longer to fetch what is in another room.
 * @param deadline milliseconds since the Unix epoch; a key that gives up then is not asked again.
 */
export async function untilTouched<T>(clock: Clock, deadline: number, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    const begun = clock.now()
    try {
      return await ask()
    } catch (error) {
      const now = clock.now()
      if (!hasGivenUp(error) || now - begun < leastWait || now >= deadline) throw error
    }
  }
}
