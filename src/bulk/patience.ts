import { isApiError } from '../api/errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'

const firstPause = 250
const longestPause = 10_000

/** Whether nobody was reached, or somebody who only stands before the server. */
const isUnreached = (error: unknown): boolean =>
  isApiError(error, 'server_unreachable', 'server_timeout') ||
  (isApiError(error, 'server_not_hufud') && (error.status ?? 0) >= 500)

/** Whether an error may pass by itself. A wrong certificate does not. */
export const isPassing = (error: unknown): boolean =>
  (isUnreached(error) && !(isApiError(error) && error.reason?.startsWith('tls_'))) ||
  isApiError(error, 'busy', 'throttled', 'internal_error')

export interface PatienceOptions {
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  /** How long one call is tried again, in milliseconds from its first failure. */
  readonly limit: number
  /** Told of each pause. */
  readonly onPause: (error: unknown, milliseconds: number) => void
}

/** Calls that are made again, with growing pauses, while what keeps them from succeeding may pass. */
export class Patience {
  private readonly options: PatienceOptions
  private hasReached = false

  constructor(options: PatienceOptions) {
    this.options = options
  }

  /**
   * @param attempt a call that may be made any number of times
   * @throws its last error. A server that has never answered is not waited for: its address may be wrong
   */
  async call<T>(attempt: () => Promise<T>, signal = this.options.signal): Promise<T> {
    const { clock, random, limit, onPause } = this.options
    let since: number | undefined
    let pause = firstPause
    for (;;) {
      try {
        const answer = await attempt()
        this.hasReached = true
        return answer
      } catch (error) {
        signal.throwIfAborted()
        if (!isPassing(error) || (isUnreached(error) && !this.hasReached)) throw error
        since ??= clock.now()
        const asked = isApiError(error) ? (error.retryAfterSeconds ?? 0) * 1000 : 0
        // Up to a half longer, so that many who were refused at once do not all come back at once.
        const wait = Math.max(asked, pause * (1 + (random.bytes(1)[0] ?? 0) / 512))
        if (clock.now() - since + wait > limit) throw error
        onPause(error, wait)
        await clock.sleep(wait, AbortSignal.any([signal, this.options.signal]))
        pause = Math.min(pause * 2, longestPause)
      }
    }
  }
}
