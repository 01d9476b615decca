/**
 * The tables, for SQLite and PostgreSQL alike. Columns are `text`, `bigint` (milliseconds since the Unix epoch, counts,
 * 0/1) and `bytea`; ids are random text made by the program.
 */
export interface Tables {
  accounts: AccountsTable
  totp_authenticators: TotpTable
  wechat_identities: WeChatIdentitiesTable
  webauthn_credentials: WebAuthnCredentialsTable
  recovery_codes: RecoveryCodesTable
  sessions: SessionsTable
  logins: LoginsTable
  challenges: ChallengesTable
  codes: CodesTable
  bindings: BindingsTable
  throttles: ThrottlesTable
  events: EventsTable
  outbox: OutboxTable
  enrolment_links: EnrolmentLinksTable
  service_credentials: ServiceCredentialsTable
  settings: SettingsTable
  pushes: PushesTable
  provider_health: ProviderHealthTable
  reversals: ReversalsTable
  wechat_authorisations: WeChatAuthorisationsTable
  bulk_runs: BulkRunsTable
  bulk_rows: BulkRowsTable
}

export interface AccountsTable {
  id: string
  username: string
  /** Case-folded NFKC of the user name; unique. */
  username_key: string
  /** PHC string; NULL until the owner has set one. */
  password_hash: string | null
  password_set_at: number | null
  password_used_at: number | null
  /** E.164; unique. */
  phone_number: string | null
  phone_bound_at: number | null
  phone_used_at: number | null
  email_address: string | null
  /** Case-folded address; unique. */
  email_key: string | null
  email_bound_at: number | null
  email_used_at: number | null
  /** The WebAuthn user handle: 32 random bytes. */
  user_handle: Uint8Array
  locale: string
  /** `person` or `admin`. */
  role: string
  disabled_at: number | null
  created_at: number
}

export interface TotpTable {
  account_id: string
  /** AES-256-GCM of the 20-byte secret. */
  sealed_secret: Uint8Array
  /** The last 30-second step whose code was accepted; no code of it or before works again. */
  last_step: number
  bound_at: number
  used_at: number | null
}

export interface WeChatIdentitiesTable {
  account_id: string
  openid: string
  bound_at: number
  /** Where the official account is tied to an Open Platform account; unique. */
  unionid: string | null
}

export interface WebAuthnCredentialsTable {
  id: string
  account_id: string
  /** base64url of the credential id; unique over all accounts. */
  credential_id: string
  name: string
  /** COSE_Key, as the authenticator sent it. */
  public_key: Uint8Array
  algorithm: number
  sign_count: number
  aaguid: string
  transports: string
  backup_eligible: number
  backup_state: number
  bound_at: number
  used_at: number | null
}

export interface RecoveryCodesTable {
  id: string
  account_id: string
  code_hash: string
  created_at: number
  used_at: number | null
}

export interface SessionsTable {
  id: string
  account_id: string
  /** SHA-256 of the secret; unique. */
  secret_hash: string
  created_at: number
  last_used_at: number
  expires_at: number
  revoked_at: number | null
  source: string
  client: string
  /** The verification methods of its login, joined by blanks. */
  methods: string
  /** Where set, the session was opened by this enrolment link and serves for nothing but what the link is for. */
  enrolment_link_id: string | null
}

export interface LoginsTable {
  id: string
  /** NULL for a user name that nobody has. */
  account_id: string | null
  username_key: string
  first_method: string | null
  webauthn_challenge: string | null
  created_at: number
  expires_at: number
  completed_at: number | null
}

export interface ChallengesTable {
  id: string
  account_id: string
  session_id: string
  operation: string
  /** Keyed hash of the value that the proof is to serve for; NULL when none was stated. */
  value_hash: string | null
  webauthn_challenge: string | null
  created_at: number
  expires_at: number
  /** The method that answered it. */
  method: string | null
  /** SHA-256 of the proof; unique. */
  proof_hash: string | null
  proof_expires_at: number | null
  /** When the proof was consumed, in the transaction of the change. */
  used_at: number | null
}

export interface CodesTable {
  id: string
  account_id: string | null
  purpose: string
  /** The login, challenge or binding that it was sent for. */
  subject_id: string
  channel: string
  code_hash: string
  sent_at: number
  expires_at: number
  used_at: number | null
  /** Set when a newer code took its place. */
  replaced_at: number | null
}

export interface BindingsTable {
  id: string
  account_id: string
  session_id: string
  /** The answered challenge that authorised it. */
  challenge_id: string
  item: string
  /** The new number or address, the name of the new key. */
  value: string | null
  sealed_secret: Uint8Array | null
  webauthn_challenge: string | null
  wechat_scene: string | null
  qr_expires_at: number | null
  created_at: number
  expires_at: number
  ended_at: number | null
  /** When somebody scanned the QR code of a WeChat binding, who is then to confirm it. */
  scanned_at: number | null
  scanned_openid: string | null
  scanned_unionid: string | null
  /** `bound`, `rebound`, `replaced`, `cancelled`, `refused:<problem>` once ended. */
  outcome: string | null
}

