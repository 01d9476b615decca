/** Admins: named tokens, links that bind, the audit of all accounts, bulk runs. */
export const kind = 'expand'

export const statements: readonly string[] = [
  "alter table service_credentials add column name text not null default ''",
  'alter table service_credentials add column created_by text references accounts(id)',
  'alter table service_credentials add column last_used_at bigint',
  "alter table enrolment_links add column purpose text not null default 'password'",
  'create index enrolment_links_by_account on enrolment_links (account_id)',
  'alter table sessions add column enrolment_link_id text references enrolment_links(id)',
  'alter table events add column actor text',
  'alter table events add column run_id text',
  'create index events_by_time on events (at, id)',
  'create index events_by_run on events (run_id, at, id) where run_id is not null',
  `create table bulk_runs (id text primary key, kind text not null, undoes text references bulk_runs(id),
    started_by text not null, account_id text references accounts(id),
    credential_id text references service_credentials(id), secret_hash text not null unique,
    secret_expires_at bigint not null, file_sha256 text, row_count bigint not null, batch_digests bytea not null,
    reason text not null, notify bigint not null, created_at bigint not null, finished_at bigint)`,
  'create index bulk_runs_by_time on bulk_runs (created_at, id)',
  `create table bulk_rows (run_id text not null references bulk_runs(id), row_number bigint not null,
    account_id text not null references accounts(id), applied_at bigint not null, changes text not null,
    primary key (run_id, row_number))`,
]
