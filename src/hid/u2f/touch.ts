import type { Clock } from '../../lib/clock.ts'
import type { CeremonyOptions } from '../authenticator.ts'
import type { CallOptions } from '../ctaphid/channel.ts'
import { keepalive } from '../ctaphid/constants.ts'
import { CtapError } from '../errors.ts'
import type { ResponseApdu } from './apdu.ts'
import { statusWord } from './status.ts'

const defaultTimeout = 120_000
/** Between two questions whether the key has been touched, in milliseconds. */
const pollPause = 200
/** A key that has not answered by then keeps its answer until it is touched. */
const touchAssumedAfter = 500
/** Such a key may be silent for as long as it waits. */
const patience = 30_000

/** What is left of a ceremony, from the moment that it is made. */
export class CeremonyTime {
  private readonly clock: Clock
  private readonly signal: AbortSignal | undefined
  private readonly end: number

  constructor(clock: Clock, { signal, timeout = defaultTimeout }: CeremonyOptions) {
    this.clock = clock
    this.signal = signal
    this.end = clock.now() + timeout
  }

  /** For a call that needs no touch. @throws {CtapError} `key_timeout`, `key_cancelled` */
  callOptions(): CallOptions {
    this.throwIfCancelled()
    const timeout = this.end - this.clock.now()
    if (timeout <= 0) throw new CtapError('key_timeout', 'the security key was not touched in time')
    return { signal: this.signal, timeout }
  }

  /**
   * Asks again and again until the key no longer answers that it waits for a touch (CTAP 2.1 section 7.2 step 5).
   * `onTouchNeeded` is called once, when it does, says so by KEEPALIVE, or keeps silent for half a second.
   * @throws {CtapError} `key_timeout`, `key_cancelled`
   */
  async untilTouched(
    ask: (options: CallOptions) => Promise<ResponseApdu>,
    onTouchNeeded: (() => void) | undefined,
  ): Promise<ResponseApdu> {
    let notified = false
    const notify = () => {
      if (!notified) onTouchNeeded?.()
      notified = true
    }
    const onKeepalive = (status: number) => {
      if (status === keepalive.userPresenceNeeded) notify()
    }
    const answered = new AbortController()
    this.clock.sleep(touchAssumedAfter, answered.signal).then(notify, () => undefined)
    try {
      for (;;) {
        const answer = await ask({ ...this.callOptions(), onKeepalive, silence: patience })
        if (answer.status !== statusWord.conditionsNotSatisfied) return answer
        notify()
        await this.pause()
      }
    } finally {
      answered.abort()
    }
  }

  private async pause(): Promise<void> {
    const { timeout = pollPause } = this.callOptions()
    await this.clock.sleep(Math.min(pollPause, timeout), this.signal).catch(error => {
      this.throwIfCancelled()
      throw error
    })
  }

  private throwIfCancelled(): void {
    if (!this.signal?.aborted) return
    throw new CtapError('key_cancelled', 'cancelled', {}, { cause: this.signal.reason })
  }
}
