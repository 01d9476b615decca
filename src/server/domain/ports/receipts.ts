import type { MessageProviderName } from './delivery-error.ts'

/** What a provider says became of a message that it had taken over. */
export interface Receipt {
  readonly provider: MessageProviderName
  readonly providerMessageId: string
  readonly receipt: 'delivered' | 'undelivered'
}

/** A request to one of the addresses to which providers push receipts. */
export interface ReceiptRequest {
  /** The whole address, as the provider called it. */
  readonly url: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly query: Readonly<Record<string, unknown>>
  readonly params: Readonly<Record<string, string>>
  readonly body: string
}

/** Reads the receipts of one provider. */
export interface ReceiptReader {
  readonly provider: MessageProviderName
  /** @throws {ReceiptRefused} */
  read(request: ReceiptRequest): Receipt[]
  /** What the provider wants to read, so that it does not push again. */
  readonly accepted: { readonly contentType: string; readonly body: string }
}
