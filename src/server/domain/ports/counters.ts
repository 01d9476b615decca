/** What is counted for the operator, and by what it is told apart. Labels take few values, none of them a person's. */
export interface Counted {
  /** A push or receipt that was not taken: `path` is the route's pattern. */
  readonly pushes_refused: { readonly path: string; readonly reason: string }
  /** An attempt to deliver a message: `outcome` is `sent` or a `DeliveryFailure`. */
  readonly deliveries: { readonly channel: string; readonly provider: string; readonly outcome: string }
  /** A message that was given up. */
  readonly messages_failed: { readonly channel: string; readonly purpose: string; readonly failure: string }
  /** A receipt that a provider pushed. */
  readonly receipts: { readonly provider: string; readonly receipt: string }
  /** A transaction that is to run again: `reason` is `conflict` with others, or a connection that was `lost`. */
  readonly transactions_retried: { readonly reason: string }
  /** A link that undid a change, or was refused. */
  readonly reversals: { readonly item: string; readonly outcome: string }
  /** Rows that meant nothing any more. */
  readonly rows_removed: { readonly kind: string }
}

export interface Counters {
  /** @param by how many, 1 where it is left out */
  count<Name extends keyof Counted>(name: Name, labels: Counted[Name], by?: number): void
}

export const noCounters: Counters = { count() {} }
