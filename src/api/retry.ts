import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import { ApiError } from './errors.ts'

export interface RetryOptions {
  readonly clock: Clock
  readonly random: Random
}

const mostAttempts = 3
const firstPause = 200
/** Whoever is asked to wait longer than this is told so, rather than kept without a word. */
const longestPause = 5_000

const passingStatuses: readonly unknown[] = [502, 503, 504]

/** A connection that broke, a server that is busy, or a gateway that does not reach it. */
const isPassing = (error: unknown): error is ApiError =>
  error instanceof ApiError && (error.reason === 'connection_lost' || passingStatuses.includes(error.status))

/**
 * Makes a call that changes nothing again, twice at most, when it fails in a way that may pass.
 * @param attempt makes it, within so many milliseconds
 * @param timeoutMilliseconds for all attempts and pauses together
 * @param signals end the pauses, whose reason is thrown then
 * @throws the error of the last attempt
 */
export async function withRetries<T>(
  attempt: (milliseconds: number) => Promise<T>,
  { clock, random }: RetryOptions,
  timeoutMilliseconds: number,
  signals: readonly (AbortSignal | undefined)[],
): Promise<T> {
  const signal = AbortSignal.any(signals.filter(each => each !== undefined))
  const began = clock.now()
  for (let attempts = 1; ; attempts++) {
    const left = timeoutMilliseconds - (clock.now() - began)
    try {
      return await attempt(left)
    } catch (error) {
      if (!isPassing(error) || attempts === mostAttempts) throw error
      // Up to twice as long, so that many who were refused at once do not all come back at once.
      const jittered = firstPause * 2 ** (attempts - 1) * (1 + (random.bytes(1)[0] ?? 0) / 256)
      const pause = Math.max(jittered, (error.retryAfterSeconds ?? 0) * 1000)
      if (pause > longestPause || clock.now() - began + pause >= timeoutMilliseconds) throw error
      await clock.sleep(pause, signal).catch(ended => {
        throw signal.aborted ? signal.reason : ended
      })
    }
  }
}
