/** A push of receipts that is not taken. Its sender learns no more than that; the reason is for logs and counters. */
export class ReceiptRefused extends Error {
  readonly reason: 'secret' | 'signature' | 'format' | 'size'

  constructor(reason: ReceiptRefused['reason']) {
    super(`receipt refused: ${reason}`)
    this.name = 'ReceiptRefused'
    this.reason = reason
  }
}
