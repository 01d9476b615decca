import type { LinkQueries, SettingQueries } from '../../domain/ports/store.ts'
import type { Handle } from '../handle.ts'

export const linkQueries = (db: Handle): LinkQueries => ({
  async insert(row) {
    await db
      .insertInto('enrolment_links')
      .values({ ...row, used_at: null })
      .execute()
  },

  async endAll(accountId, now) {
    await db
      .updateTable('enrolment_links')
      .set({ used_at: now })
      .where('account_id', '=', accountId)
      .where('used_at', 'is', null)
      .execute()
  },

  async endPurpose(accountId, purpose, now) {
    await db
      .updateTable('enrolment_links')
      .set({ used_at: now })
      .where('account_id', '=', accountId)
      .where('purpose', '=', purpose)
      .where('used_at', 'is', null)
      .execute()
  },

  find: (secretHash, now) =>
    db
      .selectFrom('enrolment_links')
      .select(['id', 'account_id', 'purpose', 'expires_at'])
      .where('secret_hash', '=', secretHash)
      .where('used_at', 'is', null)
      .where('expires_at', '>', now)
      .executeTakeFirst(),

  findById: id =>
    db
      .selectFrom('enrolment_links')
      .select(['purpose', 'used_at', 'expires_at'])
      .where('id', '=', id)
      .executeTakeFirst(),

  async use(id, now) {
    const { numUpdatedRows } = await db
      .updateTable('enrolment_links')
      .set({ used_at: now })
      .where('id', '=', id)
      .where('used_at', 'is', null)
      .where('expires_at', '>', now)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },
})

export const settingQueries = (db: Handle): SettingQueries => ({
  async read(name) {
    const row = await db.selectFrom('settings').selectAll().where('name', '=', name).executeTakeFirst()
    return row && { sealedValue: row.sealed_value, expiresAt: row.expires_at }
  },

  async write(name, sealedValue, expiresAt) {
    const row = { name, sealed_value: sealedValue, expires_at: expiresAt }
    await db
      .insertInto('settings')
      .values(row)
      .onConflict(conflict => conflict.column('name').doUpdateSet(row))
      .execute()
  },

  async claim(name, holder, until, now) {
    const row = { name, sealed_value: holder, expires_at: until }
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('settings')
      .values(row)
      .onConflict(conflict => conflict.column('name').doUpdateSet(row).where('settings.expires_at', '<=', now))
      .executeTakeFirstOrThrow()
    return numInsertedOrUpdatedRows === 1n
  },

  async release(name, holder) {
    await db
      .updateTable('settings')
      .set({ expires_at: 0 })
      .where('name', '=', name)
      .where('sealed_value', '=', holder)
      .execute()
  },

  async rememberPush(key, now) {
    const inserted = await db
      .insertInto('pushes')
      .values({ key, received_at: now })
      .onConflict(conflict => conflict.doNothing())
      .executeTakeFirstOrThrow()
    return inserted.numInsertedOrUpdatedRows === 1n
  },
})
