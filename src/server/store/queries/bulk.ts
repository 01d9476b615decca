import { sql } from 'kysely'
import { type BulkQueries, ChangedMeanwhile, type ContactOwner } from '../../domain/ports/bulk-queries.ts'
import { compiledForRows } from '../compiled-for-rows.ts'
import { compiledOnce } from '../compiled-once.ts'
import type { Handle } from '../handle.ts'
import type {
  AccountsTable,
  BulkRowsTable,
  EnrolmentLinksTable,
  TotpTable,
  WebAuthnCredentialsTable,
  WeChatIdentitiesTable,
} from '../schema.ts'
import { bulkWrites, keyed } from './bulk-writes.ts'

const listRows = compiledOnce((db, runId: string, from: number, to: number) =>
  db
    .selectFrom('bulk_rows')
    .selectAll()
    .where('run_id', '=', runId)
    .where('row_number', '>=', from)
    .where('row_number', '<=', to)
    .orderBy('row_number'),
)

const listRowsBefore = compiledOnce((db, runId: string, before: number, limit: number) =>
  db
    .selectFrom('bulk_rows')
    .selectAll()
    .where('run_id', '=', runId)
    .where('row_number', '<', before)
    .orderBy('row_number', 'desc')
    .limit(limit),
)

const replaceChanges = compiledOnce((db, row: BulkRowsTable, changes: string) =>
  db
    .updateTable('bulk_rows')
    .set({ changes })
    .where('run_id', '=', row.run_id)
    .where('row_number', '=', row.row_number)
    .where('changes', '=', row.changes),
)

const key = { key: 'text' } as const

const findByUsernameKey = compiledForRows(
  key,
  ({ list }) => sql<AccountsTable>`select * from accounts where username_key in (${list})`,
)
const findById = compiledForRows(key, ({ list }) => sql<AccountsTable>`select * from accounts where id in (${list})`)

const owners = {
  phone: compiledForRows(
    key,
    ({ list }) =>
      sql<ContactOwner>`select id, username, phone_number, email_key from accounts where phone_number in (${list})`,
  ),
  email: compiledForRows(
    key,
    ({ list }) =>
      sql<ContactOwner>`select id, username, phone_number, email_key from accounts where email_key in (${list})`,
  ),
}

const listTotp = compiledForRows(
  key,
  ({ list }) => sql<TotpTable>`select * from totp_authenticators where account_id in (${list})`,
)
const listWeChat = compiledForRows(
  key,
  ({ list }) => sql<WeChatIdentitiesTable>`select * from wechat_identities where account_id in (${list})`,
)
const listCredentials = compiledForRows(
  key,
  ({ list }) =>
    sql<WebAuthnCredentialsTable>`select * from webauthn_credentials where account_id in (${list}) order by bound_at, id`,
)
const findLinks = compiledForRows(
  key,
  ({ list }) => sql<EnrolmentLinksTable>`select * from enrolment_links where id in (${list})`,
)

export const bulkQueries = (db: Handle): BulkQueries => ({
  ...bulkWrites(db),

  async insertRun(row) {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('bulk_runs')
      .values(row)
      .onConflict(conflict => conflict.column('id').doNothing())
      .executeTakeFirstOrThrow()
    return numInsertedOrUpdatedRows === 1n
  },

  findRun: id => db.selectFrom('bulk_runs').selectAll().where('id', '=', id).executeTakeFirst(),

  async renewSecret(id, secretHash, expiresAt) {
    const { numUpdatedRows } = await db
      .updateTable('bulk_runs')
      .set({ secret_hash: secretHash, secret_expires_at: expiresAt })
      .where('id', '=', id)
      .where('finished_at', 'is', null)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },

  async finishRun(id, now) {
    await db
      .updateTable('bulk_runs')
      .set({ finished_at: now })
      .where('id', '=', id)
      .where('finished_at', 'is', null)
      .execute()
  },

  async countRows(runId) {
    const { applied } = await db
      .selectFrom('bulk_rows')
      .select(({ fn }) => fn.countAll().as('applied'))
      .where('run_id', '=', runId)
      .executeTakeFirstOrThrow()
    return Number(applied)
  },

  listRows: async (runId, from, to) => (await listRows(db, runId, from, to)).rows,
  listRowsBefore: async (runId, before, limit) => (await listRowsBefore(db, runId, before, limit)).rows,

  async replaceChanges(row, changes) {
    if ((await replaceChanges(db, row, changes)).numAffectedRows !== 1n) throw new ChangedMeanwhile()
  },

  findAccountsByUsernameKey: async keys => (await findByUsernameKey(db, keyed(keys))).rows,
  findAccounts: async ids => (await findById(db, keyed(ids))).rows,
  ownersOfContacts: async (channel, keys) => (await owners[channel](db, keyed(keys))).rows,
  listTotp: async ids => (await listTotp(db, keyed(ids))).rows,
  listWeChat: async ids => (await listWeChat(db, keyed(ids))).rows,
  listCredentials: async ids => (await listCredentials(db, keyed(ids))).rows,
  findLinks: async ids => (await findLinks(db, keyed(ids))).rows,
})
