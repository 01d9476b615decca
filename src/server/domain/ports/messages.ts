/** One message to one person, as the outbox hands it to whoever delivers it. */
export interface OutgoingMessage {
  /** The outbox row's id; the same for every attempt, so that a provider with an idempotency key can use it. */
  readonly id: string
  readonly channel: 'email' | 'phone'
  /** An address, or a number in E.164. */
  readonly to: string
  readonly locale: 'en' | 'zh-CN'
  /** What a mail's subject says; a text message has none to show it in. */
  readonly subject: string
  readonly text: string
  /** The code inside `text`, for SMS templates that take it alone. A string: it may start with a zero. */
  readonly code: string | null
}

/** Delivers messages: SMTP, an SMS provider, or the ephemeral server's mailbox. */
export interface MessageSender {
  /**
   * Resolves once the provider has taken the message over.
   * @throws when it has not, or when `signal` aborts first; the message may then have been sent all the same.
   */
  send(message: OutgoingMessage, signal: AbortSignal): Promise<void>
}
