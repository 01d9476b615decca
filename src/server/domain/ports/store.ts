import type { MessageState } from '../../../contract/messages.ts'
import type {
  AccountsTable,
  BindingsTable,
  ChallengesTable,
  CodesTable,
  EventsTable,
  LoginsTable,
  OutboxTable,
  ProviderHealthTable,
  RecoveryCodesTable,
  ReversalsTable,
  SessionsTable,
  ThrottlesTable,
  TotpTable,
  WebAuthnCredentialsTable,
  WeChatAuthorisationsTable,
  WeChatIdentitiesTable,
} from '../../store/schema.ts'
import type { AuditQueries, DirectoryQueries, ServiceTokenQueries } from './admin-store.ts'
import type { BulkQueries } from './bulk-queries.ts'

import type { RemovedKind } from './removed-kinds.ts'

/** A phone number or an email address. */
export type Channel = 'phone' | 'email'

/** A row whose unique column another row already has. The transaction goes on. */
export type Taken = 'taken'

/**
 * Everything the domain asks of the database. Check-and-use is always one guarded statement: the methods named `use…`,
 * `end…`, `answer…`, `complete…`, `consume…` and `claim…` tell by their answer who was first.
 */
export interface Queries {
  readonly accounts: AccountQueries
  readonly sessions: SessionQueries
  readonly logins: LoginQueries
  readonly challenges: ChallengeQueries
  readonly codes: CodeQueries
  readonly bindings: BindingQueries
  readonly wechatAuthorisations: WeChatAuthorisationQueries
  readonly authenticators: AuthenticatorQueries
  readonly throttles: ThrottleQueries
  readonly events: EventQueries
  readonly outbox: OutboxQueries
  readonly providerHealth: ProviderHealthQueries
  readonly links: LinkQueries
  readonly reversals: ReversalQueries
  readonly settings: SettingQueries
  readonly figures: FigureQueries
  readonly directory: DirectoryQueries
  readonly serviceTokens: ServiceTokenQueries
  readonly audit: AuditQueries
  readonly bulk: BulkQueries
  readonly cleaning: CleaningQueries
}

/** How many connections to the database this process has, and how many users wait for one. */
export interface ConnectionFigures {
  readonly open: number
  readonly inUse: number
  readonly waiting: number
}

export interface Store {
  /** Queries outside of any transaction. */
  readonly read: Queries
  /**
   * Runs `body` in one transaction and commits it durably before it resolves. The body may run again after a
   * serialisation failure, so it has no side effects but its queries.
   */
  transaction<T>(body: (queries: Queries) => Promise<T>): Promise<T>
  /** @throws {StoreUnavailable} when the database does not answer within about a second, or can't be written to */
  ping(): Promise<void>
  /** Where several connections are shared. */
  readonly connections?: () => ConnectionFigures
  close(): Promise<void>
}

export interface AccountQueries {
  /** Whether there is any at all. */
  exist(): Promise<boolean>
  insert(row: AccountsTable): Promise<Taken | undefined>
  find(id: string): Promise<AccountsTable | undefined>
  findByUsernameKey(key: string): Promise<AccountsTable | undefined>
  /**
   * Waits for the transactions that hold one of the accounts, and holds them to the end of this one: what is read of
   * them and all that belongs to them from now on is not changed by another that holds them. For rules over several
   * rows, such as that one way in is left. Call it first and once, with all of them: everybody takes them in one order.
   */
  hold(...ids: string[]): Promise<void>
  setPassword(id: string, hash: string, now: number): Promise<void>
  /** @returns false when the account is disabled; else no other transaction disables it until this one ends */
  setLocale(id: string, locale: string): Promise<boolean>
  /** @returns whether it was otherwise: disabled, or enabled */
  setDisabled(id: string, disabledAt: number | null): Promise<boolean>
  /** Sets or clears the number or address; `key` is what must be unique. */
  setContact(
    id: string,
    channel: Channel,
    contact: { value: string; key: string } | null,
    now: number,
  ): Promise<Taken | undefined>
  markUsed(id: string, what: 'password' | Channel, now: number): Promise<void>
  ownerOfContact(channel: Channel, key: string): Promise<string | undefined>
}

export interface LiveSession {
  readonly session: SessionsTable
  readonly account: AccountsTable
}

