const tables: Record<string, string> = {
  accounts: `id text primary key, username text not null, username_key text not null unique, password_hash text,
    password_set_at bigint, password_used_at bigint, phone_number text unique, phone_bound_at bigint,
    phone_used_at bigint, email_address text, email_key text unique, email_bound_at bigint, email_used_at bigint,
    user_handle bytea not null, locale text not null, role text not null, disabled_at bigint, created_at bigint not null`,
  totp_authenticators: `account_id text primary key references accounts(id), sealed_secret bytea not null,
    last_step bigint not null, bound_at bigint not null, used_at bigint`,
  wechat_identities: `account_id text primary key references accounts(id), openid text not null unique,
    bound_at bigint not null`,
  webauthn_credentials: `id text primary key, account_id text not null references accounts(id),
    credential_id text not null unique, name text not null, public_key bytea not null, algorithm bigint not null,
    sign_count bigint not null, aaguid text not null, transports text not null, backup_eligible bigint not null,
    backup_state bigint not null, bound_at bigint not null, used_at bigint`,
  recovery_codes: `id text primary key, account_id text not null references accounts(id), code_hash text not null,
    created_at bigint not null, used_at bigint, unique (account_id, code_hash)`,
  sessions: `id text primary key, account_id text not null references accounts(id), secret_hash text not null unique,
    created_at bigint not null, last_used_at bigint not null, expires_at bigint not null, revoked_at bigint,
    source text not null, client text not null, methods text not null`,
  logins: `id text primary key, account_id text references accounts(id), username_key text not null, first_method text,
    webauthn_challenge text, created_at bigint not null, expires_at bigint not null, completed_at bigint`,
  challenges: `id text primary key, account_id text not null references accounts(id), session_id text not null
    references sessions(id), operation text not null, value_hash text, webauthn_challenge text,
    created_at bigint not null, expires_at bigint not null, method text, proof_hash text unique,
    proof_expires_at bigint, used_at bigint`,
  codes: `id text primary key, account_id text references accounts(id), purpose text not null, subject_id text not null,
    channel text not null, code_hash text not null, sent_at bigint not null, expires_at bigint not null, used_at bigint,
    replaced_at bigint`,
  bindings: `id text primary key, account_id text not null references accounts(id), session_id text not null
    references sessions(id), challenge_id text not null references challenges(id), item text not null, value text,
    sealed_secret bytea, webauthn_challenge text, wechat_scene text unique, qr_expires_at bigint,
    created_at bigint not null, expires_at bigint not null, ended_at bigint, outcome text`,
  throttles: `key text primary key, failures bigint not null, last_failure_at bigint not null,
    blocked_until bigint not null`,
  events: `id text primary key, account_id text references accounts(id), at bigint not null,
    action text not null, method text, session_id text, source text not null, details text not null`,
  outbox: `id text primary key, channel text not null, sealed_message bytea not null, created_at bigint not null,
    not_after bigint not null, attempts bigint not null, next_attempt_at bigint not null, sent_at bigint,
    failed_at bigint`,
  enrolment_links: `id text primary key, account_id text not null references accounts(id),
    secret_hash text not null unique, created_at bigint not null, expires_at bigint not null, used_at bigint`,
  service_credentials: `id text primary key, secret_hash text not null unique, scopes text not null,
    created_at bigint not null, expires_at bigint not null, revoked_at bigint`,
  settings: 'name text primary key, sealed_value bytea not null, expires_at bigint not null',
  pushes: 'key text primary key, received_at bigint not null',
}

const indexes: Record<string, string> = {
  sessions_by_account: 'sessions (account_id, created_at)',
  credentials_by_account: 'webauthn_credentials (account_id)',
  codes_by_subject: 'codes (subject_id, channel)',
  codes_by_account: 'codes (account_id, sent_at)',
  bindings_by_challenge: 'bindings (challenge_id)',
  bindings_by_account: 'bindings (account_id, item)',
  events_by_account: 'events (account_id, at, id)',
  outbox_due: 'outbox (next_attempt_at) where sent_at is null and failed_at is null',
  challenges_expiry: 'challenges (expires_at)',
  logins_expiry: 'logins (expires_at)',
}

/** The first schema: accounts, what is bound to them, sessions, step-up, audit and outbox. */
export const kind = 'expand'

export const statements: readonly string[] = [
  ...Object.entries(tables).map(([name, columns]) => `create table ${name} (${columns})`),
  ...Object.entries(indexes).map(([name, target]) => `create index ${name} on ${target}`),
]
