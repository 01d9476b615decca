/** Messages through real providers: their delivery, the providers' health, links that undo, WeChat's second mode. */
export const kind = 'contract'

export const statements: readonly string[] = [
  "alter table outbox add column purpose text not null default 'notice'",
  'alter table outbox add column account_id text references accounts(id)',
  'alter table outbox add column decoy bigint not null default 0',
  'alter table outbox add column claim_id text',
  'alter table outbox add column lapsed bigint not null default 0',
  'alter table outbox add column provider text',
  'alter table outbox add column provider_message_id text',
  'alter table outbox add column failure text',
  'alter table outbox add column receipt text',
  'alter table outbox add column receipt_at bigint',
  // A decoy of before looked like nobody's message; it is nobody's still.
  "update outbox set decoy = 1, channel = 'email' where channel = 'none'",
  'drop index outbox_due',
  // A lane each for codes and for notices: its first due message is found without a look at the others.
  `create index outbox_due_codes on outbox (channel, next_attempt_at)
    where sent_at is null and failed_at is null and purpose <> 'notice'`,
  `create index outbox_due_notices on outbox (channel, next_attempt_at)
    where sent_at is null and failed_at is null and purpose = 'notice'`,
  'create index outbox_created on outbox (created_at, id)',
  // Small, since messages leave it: what is waited for is counted and listed without a look at all that was ever sent.
  'create index outbox_queued on outbox (created_at, id) where sent_at is null and failed_at is null',
  `create index outbox_delivered on outbox (created_at, id) where receipt = 'delivered'`,
  `create index outbox_failed on outbox (created_at, id) where failed_at is not null or receipt = 'undelivered'`,
  'create index outbox_provider_message on outbox (provider, provider_message_id) where provider_message_id is not null',
  `create table provider_health (provider text primary key, failures bigint not null, failure text,
    since bigint not null, retry_at bigint not null)`,
  `create table reversals (id text primary key, account_id text not null references accounts(id), item text not null,
    value text, value_key text, secret_hash text not null unique, created_at bigint not null,
    expires_at bigint not null, ended_at bigint, outcome text)`,
  'create index reversals_by_account on reversals (account_id, item, created_at)',
  'create index reversals_expiry on reversals (expires_at)',
  'alter table wechat_identities add column unionid text',
  'create unique index wechat_identities_unionid on wechat_identities (unionid) where unionid is not null',
  'alter table bindings add column scanned_at bigint',
  'alter table bindings add column scanned_openid text',
  'alter table bindings add column scanned_unionid text',
  `create table wechat_authorisations (state_hash text primary key, binding_id text not null references bindings(id),
    browser_hash text not null, created_at bigint not null, expires_at bigint not null, used_at bigint)`,
  'create index wechat_authorisations_expiry on wechat_authorisations (expires_at)',
]
