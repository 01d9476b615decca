import type { MessageFailure } from '../contract/messages.ts'

/** The person broke off: Ctrl-C, a closed terminal, SIGTERM. Nothing is changed. */
export class CancelledError extends Error {
  override readonly name = 'CancelledError'
  readonly code = 'cancelled'

  constructor(options?: ErrorOptions) {
    super('cancelled', options)
  }
}

/** A value is missing, and nobody may be asked for it. */
export class InputRequiredError extends Error {
  override readonly name = 'InputRequiredError'
  readonly code = 'input_required'
  /** What is missing: `password`, `code`, `verification_method` … */
  readonly missing: string
  /** The options and environment variables that supply it: `--password-file`, `HUFU_PASSWORD` … */
  readonly options: readonly string[]

  constructor(missing: string, options: readonly string[]) {
    super(`missing: ${missing}; it is supplied by ${options.join(', ')}`)
    this.missing = missing
    this.options = options
  }
}

/** The message that carries a code could not be delivered: it is of no use to wait for it. */
export class MessageFailedError extends Error {
  override readonly name = 'MessageFailedError'
  readonly code = 'message_failed'
  readonly channel: 'email' | 'phone'
  /** Why; null where the server does not tell. */
  readonly failure: MessageFailure | null

  constructor(channel: 'email' | 'phone', failure: MessageFailure | null) {
    super(`the message by ${channel} failed: ${failure ?? 'not told why'}`)
    this.channel = channel
    this.failure = failure
  }
}

/** The server asks a security key to speak for a relying party that it is not (WebAuthn section 5.1.3, step 8). */
export class RpIdError extends Error {
  override readonly name = 'RpIdError'
  readonly code = 'rp_id_refused'
  /** Printable. */
  readonly rpId: string
  readonly host: string

  constructor(rpId: string, host: string) {
    super(`the server at ${host} may not use the RP ID ${rpId}`)
    this.rpId = rpId
    this.host = host
  }
}

const isAbortError = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError'

/** Why `signal` was aborted: the error that its owner gave, `CancelledError` when that was none. */
export function abortError(signal: AbortSignal): Error {
  const { reason } = signal
  return reason instanceof Error && !isAbortError(reason) ? reason : new CancelledError({ cause: reason })
}
