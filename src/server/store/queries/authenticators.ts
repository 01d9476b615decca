import type { AuthenticatorQueries } from '../../domain/ports/store.ts'
import type { Handle } from '../handle.ts'
import { takenOr } from '../unique.ts'

export const authenticatorQueries = (db: Handle): AuthenticatorQueries => ({
  findTotp: accountId =>
    db.selectFrom('totp_authenticators').selectAll().where('account_id', '=', accountId).executeTakeFirst(),

  async putTotp(row) {
    await db
      .insertInto('totp_authenticators')
      .values(row)
      .onConflict(conflict => conflict.column('account_id').doUpdateSet(row))
      .execute()
  },

  async removeTotp(accountId) {
    const { numDeletedRows } = await db
      .deleteFrom('totp_authenticators')
      .where('account_id', '=', accountId)
      .executeTakeFirstOrThrow()
    return numDeletedRows === 1n
  },

  async useTotpStep(accountId, step, now) {
    const { numUpdatedRows } = await db
      .updateTable('totp_authenticators')
      .set({ last_step: step, used_at: now })
      .where('account_id', '=', accountId)
      .where('last_step', '<', step)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },

  findWeChat: accountId =>
    db.selectFrom('wechat_identities').selectAll().where('account_id', '=', accountId).executeTakeFirst(),

  async ownerOfWeChat(openid) {
    const owner = await db
      .selectFrom('wechat_identities')
      .select('account_id')
      .where('openid', '=', openid)
      .executeTakeFirst()
    return owner?.account_id
  },

  putWeChat: row =>
    takenOr(
      db
        .insertInto('wechat_identities')
        .values(row)
        .onConflict(conflict => conflict.column('account_id').doUpdateSet(row)),
    ),

  async removeWeChat(accountId) {
    const { numDeletedRows } = await db
      .deleteFrom('wechat_identities')
      .where('account_id', '=', accountId)
      .executeTakeFirstOrThrow()
    return numDeletedRows === 1n
  },

  listCredentials: accountId =>
    db
      .selectFrom('webauthn_credentials')
      .selectAll()
      .where('account_id', '=', accountId)
      .orderBy('bound_at')
      .orderBy('id')
      .execute(),

  findCredential: credentialId =>
    db.selectFrom('webauthn_credentials').selectAll().where('credential_id', '=', credentialId).executeTakeFirst(),

  insertCredential: row =>
    takenOr(
      db
        .insertInto('webauthn_credentials')
        .values(row)
        .onConflict(conflict => conflict.doNothing()),
    ),

  removeCredential: (accountId, id) =>
    db
      .deleteFrom('webauthn_credentials')
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirst(),

  async useCredential(id, { signCount, backupState }, now) {
    await db
      .updateTable('webauthn_credentials')
      .set({ sign_count: signCount, backup_state: backupState ? 1 : 0, used_at: now })
      .where('id', '=', id)
      .execute()
  },

  async replaceRecoveryCodes(accountId, rows) {
    await db.deleteFrom('recovery_codes').where('account_id', '=', accountId).execute()
    await db.insertInto('recovery_codes').values(rows).execute()
  },

  async useRecoveryCode(accountId, codeHash, now) {
    const { numUpdatedRows } = await db
      .updateTable('recovery_codes')
      .set({ used_at: now })
      .where('account_id', '=', accountId)
      .where('code_hash', '=', codeHash)
      .where('used_at', 'is', null)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },

  async countRecoveryCodes(accountId) {
    const { left } = await db
      .selectFrom('recovery_codes')
      .select(({ fn }) => fn.countAll().as('left'))
      .where('account_id', '=', accountId)
      .where('used_at', 'is', null)
      .executeTakeFirstOrThrow()
    return Number(left)
  },
})