export interface SessionQueries {
  insert(row: SessionsTable): Promise<void>
  /** The session of a secret, unless it is revoked, expired, or its account is disabled. */
  findLive(secretHash: string, now: number): Promise<LiveSession | undefined>
  isLive(id: string, now: number): Promise<boolean>
  touch(id: string, now: number, expiresAt: number): Promise<void>
  list(accountId: string, now: number): Promise<SessionsTable[]>
  /** Ends one live session of the account; the number ended. */
  revoke(accountId: string, id: string, now: number): Promise<number>
  /** Ends the sessions that an enrolment link opened. */
  revokeEnrolled(accountId: string, linkId: string, now: number): Promise<void>
  /** Ends all live sessions of the account but `except`. */
  revokeAll(accountId: string, except: string | null, now: number): Promise<number>
}

export interface LoginQueries {
  insert(row: LoginsTable): Promise<void>
  findOpen(id: string, now: number): Promise<LoginsTable | undefined>
  setWebAuthnChallenge(id: string, challenge: string | null): Promise<void>
  /** Takes the WebAuthn challenge, so that no other answer to it counts. */
  consumeWebAuthnChallenge(id: string, challenge: string): Promise<boolean>
  setFirstMethod(id: string, method: string): Promise<boolean>
  complete(id: string, now: number): Promise<boolean>
  /** Ends the open logins of an account. */
  endAll(accountId: string, now: number): Promise<void>
}

export interface ProofUse {
  readonly proofHash: string
  readonly accountId: string
  readonly sessionId: string
  readonly operation: string
  readonly valueHash: string | null
}

export interface ChallengeQueries {
  insert(row: ChallengesTable): Promise<void>
  find(id: string): Promise<ChallengesTable | undefined>
  findByProof(proofHash: string): Promise<ChallengesTable | undefined>
  setWebAuthnChallenge(id: string, challenge: string | null): Promise<void>
  consumeWebAuthnChallenge(id: string, challenge: string): Promise<boolean>
  answer(
    id: string,
    answer: { method: string; proofHash: string; proofExpiresAt: number },
    now: number,
  ): Promise<boolean>
  /** Consumes the proof of exactly this use. */
  consumeProof(use: ProofUse, now: number): Promise<ChallengesTable | undefined>
  /** Consumes the proof behind a binding that it authorised. */
  consumeById(id: string, now: number): Promise<boolean>
  /** Ends the challenges of an account that expire after `expiringAfter`, with the proofs that answered them. */
  endAll(accountId: string, expiringAfter: number, now: number): Promise<void>
}

export interface CodeQueries {
  /** Stores a code and replaces the earlier ones of its subject and channel. */
  insert(row: CodesTable): Promise<void>
  latest(subjectId: string, channel: string): Promise<CodesTable | undefined>
  use(id: string, now: number): Promise<boolean>
  /** The live codes of an account that were sent for other subjects. */
  listOthers(accountId: string, subjectId: string, now: number): Promise<CodesTable[]>
}

export interface BindingQueries {
  insert(row: BindingsTable): Promise<void>
  find(id: string): Promise<BindingsTable | undefined>
  findByScene(scene: string): Promise<BindingsTable | undefined>
  /** Gives the open binding another QR code; who scanned the one before is forgotten. */
  setQr(id: string, scene: string, qrExpiresAt: number): Promise<boolean>
  /**
   * Notes who scanned the QR code `scene` of an open binding: the first of all while the code lives, and that one
   * again until the binding ends.
   */
  claimScan(id: string, scan: { scene: string; openid: string; unionid: string | null }, now: number): Promise<boolean>
  /**
   * Notes who authorised an open binding: the first of all, and that one again. The QR code may have expired since they
   * agreed.
   */
  claimAuthorised(id: string, identity: { openid: string; unionid: string | null }, now: number): Promise<boolean>
  end(id: string, outcome: string, now: number): Promise<boolean>
  /** Notes a scan of the QR code that carries `scene`, unless it has expired or its binding has ended. */
  markScanned(scene: string, now: number): Promise<boolean>
  /** Takes back that somebody scanned, unless it is known who: they are not at it any more. */
  clearScanned(id: string): Promise<void>
  /** Ends the open bindings that one proof authorised. */
  endByChallenge(challengeId: string, now: number): Promise<void>
  /** Ends the open bindings of an item of an account. */
  endByItem(accountId: string, item: string, now: number): Promise<void>
  /** Ends the open bindings of an account. */
  endAll(accountId: string, now: number): Promise<void>
}

