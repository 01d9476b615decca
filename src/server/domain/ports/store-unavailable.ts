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

/** A database that this program must not work with: what is wrong, and what to do, in words for the operator. */
export class SchemaUnfit extends Error {
  constructor(words: string) {
    super(words)
    this.name = 'SchemaUnfit'
  }
}
