import type { DeliveryError, MessageProviderName } from './delivery-error.ts'

/** What a notice tells, in parts: for SMS templates, which take no text of their own. */
export interface NoticeParts {
  /** The short name of what changed, at most 20 characters; `text` has the whole sentence. */
  readonly what: string
  /** The account, masked. */
  readonly account: string
  /** `2026-11-22 13:05` in UTC. */
  readonly time: string
}

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
  /** The address inside `text` by which the change is undone, at the end of a line. */
  readonly link: string | null
  /** Of a notice; `null` for a message with a code. */
  readonly notice: NoticeParts | null
}

/** That a provider has taken a message over. */
export interface SentMessage {
  readonly provider: MessageProviderName
  /** The provider's own id of it, by which its receipts speak; `null` where it gives none. */
  readonly providerMessageId: string | null
}

/**
 * - `available`: somebody delivers there
 * - `off`: whoever would deliver there does not work now, or is not set up
 * - `unserved`: nobody delivers to such a destination (its country is not served)
 */
export type Reach = 'available' | 'off' | 'unserved'

/** Delivers the messages of one channel: SMTP, SMS providers behind their routes, or the ephemeral server's mailbox. */
export interface MessageSender {
  /** @param to the destination; `null` asks whether anybody at all can be reached */
  reach(to: string | null): Reach
  /**
   * Resolves once a provider has taken the message over.
   * @throws {DeliveryError} when none has, or when `signal` aborts first
   */
  send(message: OutgoingMessage, signal: AbortSignal): Promise<SentMessage>
  /** Closes connections; what is under way is ended. */
  close(): Promise<void>
}

/** One provider, as a sender of its channel is made of it. */
export interface MessageProvider {
  readonly name: MessageProviderName
  /** As `MessageSender.send`. */
  send(message: OutgoingMessage, signal: AbortSignal): Promise<SentMessage>
  /**
   * Asks the provider whether it takes our credentials; sends nothing to anybody.
   * @throws {DeliveryError} when it does not, or does not answer
   */
  check(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/**
 * What providers know of each other's state, kept in the database for all processes. A provider that has refused our
 * credentials, or failed several times in a row, is left out for a while and then tried again.
 */
export interface ProviderHealth {
  /** Whether to leave `provider` out now. From memory: at most a few seconds old. */
  isOff(provider: MessageProviderName): boolean
  worked(provider: MessageProviderName): void
  failed(error: DeliveryError): void
}
