import type { Clock } from '../lib/clock.ts'
import { CtapError, isCtapError } from './errors.ts'

/** Keys that nobody touches give up after 30 s or so; nobody takes nearly as long to say no. In milliseconds. */
const patience = 25_000

/**
 * Runs what waits for a touch. Many keys that nobody touches say in the end that they were denied (0x27), as if somebody
 * had said no: after 25 s, that is a time-out.
 * @throws {CtapError} `key_timeout` with the status of the key in place of a late `key_denied`
 */
export async function untouchedIsLate<T>(clock: Clock, ask: () => Promise<T>): Promise<T> {
  const begun = clock.now()
  try {
    return await ask()
  } catch (error) {
    if (!isCtapError(error, 'key_denied') || clock.now() - begun < patience) throw error
    throw new CtapError('key_timeout', 'the security key was not touched in time', error.details, { cause: error })
  }
}