export interface ThrottlesTable {
  key: string
  failures: number
  last_failure_at: number
  blocked_until: number
}

export interface EventsTable {
  id: string
  /** NULL for a login with a user name that nobody has. */
  account_id: string | null
  at: number
  action: string
  method: string | null
  session_id: string | null
  source: string
  /** JSON object of texts, masked. */
  details: string
  /** Who did it, where it was not the account's owner: `admin:USERNAME`, `token:NAME`; NULL else. */
  actor: string | null
  /** The bulk run that it belongs to. */
  run_id: string | null
}

export interface OutboxTable {
  id: string
  /** `email` or `phone`. */
  channel: string
  /** `login`, `step_up`, `bind`, `notice`. */
  purpose: string
  /** Whose change or challenge it tells of; NULL at a login with a user name that nobody has. */
  account_id: string | null
  /** 1: it stands for a message where there is nowhere to send one; nobody receives it. */
  decoy: number
  /** AES-256-GCM of the message as JSON; emptied once sent. */
  sealed_message: Uint8Array
  created_at: number
  /** After this it makes no sense any more. */
  not_after: number
  attempts: number
  next_attempt_at: number
  sent_at: number | null
  failed_at: number | null
  /** Who holds it while `next_attempt_at` lies ahead; NULL when nobody does. */
  claim_id: string | null
  /** Claims that ended without a word: whoever held it died. */
  lapsed: number
  /** Who took it over. */
  provider: string | null
  provider_message_id: string | null
  /** Why the last attempt failed: a `DeliveryFailure`, `expired` or `lapsed`. */
  failure: string | null
  /** `delivered` or `undelivered`, by the provider's receipt. */
  receipt: string | null
  receipt_at: number | null
}

export interface ProviderHealthTable {
  provider: string
  /** In a row. */
  failures: number
  /** A `DeliveryFailure`; NULL when the last message was taken over. */
  failure: string | null
  since: number
  /** Until then it is left out; 0: it is not. */
  retry_at: number
}

/** A change of a number or address that a link can undo. */
export interface ReversalsTable {
  /** That of the change's event, which tells what it was and where it came from. */
  id: string
  account_id: string
  /** `phone` or `email`. */
  item: string
  /** What was bound before the change, and its key; NULL when nothing was. */
  value: string | null
  value_key: string | null
  /** SHA-256 of the link's secret; unique. */
  secret_hash: string
  /** Strictly grows with each change of the item: links of later changes end with the use of an earlier one. */
  created_at: number
  expires_at: number
  ended_at: number | null
  /** `reverted`, `superseded` once ended. */
  outcome: string | null
}

/** A WeChat web authorisation under way: the state that comes back with the code. */
export interface WeChatAuthorisationsTable {
  /** SHA-256 of the state. */
  state_hash: string
  binding_id: string
  /** SHA-256 of what the browser that began it keeps in a cookie. */
  browser_hash: string
  created_at: number
  expires_at: number
  used_at: number | null
}

export interface EnrolmentLinksTable {
  id: string
  account_id: string
  secret_hash: string
  created_at: number
  expires_at: number
  used_at: number | null
  /** What it lets the owner do: set a `password`, bind `totp`, bind `webauthn`. */
  purpose: string
}

export interface ServiceCredentialsTable {
  id: string
  secret_hash: string
  /** Joined by blanks. */
  scopes: string
  created_at: number
  expires_at: number
  revoked_at: number | null
  /** What its maker calls it; empty for those that this server made itself. */
  name: string
  /** The admin's account; NULL for those that this server made itself. */
  created_by: string | null
  last_used_at: number | null
}

/** A file of rebindings that an admin's proof or token stands behind, or the undoing of one. */
export interface BulkRunsTable {
  /** Chosen by the client, who notes it before it asks for the run: 128 random bits. */
  id: string
  /** `rebind` or `undo`. */
  kind: string
  /** The run that this one undoes. */
  undoes: string | null
  /** `admin:USERNAME` or `token:NAME`. */
  started_by: string
  /** The admin's account, or NULL; whose the run is, together with `credential_id`. */
  account_id: string | null
  credential_id: string | null
  /** SHA-256 of the secret without which no batch is taken; unique. */
  secret_hash: string
  secret_expires_at: number
  /** Hex; NULL of an undoing. */
  file_sha256: string | null
  row_count: number
  /** The SHA-256 of each batch, 32 bytes one after the other: what the proof was given for. */
  batch_digests: Uint8Array
  reason: string
  /** 1: the owners are told. */
  notify: number
  created_at: number
  finished_at: number | null
}

/** A row that was applied: by its being here it is known not to be applied again. */
export interface BulkRowsTable {
  run_id: string
  /** The row's number in its file, from 1. */
  row_number: number
  account_id: string
  applied_at: number
  /** JSON of what the row changed, as it was before and after: what undoing goes by. Secrets are in it as in their tables. */
  changes: string
}

export interface SettingsTable {
  name: string
  sealed_value: Uint8Array
  expires_at: number
}

export interface PushesTable {
  key: string
  received_at: number
}
