import type {
  AccountsTable,
  BulkRowsTable,
  BulkRunsTable,
  EnrolmentLinksTable,
  EventsTable,
  OutboxTable,
  TotpTable,
  WebAuthnCredentialsTable,
  WeChatIdentitiesTable,
} from '../../store/schema.ts'

/** As the `Channel` of the other queries, which this file can't import: they import it. */
type Channel = 'phone' | 'email'

/**
 * A write found a row otherwise than it was read, or a number, address or identity that is somebody else's by now. The
 * transaction is over: read again and plan again.
 */
export class ChangedMeanwhile extends Error {
  constructor() {
    super('the rows were changed meanwhile')
    this.name = 'ChangedMeanwhile'
  }
}

export interface ContactWrite {
  readonly id: string
  /** The key as it was read; NULL: nothing was bound. */
  readonly was: string | null
  readonly value: string | null
  readonly key: string | null
  readonly boundAt: number | null
  readonly usedAt: number | null
}

export interface PasswordWrite {
  readonly id: string
  readonly was: string | null
  readonly hash: string | null
  readonly setAt: number | null
  readonly usedAt: number | null
}

export interface DisabledWrite {
  readonly id: string
  readonly was: number | null
  readonly disabledAt: number | null
}

export type ContactOwner = Pick<AccountsTable, 'id' | 'username' | 'phone_number' | 'email_key'>

export type NewLinkRow = Omit<EnrolmentLinksTable, 'used_at'>

/**
 * What bulk runs ask of the database: many rows at a time. Writes that take what was read before are guarded by it.
 * They throw {@link ChangedMeanwhile} where it is so no more, and where a unique index refuses.
 */
export interface BulkQueries {
  /** @returns false where there is a run of this id */
  insertRun(row: BulkRunsTable): Promise<boolean>
  findRun(id: string): Promise<BulkRunsTable | undefined>
  /** Gives an unfinished run another secret. */
  renewSecret(id: string, secretHash: string, expiresAt: number): Promise<boolean>
  finishRun(id: string, now: number): Promise<void>
  countRows(runId: string): Promise<number>
  /** The applied rows of a run whose numbers are in this range, both included. */
  listRows(runId: string, from: number, to: number): Promise<BulkRowsTable[]>
  /** The applied rows of a run with smaller numbers, the last first. */
  listRowsBefore(runId: string, before: number, limit: number): Promise<BulkRowsTable[]>
  /** Notes rows as applied: this is what keeps each from being applied twice, or after the run was finished. */
  insertRows(runId: string, rows: readonly BulkRowsTable[]): Promise<void>
  /** Gives an applied row other `changes`, if it still has those that were read. */
  replaceChanges(row: BulkRowsTable, changes: string): Promise<void>

  findAccountsByUsernameKey(keys: readonly string[]): Promise<AccountsTable[]>
  findAccounts(ids: readonly string[]): Promise<AccountsTable[]>
  ownersOfContacts(channel: Channel, keys: readonly string[]): Promise<ContactOwner[]>
  listTotp(accountIds: readonly string[]): Promise<TotpTable[]>
  listWeChat(accountIds: readonly string[]): Promise<WeChatIdentitiesTable[]>
  /** Of each account the first bound first. */
  listCredentials(accountIds: readonly string[]): Promise<WebAuthnCredentialsTable[]>
  findLinks(ids: readonly string[]): Promise<EnrolmentLinksTable[]>

  setContacts(channel: Channel, writes: readonly ContactWrite[]): Promise<void>
  setPasswords(writes: readonly PasswordWrite[]): Promise<void>
  setDisabled(writes: readonly DisabledWrite[]): Promise<void>
  removeTotp(rows: readonly TotpTable[]): Promise<void>
  insertTotp(rows: readonly TotpTable[]): Promise<void>
  removeWeChat(rows: readonly WeChatIdentitiesTable[]): Promise<void>
  insertWeChat(rows: readonly WeChatIdentitiesTable[]): Promise<void>
  removeCredentials(rows: readonly WebAuthnCredentialsTable[]): Promise<void>
  insertCredentials(rows: readonly WebAuthnCredentialsTable[]): Promise<void>

  /** Ends the pending bindings of an item, and the links that undo changes of it. */
  endPending(accountIds: readonly string[], item: string, now: number): Promise<void>
  /** As `endAccess` of each account, all sessions but `exceptSession`. */
  endAccess(
    accountIds: readonly string[],
    times: { readonly now: number; readonly challengesExpiringAfter: number },
    exceptSession: string | null,
  ): Promise<void>
  endLinksFor(accountIds: readonly string[], purpose: string, now: number): Promise<void>
  /** @returns how many of them were still to be used */
  endLinks(ids: readonly string[], now: number): Promise<number>
  insertLinks(rows: readonly NewLinkRow[]): Promise<void>
  insertEvents(rows: readonly EventsTable[]): Promise<void>
  insertMessages(rows: readonly OutboxTable[]): Promise<void>
}
