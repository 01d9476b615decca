import type { ReversalQueries } from '../../domain/ports/store.ts'
import type { Handle } from '../handle.ts'

export const reversalQueries = (db: Handle): ReversalQueries => ({
  async insert(row) {
    await db.insertInto('reversals').values(row).execute()
  },

  find: secretHash => db.selectFrom('reversals').selectAll().where('secret_hash', '=', secretHash).executeTakeFirst(),

  listLive: (accountId, now) =>
    db
      .selectFrom('reversals')
      .select(['item', 'created_at'])
      .where('account_id', '=', accountId)
      .where('ended_at', 'is', null)
      .where('expires_at', '>', now)
      .execute(),

  use: (secretHash, now) =>
    db
      .updateTable('reversals')
      .set({ ended_at: now, outcome: 'reverted' })
      .where('secret_hash', '=', secretHash)
      .where('ended_at', 'is', null)
      .where('expires_at', '>', now)
      .returningAll()
      .executeTakeFirst(),

  async endLater(accountId, item, createdAt, now) {
    await db
      .updateTable('reversals')
      .set({ ended_at: now, outcome: 'superseded' })
      .where('account_id', '=', accountId)
      .where('item', '=', item)
      .where('created_at', '>', createdAt)
      .where('ended_at', 'is', null)
      .execute()
  },
})
