/** Why data was not moved, in words for the operator: what happened, why, and what to do next. */
export class TransferError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TransferError'
  }
}
