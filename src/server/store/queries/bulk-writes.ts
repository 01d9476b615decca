import { sql } from 'kysely'
import { type BulkQueries, ChangedMeanwhile } from '../../domain/ports/bulk-queries.ts'
import { type ColumnTypes, compiledForRows } from '../compiled-for-rows.ts'
import type { Handle } from '../handle.ts'
import { isUniqueViolation } from '../unique.ts'

const contactColumns = {
  id: 'text',
  was: 'text',
  value: 'text',
  key: 'text',
  bound_at: 'bigint',
  used_at: 'bigint',
} as const

const setContacts = {
  phone: compiledForRows(
    contactColumns,
    ({ v }) => sql`with ${v} update accounts
      set phone_number = v.key, phone_bound_at = v.bound_at, phone_used_at = v.used_at
      from v where accounts.id = v.id and accounts.phone_number is not distinct from v.was`,
  ),
  email: compiledForRows(
    contactColumns,
    ({ v }) => sql`with ${v} update accounts
      set email_address = v.value, email_key = v.key, email_bound_at = v.bound_at, email_used_at = v.used_at
      from v where accounts.id = v.id and accounts.email_key is not distinct from v.was`,
  ),
}

const setPasswords = compiledForRows(
  { id: 'text', was: 'text', hash: 'text', set_at: 'bigint', used_at: 'bigint' },
  ({ v }) => sql`with ${v} update accounts
    set password_hash = v.hash, password_set_at = v.set_at, password_used_at = v.used_at
    from v where accounts.id = v.id and accounts.password_hash is not distinct from v.was`,
)

const setDisabled = compiledForRows(
  { id: 'text', was: 'bigint', disabled_at: 'bigint' },
  ({ v }) => sql`with ${v} update accounts set disabled_at = v.disabled_at
    from v where accounts.id = v.id and accounts.disabled_at is not distinct from v.was`,
)

/** An insert of as many rows as there are, that does nothing where one of a unique index is there. */
const inserting = <const C extends ColumnTypes>(table: string, columns: C) => {
  const names = sql.raw(Object.keys(columns).join(', '))
  const [first = ''] = Object.keys(columns)
  return compiledForRows(
    columns,
    ({ v }) => sql`with ${v} insert into ${sql.raw(table)} (${names})
      select ${names} from v where v.${sql.raw(first)} is not null on conflict do nothing`,
  )
}

const bulkRowColumns = {
  run_id: 'text',
  row_number: 'bigint',
  account_id: 'text',
  applied_at: 'bigint',
  changes: 'text',
} as const
// Whoever finishes the run waits until these rows are there to be counted.
const insertRows = compiledForRows(
  bulkRowColumns,
  ({ v, forShare }, runId: string) => sql`with ${v}
    insert into bulk_rows (run_id, row_number, account_id, applied_at, changes)
    select run_id, row_number, account_id, applied_at, changes from v where v.run_id is not null
      and exists (select 1 from bulk_runs where id = ${runId} and finished_at is null ${forShare})
    on conflict do nothing`,
)

const totpColumns = {
  account_id: 'text',
  sealed_secret: 'bytea',
  last_step: 'bigint',
  bound_at: 'bigint',
  used_at: 'bigint',
} as const
const insertTotp = inserting('totp_authenticators', totpColumns)

const wechatColumns = { account_id: 'text', openid: 'text', bound_at: 'bigint', unionid: 'text' } as const
const insertWeChat = inserting('wechat_identities', wechatColumns)

const credentialColumns = {
  id: 'text',
  account_id: 'text',
  credential_id: 'text',
  name: 'text',
  public_key: 'bytea',
  algorithm: 'bigint',
  sign_count: 'bigint',
  aaguid: 'text',
  transports: 'text',
  backup_eligible: 'bigint',
  backup_state: 'bigint',
  bound_at: 'bigint',
  used_at: 'bigint',
} as const
const insertCredentials = inserting('webauthn_credentials', credentialColumns)

const removeTotp = compiledForRows(
  { account_id: 'text', bound_at: 'bigint' },
  ({ v }) => sql`with ${v} delete from totp_authenticators
    where (account_id, bound_at) in (select account_id, bound_at from v)`,
)
const removeWeChat = compiledForRows(
  { account_id: 'text', openid: 'text' },
  ({ v }) => sql`with ${v} delete from wechat_identities
    where (account_id, openid) in (select account_id, openid from v)`,
)
const key = { key: 'text' } as const
const removeCredentials = compiledForRows(
  key,
  ({ list }) => sql`delete from webauthn_credentials where id in (${list})`,
)

const endBindings = compiledForRows(
  key,
  ({ list }, item: string, now: number) => sql`update bindings set ended_at = ${now}, outcome = 'replaced'
    where account_id in (${list}) and item = ${item} and ended_at is null`,
)
const endReversals = compiledForRows(
  key,
  ({ list }, item: string, now: number) => sql`update reversals set ended_at = ${now}, outcome = 'superseded'
    where account_id in (${list}) and item = ${item} and ended_at is null`,
)

