import type { MessageProviderName } from './delivery-error.ts'

/** What became of a message after a provider had taken it over, as the provider pushes it to us. */
export interface Receipt {
  readonly provider: MessageProviderName
  readonly providerMessageId: string
  readonly receipt: 'delivered' | 'undelivered'
}

/** A push, as it came. Whoever sent it is not known before a reader has checked it. */
export interface ReceiptRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly query: Readonly<Record<string, unknown>>
  /** The variable parts of the path. */
  readonly params: Readonly<Record<string, string>>
  readonly body: string
}

/** Reads the receipts of one provider. */
export interface ReceiptReader {
  readonly provider: MessageProviderName
  /**
   * The receipts in a push; none, where it tells of a state that is not final.
   * @throws {ReceiptRefused} when the provider did not send it, or it is not of the provider's form
   */
  read(request: ReceiptRequest): Receipt[]
  /** What the provider wants to read, so that it does not push again. */
  readonly accepted: { readonly contentType: string; readonly body: string }
}
