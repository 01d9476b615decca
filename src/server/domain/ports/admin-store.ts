import type { AccountsTable, EnrolmentLinksTable, EventsTable, ServiceCredentialsTable } from '../../store/schema.ts'

export type AccountRow = Pick<AccountsTable, 'id' | 'username' | 'role' | 'disabled_at' | 'created_at'>

export interface AccountListing {
  /** What the keys of their user names begin with. */
  readonly prefix: string | undefined
  readonly state: 'enabled' | 'disabled' | undefined
  readonly role: 'person' | 'admin' | undefined
  /** The key of the last user name of an earlier page. */
  readonly after: string | undefined
  readonly limit: number
}

/** What admins ask of accounts, and what keeps two of them apart. */
export interface DirectoryQueries {
  /** By the keys of their user names. */
  list(listing: AccountListing): Promise<AccountRow[]>
  countSessions(accountId: string, now: number): Promise<number>
  /** Links that still work, the newest first. */
  listLinks(
    accountId: string,
    now: number,
  ): Promise<Pick<EnrolmentLinksTable, 'purpose' | 'created_at' | 'expires_at'>[]>
  /** Of all transactions that ask for it one goes on, and the others wait until it has ended. */
  holdAdmins(): Promise<void>
  /** Whether there is an admin beside this account who is not disabled and has a way in. */
  hasOtherAdmin(id: string): Promise<boolean>
}

export interface ServiceTokenQueries {
  insert(row: Omit<ServiceCredentialsTable, 'revoked_at' | 'last_used_at'>): Promise<void>
  /** One that is neither revoked nor expired, and whose maker, where it has one, is an admin and not disabled. */
  findLive(
    secretHash: string,
    now: number,
  ): Promise<Pick<ServiceCredentialsTable, 'id' | 'name' | 'scopes' | 'last_used_at' | 'created_by'> | undefined>
  touch(id: string, now: number): Promise<void>
  find(id: string): Promise<ServiceCredentialsTable | undefined>
  /** All of them, the newest first, each with the user name of its maker. */
  list(
    limit: number,
    before: { readonly at: number; readonly id: string } | undefined,
  ): Promise<(Omit<ServiceCredentialsTable, 'secret_hash'> & { username: string | null })[]>
  /** @returns false when it had been revoked before */
  revoke(id: string, now: number): Promise<boolean>
  /** Revokes those that an admin made. */
  revokeAll(accountId: string, now: number): Promise<void>
}

/** A place between events, in their order: by time, and by id within a millisecond. */
export interface EventPlace {
  readonly at: number
  readonly id: string
}

/** Which events: all conditions hold together. */
export interface EventRange {
  readonly accountId?: string | undefined
  readonly runId?: string | undefined
  /** Milliseconds since the Unix epoch; from this on, and before that. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly before?: EventPlace | undefined
  readonly after?: EventPlace | undefined
}

/** What no index is searched by. */
export interface EventFilter {
  readonly action?: string | undefined
  /** What the action begins with. */
  readonly actionPrefix?: string | undefined
  readonly actor?: string | undefined
}

/** Events of all accounts. `order`: by time, `desc` the newest first. */
export interface AuditQueries {
  list(
    range: EventRange,
    filter: EventFilter,
    page: { readonly order: 'asc' | 'desc'; readonly limit: number; readonly upTo: EventPlace | undefined },
  ): Promise<(EventsTable & { username: string | null })[]>
  /** The place of the event with this number, from 1, in the range; `undefined` when there are not so many. */
  placeOf(number: number, range: EventRange, order: 'asc' | 'desc'): Promise<EventPlace | undefined>
}