const revokeSessions = compiledForRows(
  key,
  ({ list }, now: number, after: number, except: string) => sql`update sessions set revoked_at = ${now}
    where account_id in (${list}) and id <> ${except} and revoked_at is null and expires_at > ${after}`,
)
const endLogins = compiledForRows(
  key,
  ({ list }, now: number, after: number) => sql`update logins set completed_at = ${now}
    where account_id in (${list}) and completed_at is null and expires_at > ${after}`,
)
// By the sessions: challenges are found by no account.
const endChallenges = compiledForRows(
  key,
  ({ list }, now: number, after: number, except: string) => sql`update challenges set used_at = ${now}
    where session_id in (select id from sessions where account_id in (${list}) and id <> ${except})
      and used_at is null and expires_at > ${after}`,
)
const endAllBindings = compiledForRows(
  key,
  ({ list }, now: number) => sql`update bindings set ended_at = ${now}, outcome = 'cancelled'
    where account_id in (${list}) and ended_at is null`,
)
const endAllLinks = compiledForRows(
  key,
  ({ list }, now: number) => sql`update enrolment_links set used_at = ${now}
    where account_id in (${list}) and used_at is null`,
)
const revokeTokens = compiledForRows(
  key,
  ({ list }, now: number) => sql`update service_credentials set revoked_at = ${now}
    where created_by in (${list}) and revoked_at is null`,
)
const endLinksFor = compiledForRows(
  key,
  ({ list }, purpose: string, now: number) => sql`update enrolment_links set used_at = ${now}
    where account_id in (${list}) and purpose = ${purpose} and used_at is null`,
)
const endLinks = compiledForRows(
  key,
  ({ list }, now: number) => sql`update enrolment_links set used_at = ${now} where id in (${list}) and used_at is null`,
)
const insertLinks = inserting('enrolment_links', {
  id: 'text',
  account_id: 'text',
  secret_hash: 'text',
  created_at: 'bigint',
  expires_at: 'bigint',
  purpose: 'text',
})
const insertEvents = inserting('events', {
  id: 'text',
  account_id: 'text',
  at: 'bigint',
  action: 'text',
  method: 'text',
  session_id: 'text',
  source: 'text',
  details: 'text',
  actor: 'text',
  run_id: 'text',
})
const insertMessages = inserting('outbox', {
  id: 'text',
  channel: 'text',
  purpose: 'text',
  account_id: 'text',
  decoy: 'bigint',
  sealed_message: 'bytea',
  created_at: 'bigint',
  not_after: 'bigint',
  attempts: 'bigint',
  next_attempt_at: 'bigint',
  lapsed: 'bigint',
})

/** Takes a write for done when it has changed every row. @throws {ChangedMeanwhile} */
async function every(rows: readonly unknown[], write: () => Promise<{ changed: number }>): Promise<void> {
  if (rows.length === 0) return
  let changed: number
  try {
    changed = (await write()).changed
  } catch (error) {
    throw isUniqueViolation(error) ? new ChangedMeanwhile() : error
  }
  if (changed !== rows.length) throw new ChangedMeanwhile()
}

/** Keys as the rows of a statement that takes a list of them. */
export const keyed = (keys: readonly string[]) => keys.map(one => ({ key: one }))

type Writes = Omit<
  BulkQueries,
  | 'insertRun'
  | 'findRun'
  | 'renewSecret'
  | 'finishRun'
  | 'countRows'
  | 'listRows'
  | 'listRowsBefore'
  | 'replaceChanges'
  | 'findAccountsByUsernameKey'
  | 'findAccounts'
  | 'ownersOfContacts'
  | 'listTotp'
  | 'listWeChat'
  | 'listCredentials'
  | 'findLinks'
>

export const bulkWrites = (db: Handle): Writes => ({
  async insertRows(runId, rows) {
    await every(rows, () => insertRows(db, rows, runId))
  },

  setContacts: (channel, writes) =>
    every(writes, () =>
      setContacts[channel](
        db,
        writes.map(({ boundAt, usedAt, ...write }) => ({ ...write, bound_at: boundAt, used_at: usedAt })),
      ),
    ),

  setPasswords: writes =>
    every(writes, () =>
      setPasswords(
        db,
        writes.map(({ setAt, usedAt, ...write }) => ({ ...write, set_at: setAt, used_at: usedAt })),
      ),
    ),

  setDisabled: writes =>
    every(writes, () =>
      setDisabled(
        db,
        writes.map(({ disabledAt, ...write }) => ({ ...write, disabled_at: disabledAt })),
      ),
    ),

  removeTotp: rows => every(rows, () => removeTotp(db, rows)),
  insertTotp: rows => every(rows, () => insertTotp(db, rows)),
  removeWeChat: rows => every(rows, () => removeWeChat(db, rows)),
  insertWeChat: rows => every(rows, () => insertWeChat(db, rows)),
  removeCredentials: rows => every(rows, () => removeCredentials(db, keyed(rows.map(({ id }) => id)))),
  insertCredentials: rows => every(rows, () => insertCredentials(db, rows)),

  async endPending(accountIds, item, now) {
    await endBindings(db, keyed(accountIds), item, now)
    await endReversals(db, keyed(accountIds), item, now)
  },

  async endAccess(accountIds, { now, challengesExpiringAfter }, exceptSession) {
    const accounts = keyed(accountIds)
    const except = exceptSession ?? ''
    await revokeSessions(db, accounts, now, now, except)
    await endLogins(db, accounts, now, now)
    await endChallenges(db, accounts, now, challengesExpiringAfter, except)
    await endAllBindings(db, accounts, now)
    await endAllLinks(db, accounts, now)
    await revokeTokens(db, accounts, now)
  },

  endLinksFor: async (accountIds, purpose, now) => void (await endLinksFor(db, keyed(accountIds), purpose, now)),
  endLinks: async (ids, now) => (await endLinks(db, keyed(ids), now)).changed,
  insertLinks: rows => every(rows, () => insertLinks(db, rows)),
  insertEvents: rows => every(rows, () => insertEvents(db, rows)),
  insertMessages: rows => every(rows, () => insertMessages(db, rows)),
})
