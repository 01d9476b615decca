import type { BindingQueries } from '../../domain/ports/store.ts'
import { compiledOnce } from '../compiled-once.ts'
import type { Handle } from '../handle.ts'

const endByItem = compiledOnce((db, accountId: string, item: string, now: number) =>
  db
    .updateTable('bindings')
    .set({ ended_at: now, outcome: 'replaced' })
    .where('account_id', '=', accountId)
    .where('item', '=', item)
    .where('ended_at', 'is', null),
)

export const bindingQueries = (db: Handle): BindingQueries => ({
  async insert(row) {
    await db.insertInto('bindings').values(row).execute()
  },

  find: id => db.selectFrom('bindings').selectAll().where('id', '=', id).executeTakeFirst(),

  findByScene: scene => db.selectFrom('bindings').selectAll().where('wechat_scene', '=', scene).executeTakeFirst(),

  async setQr(id, scene, qrExpiresAt) {
    const { numUpdatedRows } = await db
      .updateTable('bindings')
      .set({ wechat_scene: scene, qr_expires_at: qrExpiresAt })
      .set({ scanned_at: null, scanned_openid: null, scanned_unionid: null })
      .where('id', '=', id)
      .where('ended_at', 'is', null)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },

  async claimScan(id, { scene, openid, unionid }, now) {
    const { numUpdatedRows } = await db
      .updateTable('bindings')
      .set({ scanned_at: now, scanned_openid: openid, scanned_unionid: unionid })
      .where('id', '=', id)
      .where('wechat_scene', '=', scene)
      .where('ended_at', 'is', null)
      .where('expires_at', '>', now)
      .where(({ or, and, eb }) =>
        or([eb('scanned_openid', '=', openid), and([eb('scanned_openid', 'is', null), eb('qr_expires_at', '>', now)])]),
      )
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },

  async claimAuthorised(id, { openid, unionid }, now) {
    const { numUpdatedRows } = await db
      .updateTable('bindings')
      .set({ scanned_at: now, scanned_openid: openid, scanned_unionid: unionid })
      .where('id', '=', id)
      .where('ended_at', 'is', null)
      .where('expires_at', '>', now)
      .where(({ or, eb }) => or([eb('scanned_openid', '=', openid), eb('scanned_openid', 'is', null)]))
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },

  async end(id, outcome, now) {
    const { numUpdatedRows } = await db
      .updateTable('bindings')
      .set({ ended_at: now, outcome })
      .where('id', '=', id)
      .where('ended_at', 'is', null)
      .where('expires_at', '>', now)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },

  async markScanned(scene, now) {
    const { numUpdatedRows } = await db
      .updateTable('bindings')
      .set({ scanned_at: now })
      .where('wechat_scene', '=', scene)
      .where('ended_at', 'is', null)
      .where('expires_at', '>', now)
      .where('qr_expires_at', '>', now)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },

  async clearScanned(id) {
    await db
      .updateTable('bindings')
      .set({ scanned_at: null })
      .where('id', '=', id)
      .where('scanned_openid', 'is', null)
      .execute()
  },

  async endByChallenge(challengeId, now) {
    await db
      .updateTable('bindings')
      .set({ ended_at: now, outcome: 'replaced' })
      .where('challenge_id', '=', challengeId)
      .where('ended_at', 'is', null)
      .execute()
  },

  async endByItem(accountId, item, now) {
    await endByItem(db, accountId, item, now)
  },

  async endAll(accountId, now) {
    await db
      .updateTable('bindings')
      .set({ ended_at: now, outcome: 'cancelled' })
      .where('account_id', '=', accountId)
      .where('ended_at', 'is', null)
      .execute()
  },
})
