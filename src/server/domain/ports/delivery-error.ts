/** A message provider, as it is named in the configuration, in rows and in metrics. */
export const messageProviders = ['smtp', 'aliyun', 'tencent', 'twilio', 'mailbox'] as const
export type MessageProviderName = (typeof messageProviders)[number]

/**
 * - `unreachable`: it was certainly not sent; trying again, or elsewhere, may help
 * - `uncertain`: it may have been sent, so that nobody else may send it
 * - `throttled`: not sent; the provider wants to be asked later, see `retryAfter`
 * - `refused`: not sent, and never will be: the destination does not exist, or takes no messages
 * - `misconfigured`: not sent; credentials, templates or permissions: an operator must act
 */
export type DeliveryFailure = 'unreachable' | 'uncertain' | 'throttled' | 'refused' | 'misconfigured'

/** A provider did not take a message over. The message is for logs: it holds no secret, no code and no destination. */
export class DeliveryError extends Error {
  readonly failure: DeliveryFailure
  readonly provider: MessageProviderName
  /** Milliseconds after which the provider may be asked again, where it said so. */
  readonly retryAfter: number | undefined

  constructor(failure: DeliveryFailure, provider: MessageProviderName, message: string, retryAfter?: number) {
    super(`${provider}: ${message}`)
    this.name = 'DeliveryError'
    this.failure = failure
    this.provider = provider
    this.retryAfter = retryAfter
  }
}
