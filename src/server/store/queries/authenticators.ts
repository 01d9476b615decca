import type { AuthenticatorQueries } from '../../domain/ports/store.ts'
import { compiledOnce } from '../compiled-once.ts'
import type { Handle } from '../handle.ts'
import type { WebAuthnCredentialsTable } from '../schema.ts'
import { inSavepoint, takenOr } from '../unique.ts'

const readBound = compiledOnce((db, accountId: string) =>
  db
    .selectFrom('accounts')
    .leftJoin('totp_authenticators as totp', 'totp.account_id', 'accounts.id')
    .leftJoin('wechat_identities as wechat', 'wechat.account_id', 'accounts.id')
    .leftJoin('webauthn_credentials as key', 'key.account_id', 'accounts.id')
    .select(['totp.bound_at as totp_bound_at', 'totp.used_at as totp_used_at'])
    .select(['wechat.openid', 'wechat.bound_at as wechat_bound_at'])
    .select(['key.id', 'key.name', 'key.bound_at', 'key.used_at'])
    .select(({ selectFrom }) =>
      selectFrom('recovery_codes')
        .select(({ fn }) => fn.countAll().as('left'))
        .whereRef('recovery_codes.account_id', '=', 'accounts.id')
        .where('recovery_codes.used_at', 'is', null)
        .as('recovery_codes_left'),
    )
    .where('accounts.id', '=', accountId),
)

const listCredentials = compiledOnce((db, accountId: string) =>
  db
    .selectFrom('webauthn_credentials')
    .selectAll()
    .where('account_id', '=', accountId)
    .orderBy('bound_at')
    .orderBy('id'),
)

const findCredential = compiledOnce((db, credentialId: string) =>
  db.selectFrom('webauthn_credentials').selectAll().where('credential_id', '=', credentialId),
)

const removeTotp = compiledOnce((db, accountId: string) =>
  db.deleteFrom('totp_authenticators').where('account_id', '=', accountId),
)

const findTotp = compiledOnce((db, accountId: string) =>
  db.selectFrom('totp_authenticators').selectAll().where('account_id', '=', accountId),
)

const useTotpStep = compiledOnce((db, accountId: string, step: number, now: number) =>
  db
    .updateTable('totp_authenticators')
    .set({ last_step: step, used_at: now })
    .where('account_id', '=', accountId)
    .where('last_step', '<', step),
)

type CredentialUse = Pick<WebAuthnCredentialsTable, 'sign_count' | 'backup_state' | 'used_at'>

const useCredential = compiledOnce((db, id: string, use: CredentialUse) =>
  db.updateTable('webauthn_credentials').set(use).where('id', '=', id),
)

export const authenticatorQueries = (db: Handle): AuthenticatorQueries => {
  return {
    async listBound(accountId) {
      const { rows } = await readBound(db, accountId)
      const [first] = rows
      const { totp_bound_at, totp_used_at, openid, wechat_bound_at } = first ?? {}
      return {
        totp: typeof totp_bound_at === 'number' ? { bound_at: totp_bound_at, used_at: totp_used_at ?? null } : null,
        wechat: openid && typeof wechat_bound_at === 'number' ? { openid, bound_at: wechat_bound_at } : null,
        keys: rows
          .flatMap(({ id, name, bound_at, used_at }) =>
            id === null || name === null || bound_at === null ? [] : [{ id, name, bound_at, used_at }],
          )
          .sort((a, b) => a.bound_at - b.bound_at || (a.id < b.id ? -1 : 1)),
        recoveryCodesLeft: Number(first?.recovery_codes_left ?? 0),
      }
    },

    findTotp: async accountId => (await findTotp(db, accountId)).rows[0],

    async putTotp(row) {
      await db
        .insertInto('totp_authenticators')
        .values(row)
        .onConflict(conflict => conflict.column('account_id').doUpdateSet(row))
        .execute()
    },

    removeTotp: async accountId => (await removeTotp(db, accountId)).numAffectedRows === 1n,

    useTotpStep: async (accountId, step, now) => (await useTotpStep(db, accountId, step, now)).numAffectedRows === 1n,

    findWeChat: accountId =>
      db.selectFrom('wechat_identities').selectAll().where('account_id', '=', accountId).executeTakeFirst(),

    async ownerOfWeChat(openid, unionid) {
      const owner = await db
        .selectFrom('wechat_identities')
        .select('account_id')
        .where(({ or, eb }) =>
          or([eb('openid', '=', openid), ...(unionid === null ? [] : [eb('unionid', '=', unionid)])]),
        )
        .executeTakeFirst()
      return owner?.account_id
    },

    putWeChat: row =>
      takenOr(
        inSavepoint(
          db,
          db
            .insertInto('wechat_identities')
            .values(row)
            .onConflict(conflict => conflict.column('account_id').doUpdateSet(row)),
        ),
      ),

    async removeWeChat(accountId) {
      const { numDeletedRows } = await db
        .deleteFrom('wechat_identities')
        .where('account_id', '=', accountId)
        .executeTakeFirstOrThrow()
      return numDeletedRows === 1n
    },

    listCredentials: async accountId => (await listCredentials(db, accountId)).rows,

    findCredential: async credentialId => (await findCredential(db, credentialId)).rows[0],

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
      const use = { sign_count: signCount, backup_state: backupState ? 1 : 0, used_at: now }
      return (await useCredential(db, id, use)).numAffectedRows === 1n
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
  }
}
