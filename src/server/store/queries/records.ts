import type { EventQueries, ThrottleQueries } from '../../domain/ports/store.ts'
import { compiledOnce } from '../compiled-once.ts'
import type { Handle } from '../handle.ts'
import type { EventsTable, ThrottlesTable } from '../schema.ts'
import { runsSideBySide } from '../side-by-side.ts'

const findThrottle = compiledOnce((db, key: string) => db.selectFrom('throttles').selectAll().where('key', '=', key))

const holdThrottle = compiledOnce((db, key: string) => {
  const found = db.selectFrom('throttles').selectAll().where('key', '=', key)
  return runsSideBySide(db) ? found.forNoKeyUpdate() : found
})

const insertThrottle = compiledOnce((db, next: ThrottlesTable) =>
  db
    .insertInto('throttles')
    .values(next)
    .onConflict(conflict => conflict.doNothing()),
)

const replaceThrottle = compiledOnce((db, previous: ThrottlesTable, next: ThrottlesTable) =>
  db
    .updateTable('throttles')
    .set(next)
    .where('key', '=', previous.key)
    .where('failures', '=', previous.failures)
    .where('last_failure_at', '=', previous.last_failure_at)
    .where('blocked_until', '=', previous.blocked_until),
)

export const throttleQueries = (db: Handle): ThrottleQueries => ({
  find: async key => (await findThrottle(db, key)).rows[0],

  hold: async key => (await holdThrottle(db, key)).rows[0],

  async replace(previous, next) {
    const written = previous ? await replaceThrottle(db, previous, next) : await insertThrottle(db, next)
    return written.numAffectedRows === 1n
  },

  async clear(keys) {
    if (keys.length > 0) await db.deleteFrom('throttles').where('key', 'in', keys).execute()
  },
})

const insertEvent = compiledOnce((db, row: EventsTable) => db.insertInto('events').values(row))

export const eventQueries = (db: Handle): EventQueries => ({
  async insert(row) {
    await insertEvent(db, row)
  },

  find: id => db.selectFrom('events').selectAll().where('id', '=', id).executeTakeFirst(),

  list: (accountId, limit, before) => {
    let query = db.selectFrom('events').selectAll().where('account_id', '=', accountId)
    if (before) {
      query = query.where(({ or, and, eb }) =>
        or([eb('at', '<', before.at), and([eb('at', '=', before.at), eb('id', '<', before.id)])]),
      )
    }
    return query.orderBy('at', 'desc').orderBy('id', 'desc').limit(limit).execute()
  },
})
