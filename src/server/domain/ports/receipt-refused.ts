/** A pushed receipt is not taken. The message is for logs: it holds nothing of what was pushed. */
export class ReceiptRefused extends Error {
  readonly reason: 'secret' | 'signature' | 'format' | 'size'

  constructor(reason: ReceiptRefused['reason']) {
    super(`receipt refused: ${reason}`)
    this.name = 'ReceiptRefused'
    this.reason = reason
  }
}
