/**
 * The database does not answer, or has no capacity for more: nothing is wrong with what was asked, and it may be asked
 * again later. What was to be committed was not, unless the connection was lost in the middle of it.
 */
export class StoreUnavailable extends Error {
  /** @param words for the operator's log; they hold no password and no values */
  constructor(words: string, options?: ErrorOptions) {
    super(words, options)
    this.name = 'StoreUnavailable'
  }
}