export interface WeChatAuthorisationQueries {
  insert(row: WeChatAuthorisationsTable): Promise<void>
  find(stateHash: string): Promise<WeChatAuthorisationsTable | undefined>
  /** Uses a state that has neither been used nor expired. */
  use(stateHash: string, now: number): Promise<boolean>
}

/** What is bound to an account beside what its own row says. */
export interface BoundAuthenticators {
  readonly totp: Pick<TotpTable, 'bound_at' | 'used_at'> | null
  readonly wechat: Pick<WeChatIdentitiesTable, 'openid' | 'bound_at'> | null
  /** The first bound first. */
  readonly keys: readonly Pick<WebAuthnCredentialsTable, 'id' | 'name' | 'bound_at' | 'used_at'>[]
  readonly recoveryCodesLeft: number
}

export interface AuthenticatorQueries {
  listBound(accountId: string): Promise<BoundAuthenticators>
  findTotp(accountId: string): Promise<TotpTable | undefined>
  putTotp(row: TotpTable): Promise<void>
  removeTotp(accountId: string): Promise<boolean>
  /** Accepts the code of `step`, unless it or a later one was accepted before. */
  useTotpStep(accountId: string, step: number, now: number): Promise<boolean>
  findWeChat(accountId: string): Promise<WeChatIdentitiesTable | undefined>
  /** Whose account the identity is bound to, by its openid or, where it has one, by its unionid. */
  ownerOfWeChat(openid: string, unionid: string | null): Promise<string | undefined>
  putWeChat(row: WeChatIdentitiesTable): Promise<Taken | undefined>
  removeWeChat(accountId: string): Promise<boolean>
  listCredentials(accountId: string): Promise<WebAuthnCredentialsTable[]>
  findCredential(credentialId: string): Promise<WebAuthnCredentialsTable | undefined>
  insertCredential(row: WebAuthnCredentialsTable): Promise<Taken | undefined>
  removeCredential(accountId: string, id: string): Promise<WebAuthnCredentialsTable | undefined>
  /** @returns false when it is no longer bound */
  useCredential(id: string, use: { signCount: number; backupState: boolean }, now: number): Promise<boolean>
  replaceRecoveryCodes(accountId: string, rows: RecoveryCodesTable[]): Promise<void>
  useRecoveryCode(accountId: string, codeHash: string, now: number): Promise<boolean>
}

export interface ThrottleQueries {
  find(key: string): Promise<ThrottlesTable | undefined>
  /** The row as it is once all who change it have done so; nobody else changes it until this transaction ends. */
  hold(key: string): Promise<ThrottlesTable | undefined>
  /** Writes `next` if the row still is `previous` (undefined: if there is none). */
  replace(previous: ThrottlesTable | undefined, next: ThrottlesTable): Promise<boolean>
  clear(keys: readonly string[]): Promise<void>
}

export interface EventQueries {
  insert(row: EventsTable): Promise<void>
  find(id: string): Promise<EventsTable | undefined>
  list(accountId: string, limit: number, before: { at: number; id: string } | undefined): Promise<EventsTable[]>
}

/** Messages that are claimed and sent apart from all others: a notice never stands before a code, nor mail before SMS. */
export interface Lane {
  readonly channel: Channel
  readonly kind: 'code' | 'notice'
}

export interface Claim {
  /** Fresh for each claim. */
  readonly claimId: string
  readonly now: number
  /** Until then no other claim gets the messages. */
  readonly leaseUntil: number
  readonly limit: number
}

/** A message as whoever claimed it knows it. What is written of it holds only while nobody else has claimed it. */
export type ClaimedMessage = Pick<OutboxTable, 'id' | 'claim_id'>

export interface OutboxListing {
  readonly state: MessageState | undefined
  readonly limit: number
  /** The last of an earlier page. */
  readonly before: { readonly at: number; readonly id: string } | undefined
}

