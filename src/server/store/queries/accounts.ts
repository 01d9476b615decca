import { sql } from 'kysely'
import type { AccountQueries } from '../../domain/ports/store.ts'
import { compiledForRows } from '../compiled-for-rows.ts'
import { compiledOnce } from '../compiled-once.ts'
import type { Handle } from '../handle.ts'
import { runsSideBySide } from '../side-by-side.ts'
import { inSavepoint, takenOr } from '../unique.ts'

const markUsed = (column: 'password_used_at' | 'phone_used_at' | 'email_used_at') =>
  compiledOnce((db, id: string, now: number) =>
    db
      .updateTable('accounts')
      .set({ [column]: now })
      .where('id', '=', id),
  )

const markUsedBy = {
  password: markUsed('password_used_at'),
  phone: markUsed('phone_used_at'),
  email: markUsed('email_used_at'),
}

const findAccount = compiledOnce((db, id: string) => db.selectFrom('accounts').selectAll().where('id', '=', id))

const setLocale = compiledOnce((db, id: string, locale: string) =>
  db.updateTable('accounts').set({ locale }).where('id', '=', id).where('disabled_at', 'is', null),
)

// Rows that refer to the accounts can still be inserted. In one order, so that of two none waits for the other.
const holdAccounts = compiledForRows(
  { key: 'text' },
  ({ list }) => sql`select id from accounts where id in (${list}) order by id collate "C" for no key update`,
)

export const accountQueries = (db: Handle): AccountQueries => ({
  insert: row =>
    takenOr(
      db
        .insertInto('accounts')
        .values(row)
        .onConflict(conflict => conflict.doNothing()),
    ),

  exist: async () => (await db.selectFrom('accounts').select('id').limit(1).executeTakeFirst()) !== undefined,

  find: async id => (await findAccount(db, id)).rows[0],

  findByUsernameKey: key => db.selectFrom('accounts').selectAll().where('username_key', '=', key).executeTakeFirst(),

  async hold(...ids) {
    if (!runsSideBySide(db)) return
    const sorted = [...new Set(ids)].sort().map(id => ({ key: id }))
    await holdAccounts(db, sorted)
  },

  async setPassword(id, hash, now) {
    await db
      .updateTable('accounts')
      .set({ password_hash: hash, password_set_at: now, password_used_at: null })
      .where('id', '=', id)
      .execute()
  },

  setLocale: async (id, locale) => (await setLocale(db, id, locale)).numAffectedRows === 1n,

  async setDisabled(id, disabledAt) {
    const { numUpdatedRows } = await db
      .updateTable('accounts')
      .set({ disabled_at: disabledAt })
      .where('id', '=', id)
      .where('disabled_at', disabledAt === null ? 'is not' : 'is', null)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },

  async setContact(id, channel, contact, now) {
    const since = contact ? now : null
    const key = contact?.key ?? null
    const column = channel === 'phone' ? 'phone_number' : 'email_key'
    const update =
      channel === 'phone'
        ? db.updateTable('accounts').set({ phone_number: key, phone_bound_at: since, phone_used_at: null })
        : db
            .updateTable('accounts')
            .set({ email_address: contact?.value ?? null, email_key: key, email_bound_at: since, email_used_at: null })
    // One statement checks and sets; the unique index is behind it for two that come at once.
    return takenOr(
      inSavepoint(
        db,
        update
          .where('id', '=', id)
          .where(({ not, exists, selectFrom }) =>
            not(
              exists(
                selectFrom('accounts as other')
                  .select('other.id')
                  .where(`other.${column}`, '=', key)
                  .where('other.id', '!=', id),
              ),
            ),
          ),
      ),
    )
  },

  async markUsed(id, what, now) {
    await markUsedBy[what](db, id, now)
  },

  async ownerOfContact(channel, key) {
    const column = channel === 'phone' ? 'phone_number' : 'email_key'
    const owner = await db.selectFrom('accounts').select('id').where(column, '=', key).executeTakeFirst()
    return owner?.id
  },
})
