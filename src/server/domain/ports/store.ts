import type {
  AccountsTable,
  BindingsTable,
  ChallengesTable,
  CodesTable,
  EventsTable,
  LoginsTable,
  OutboxTable,
  RecoveryCodesTable,
  SessionsTable,
  ThrottlesTable,
  TotpTable,
  WebAuthnCredentialsTable,
  WeChatIdentitiesTable,
} from '../../store/schema.ts'

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
  readonly authenticators: AuthenticatorQueries
  readonly throttles: ThrottleQueries
  readonly events: EventQueries
  readonly outbox: OutboxQueries
  readonly links: LinkQueries
  readonly settings: SettingQueries
}

export interface Store {
  /** Queries outside of any transaction. */
  readonly read: Queries
  /**
   * Runs `body` in one transaction and commits it durably before it resolves. The body may run again after a
   * serialisation failure, so it has no side effects but its queries.
   */
  transaction<T>(body: (queries: Queries) => Promise<T>): Promise<T>
  /** Rejects when the database does not answer. */
  ping(): Promise<void>
  close(): Promise<void>
}

export interface AccountQueries {
  insert(row: AccountsTable): Promise<Taken | undefined>
  find(id: string): Promise<AccountsTable | undefined>
  findByUsernameKey(key: string): Promise<AccountsTable | undefined>
  setPassword(id: string, hash: string, now: number): Promise<void>
  setLocale(id: string, locale: string): Promise<void>
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
  end(id: string, outcome: string, now: number): Promise<boolean>
  /** Ends the open bindings that one proof authorised. */
  endByChallenge(challengeId: string, now: number): Promise<void>
  /** Ends the open bindings of an item of an account. */
  endByItem(accountId: string, item: string, now: number): Promise<void>
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
  /** Writes `next` if the row still is `previous` (undefined: if there is none). */
  replace(previous: ThrottlesTable | undefined, next: ThrottlesTable): Promise<boolean>
  clear(keys: readonly string[]): Promise<void>
}

export interface EventQueries {
  insert(row: EventsTable): Promise<void>
  list(accountId: string, limit: number, before: { at: number; id: string } | undefined): Promise<EventsTable[]>
}

export interface OutboxQueries {
  insert(row: OutboxTable): Promise<void>
  /** Takes up to `limit` due messages for `leaseMilliseconds`; no other claim gets them meanwhile. */
  claimDue(now: number, leaseMilliseconds: number, limit: number): Promise<OutboxTable[]>
  markSent(id: string, now: number): Promise<void>
  markFailed(id: string, now: number): Promise<void>
  postpone(id: string, nextAttemptAt: number): Promise<void>
  nextDueAt(): Promise<number | undefined>
}

export interface LinkQueries {
  insert(row: {
    id: string
    account_id: string
    secret_hash: string
    created_at: number
    expires_at: number
  }): Promise<void>
  /** Ends the unused links of an account. */
  endAll(accountId: string, now: number): Promise<void>
  find(secretHash: string, now: number): Promise<{ id: string; account_id: string } | undefined>
  use(id: string, now: number): Promise<boolean>
  insertServiceCredential(row: {
    id: string
    secret_hash: string
    scopes: string
    created_at: number
    expires_at: number
  }): Promise<void>
  findServiceCredential(secretHash: string, now: number): Promise<{ id: string; scopes: string } | undefined>
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
  /** Removes at most `limit` rows of each kind that expired before `before`; how many. */
  removeExpired(before: number, limit: number): Promise<number>
}
