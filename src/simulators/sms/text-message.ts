/** A text message, as a simulated provider hands it to somebody's phone. */
export interface TextMessage {
  /** In E.164. */
  readonly to: string
  /** The provider's id of the template. */
  readonly template: string
  /** The variables' values, by their names in the template. */
  readonly parameters: Readonly<Record<string, string>>
  /** What fills a template for codes; `null` for other templates. */
  readonly code: string | null
  /** The provider's id of the message, by which its receipts speak. */
  readonly providerMessageId: string
}

/** A template, as the provider has reviewed it. */
export interface SmsTemplate {
  readonly kind: 'code' | 'notice'
  /** The names of its variables, in their order in the text. */
  readonly variables: readonly string[]
  readonly review: 'approved' | 'pending' | 'rejected'
}

/** What a receipt is to tell. */
export interface SmsReport {
  readonly providerMessageId: string
  readonly delivered: boolean
}
