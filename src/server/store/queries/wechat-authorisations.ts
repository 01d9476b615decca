import type { WeChatAuthorisationQueries } from '../../domain/ports/store.ts'
import type { Handle } from '../handle.ts'

export const wechatAuthorisationQueries = (db: Handle): WeChatAuthorisationQueries => ({
  async insert(row) {
    await db.insertInto('wechat_authorisations').values(row).execute()
  },

  find: stateHash =>
    db.selectFrom('wechat_authorisations').selectAll().where('state_hash', '=', stateHash).executeTakeFirst(),

  async use(stateHash, now) {
    const { numUpdatedRows } = await db
      .updateTable('wechat_authorisations')
      .set({ used_at: now })
      .where('state_hash', '=', stateHash)
      .where('used_at', 'is', null)
      .where('expires_at', '>', now)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },
})
