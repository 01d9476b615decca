import { sql } from 'kysely'
import type { ServiceTokenQueries } from '../../domain/ports/admin-store.ts'
import type { Handle } from '../handle.ts'

export const serviceTokenQueries = (db: Handle): ServiceTokenQueries => ({
  async insert(row) {
    await db
      .insertInto('service_credentials')
      .values({ ...row, revoked_at: null, last_used_at: null })
      .execute()
  },

  findLive: (secretHash, now) =>
    db
      .selectFrom('service_credentials as token')
      .leftJoin('accounts as maker', 'maker.id', 'token.created_by')
      .select(['token.id', 'token.name', 'token.scopes', 'token.last_used_at', 'token.created_by'])
      .where('token.secret_hash', '=', secretHash)
      .where('token.revoked_at', 'is', null)
      .where('token.expires_at', '>', now)
      .where(({ or, and, eb }) =>
        or([
          eb('token.created_by', 'is', null),
          and([eb('maker.role', '=', sql.lit('admin')), eb('maker.disabled_at', 'is', null)]),
        ]),
      )
      .executeTakeFirst(),

  async touch(id, now) {
    await db.updateTable('service_credentials').set({ last_used_at: now }).where('id', '=', id).execute()
  },

  find: id => db.selectFrom('service_credentials').selectAll().where('id', '=', id).executeTakeFirst(),

  list(limit, before) {
    let query = db
      .selectFrom('service_credentials as token')
      .leftJoin('accounts as maker', 'maker.id', 'token.created_by')
      .select(['token.id', 'token.name', 'token.scopes', 'token.created_by', 'token.created_at', 'token.expires_at'])
      .select(['token.revoked_at', 'token.last_used_at', 'maker.username'])
    if (before) {
      query = query.where(({ eb, refTuple, tuple }) =>
        eb(refTuple('token.created_at', 'token.id'), '<', tuple(before.at, before.id)),
      )
    }
    return query.orderBy('token.created_at', 'desc').orderBy('token.id', 'desc').limit(limit).execute()
  },

  async revoke(id, now) {
    const { numUpdatedRows } = await db
      .updateTable('service_credentials')
      .set({ revoked_at: now })
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  },

  async revokeAll(accountId, now) {
    await db
      .updateTable('service_credentials')
      .set({ revoked_at: now })
      .where('created_by', '=', accountId)
      .where('revoked_at', 'is', null)
      .execute()
  },
})
