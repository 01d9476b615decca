import { sql } from 'kysely'
import type { DirectoryQueries } from '../../domain/ports/admin-store.ts'
import type { Handle } from '../handle.ts'

/** After every character that a user name can have. */
const lastCharacter = '\u{10ffff}'

/** What whoever works on admins writes to, so that the next one waits. */
const adminsHeld = { name: 'admins_held', sealed_value: new Uint8Array(0), expires_at: 0 }

export const directoryQueries = (db: Handle): DirectoryQueries => ({
  list({ prefix, state, role, after, limit }) {
    let query = db.selectFrom('accounts').select(['id', 'username', 'role', 'disabled_at', 'created_at'])
    if (prefix !== undefined) {
      query = query.where('username_key', '>=', prefix).where('username_key', '<', `${prefix}${lastCharacter}`)
    }
    if (after !== undefined) query = query.where('username_key', '>', after)
    // Literals: by them the indexes of admins and of disabled accounts are found.
    if (role) query = query.where('role', '=', sql.lit(role))
    if (state) query = query.where('disabled_at', state === 'disabled' ? 'is not' : 'is', null)
    return query.orderBy('username_key').limit(limit).execute()
  },

  async countSessions(accountId, now) {
    const { sessions } = await db
      .selectFrom('sessions')
      .select(({ fn }) => fn.countAll().as('sessions'))
      .where('account_id', '=', accountId)
      .where('revoked_at', 'is', null)
      .where('expires_at', '>', now)
      .executeTakeFirstOrThrow()
    return Number(sessions)
  },

  listLinks: (accountId, now) =>
    db
      .selectFrom('enrolment_links')
      .select(['purpose', 'created_at', 'expires_at'])
      .where('account_id', '=', accountId)
      .where('used_at', 'is', null)
      .where('expires_at', '>', now)
      .orderBy('created_at', 'desc')
      .orderBy('id')
      .execute(),

  async holdAdmins() {
    await db
      .insertInto('settings')
      .values(adminsHeld)
      .onConflict(conflict => conflict.column('name').doUpdateSet(adminsHeld))
      .execute()
  },

  async hasOtherAdmin(id) {
    const other = await db
      .selectFrom('accounts')
      .select('id')
      .where('role', '=', sql.lit('admin'))
      .where('disabled_at', 'is', null)
      .where('id', '!=', id)
      .where(({ or, and, eb, exists, selectFrom }) =>
        or([
          eb('password_hash', 'is not', null),
          eb('email_address', 'is not', null),
          eb('phone_number', 'is not', null),
          and([
            exists(
              selectFrom('webauthn_credentials as key').select('key.id').whereRef('key.account_id', '=', 'accounts.id'),
            ),
            exists(
              selectFrom('totp_authenticators as totp')
                .select('totp.account_id')
                .whereRef('totp.account_id', '=', 'accounts.id'),
            ),
          ]),
        ]),
      )
      .limit(1)
      .executeTakeFirst()
    return other !== undefined
  },
})
