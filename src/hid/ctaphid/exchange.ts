import { CtapError, isCtapError } from '../errors.ts'
import { command } from './constants.ts'
import { isOfChannel, MessageAssembler } from './framing.ts'
import { cancelled, hidFailure, type Line } from './line.ts'

export interface CallOptions {
  /** Aborting sends CANCEL, waits for the key to let go, and fails the call with `key_cancelled`. */
  readonly signal?: AbortSignal | undefined
  /** Told each KEEPALIVE's status byte (1: processing, 2: user presence needed). */
  readonly onKeepalive?: ((status: number) => void) | undefined
  /** For the answer as a whole, in milliseconds; the timings' `answer` when left out. */
  readonly timeout?: number | undefined
  /** For the next report of the key, in milliseconds; the timings' `silence` when left out. */
  readonly silence?: number | undefined
}

/** The payload, or why there is none though the key is done with the message. */
export type Answer = { readonly payload: Uint8Array } | { readonly failure: CtapError }

/** The wait for the answer to one message that has been sent. */
export class Exchange {
  private readonly line: Line
  private readonly channel: number
  private readonly kind: number
  private readonly options: CallOptions
  private readonly assembler: MessageAssembler
  private readonly limit: number
  private readonly silence: number
  private heard: number
  /** Why the call will fail, once CANCEL is sent, and until when the key may answer that. */
  private givenUp: { readonly reason: CtapError; readonly until: number } | undefined

  constructor(line: Line, channel: number, kind: number, options: CallOptions) {
    this.line = line
    this.channel = channel
    this.kind = kind
    this.options = options
    this.assembler = new MessageAssembler(channel)
    this.heard = line.clock.now()
    this.limit = this.heard + (options.timeout ?? line.timings.answer)
    this.silence = options.silence ?? line.timings.silence
  }

  /** Gives the answer; throws when the key may not be done with the message. */
  async answer(): Promise<Answer> {
    const abort = abortion(this.options.signal)
    try {
      let reading: Promise<Uint8Array | undefined> | undefined
      for (;;) {
        reading ??= this.line.read(await this.timeLeft())
        const outcome = await (this.givenUp ? reading : abort.orElse(reading))
        if (outcome instanceof CtapError) {
          await this.giveUp(outcome)
          continue
        }
        reading = undefined
        const answer = outcome && this.take(outcome)
        if (answer) return this.givenUp ? { failure: this.givenUp.reason } : answer
      }
    } finally {
      abort.forget()
    }
  }

  private async giveUp(reason: CtapError): Promise<void> {
    this.givenUp = { reason, until: this.line.clock.now() + this.line.timings.cancel }
    // Section 11.2.9.1.5: CANCEL has no answer of its own; it makes the key answer the pending CBOR with 0x2D.
    if (this.kind !== command.cbor) return
    const patience = this.line.timings.cancel
    await this.line.send(this.channel, command.cancel, new Uint8Array(), { patience }).catch(error => {
      throw isCtapError(error, 'key_silent') ? reason : error
    })
  }

  /** Milliseconds, at least 1, until something is to be done about silence. Throws when it is time. */
  private async timeLeft(): Promise<number> {
    const now = this.line.clock.now()
    if (!this.givenUp && now >= this.limit) {
      await this.giveUp(new CtapError('key_timeout', 'the security key took too long to answer'))
    }
    if (this.givenUp) {
      if (now >= this.givenUp.until) throw this.givenUp.reason
      return this.givenUp.until - now
    }
    const silentAt = this.heard + this.silence
    if (now < silentAt) return Math.min(silentAt, this.limit) - now
    if (this.assembler.isIncomplete) throw new CtapError('key_protocol', 'the security key broke off within its answer')
    throw new CtapError('key_silent', 'the security key does not answer')
  }

  private take(frame: Uint8Array): Answer | undefined {
    if (!isOfChannel(frame, this.channel)) return undefined
    this.heard = this.line.clock.now()
    const message = this.assembler.accept(frame)
    if (!message) return undefined
    const status = message.payload[0] ?? 0
    if (message.command === command.keepalive) {
      if (!this.givenUp) this.options.onKeepalive?.(status)
      return undefined
    }
    if (message.command === command.error) return { failure: hidFailure(status) }
    if (message.command !== this.kind) {
      throw new CtapError('key_protocol', `the security key answered command ${this.kind} with ${message.command}`)
    }
    return { payload: message.payload }
  }
}

interface Abortion {
  /** What `promise` gives, or the error that the abortion means, when that comes first. */
  orElse<T>(promise: Promise<T>): Promise<T | CtapError>
  /** Listens no more. */
  forget(): void
}

/** One listener for a whole wait: a race for each report would leave its traces on the signal until the end. */
function abortion(signal: AbortSignal | undefined): Abortion {
  let tell: ((error: CtapError) => void) | undefined
  const listener = () => signal && tell?.(cancelled(signal))
  signal?.addEventListener('abort', listener, { once: true })
  return {
    orElse: promise =>
      new Promise((resolve, reject) => {
        tell = resolve
        if (signal?.aborted) listener()
        promise.then(resolve, reject)
      }),
    forget: () => signal?.removeEventListener('abort', listener),
  }
}