export interface OutboxQueries {
  insert(row: OutboxTable): Promise<void>
  /** When the first message of the lane is due; one that is claimed is when its lease ends. */
  nextDueAt(lane: Lane): Promise<number | undefined>
  /**
   * Takes due messages, those that have been due longest first. One whose last holder let the lease end without a word
   * comes with one `lapsed` more.
   */
  claimDue(lane: Lane, claim: Claim): Promise<OutboxTable[]>
  /** When the time of the lane's first message passes, claimed or not. */
  nextExpiryAt(lane: Lane): Promise<number | undefined>
  /** As `claimDue`, of those alone whose time has passed, which it passed for first. */
  claimExpired(lane: Lane, claim: Claim): Promise<OutboxTable[]>
  /** These three end the claim; false when it was somebody else's by then. */
  markSent(
    message: ClaimedMessage,
    sent: { provider: string | null; providerMessageId: string | null; failure: 'uncertain' | null },
    now: number,
  ): Promise<boolean>
  markFailed(message: ClaimedMessage, failure: string, now: number): Promise<boolean>
  postpone(
    message: ClaimedMessage,
    next: { failure: string | null; lapsed: number; nextAttemptAt: number },
  ): Promise<boolean>
  find(id: string): Promise<OutboxTable | undefined>
  /** Messages to somebody, the newest first, each with the name of its account. */
  list(listing: OutboxListing): Promise<(OutboxTable & { username: string | null })[]>
  /**
   * Notes what a provider tells of a message that it had taken over. `delivered` is final; `undelivered` gives way to
   * it, and to nothing else.
   * @returns false when nothing changed: the message is unknown, or as much was known before
   */
  setReceipt(
    provider: string,
    providerMessageId: string,
    receipt: 'delivered' | 'undelivered',
    now: number,
  ): Promise<boolean>
}

/** Links that undo the change of a number or an address. */
export interface ReversalQueries {
  insert(row: ReversalsTable): Promise<void>
  /** Also one that has ended or expired. */
  find(secretHash: string): Promise<ReversalsTable | undefined>
  /** The links of an account that still work. */
  listLive(accountId: string, now: number): Promise<Pick<ReversalsTable, 'item' | 'created_at'>[]>
  /** Takes the link, so that nobody else does; `undefined` when it has ended or expired. */
  use(secretHash: string, now: number): Promise<ReversalsTable | undefined>
  /** Ends the links of changes of this item that were made after `createdAt`. */
  endLater(accountId: string, item: string, createdAt: number, now: number): Promise<void>
}

export interface ProviderHealthQueries {
  list(): Promise<ProviderHealthTable[]>
  find(provider: string): Promise<ProviderHealthTable | undefined>
  put(row: ProviderHealthTable): Promise<void>
}

export interface LinkQueries {
  insert(row: {
    id: string
    account_id: string
    secret_hash: string
    created_at: number
    expires_at: number
    purpose: string
  }): Promise<void>
  /** Ends the unused links of an account. */
  endAll(accountId: string, now: number): Promise<void>
  /** Ends the unused links of an account that are for this. */
  endPurpose(accountId: string, purpose: string, now: number): Promise<void>
  /** One that has neither been used nor expired. */
  find(
    secretHash: string,
    now: number,
  ): Promise<{ id: string; account_id: string; purpose: string; expires_at: number } | undefined>
  /** Also one that has been used or has expired. */
  findById(id: string): Promise<{ purpose: string; used_at: number | null; expires_at: number } | undefined>
  use(id: string, now: number): Promise<boolean>
}

export interface SettingQueries {
  read(name: string): Promise<{ sealedValue: Uint8Array; expiresAt: number } | undefined>
  write(name: string, sealedValue: Uint8Array, expiresAt: number): Promise<void>
  /** Takes the lease `name` for `holder` until `until`, unless somebody else's lasts beyond `now`. */
  claim(name: string, holder: Uint8Array, until: number, now: number): Promise<boolean>
  /** Gives the lease back, if it is `holder`'s still. */
  release(name: string, holder: Uint8Array): Promise<void>
  /** Remembers a push; false when it was seen before. */
  rememberPush(key: string, now: number): Promise<boolean>
}

export interface CleaningQueries {
  /** Removes at most `limit` rows whose time ended before `before`, and to which nothing refers; how many. */
  remove(kind: RemovedKind, before: number, limit: number): Promise<number>
}

/** What operators watch. */
export interface FigureQueries {
  /** Messages to somebody that wait to be sent, by channel. Times are in milliseconds since the Unix epoch. */
  backlog(): Promise<
    readonly { readonly channel: string; readonly queued: number; readonly oldest_created_at: number }[]
  >
}
