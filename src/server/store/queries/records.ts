import type { EventQueries, OutboxQueries, ThrottleQueries } from '../../domain/ports/store.ts'
import { compiledOnce } from '../compiled-once.ts'
import type { Handle } from '../handle.ts'
import type { EventsTable, ThrottlesTable } from '../schema.ts'

const findThrottle = compiledOnce((db, key: string) => db.selectFrom('throttles').selectAll().where('key', '=', key))

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

export const outboxQueries = (db: Handle): OutboxQueries => ({
  async insert(row) {
    await db.insertInto('outbox').values(row).execute()
  },

  async claimDue(now, leaseMilliseconds, limit) {
    const rows = await db
      .updateTable('outbox')
      .set(({ eb }) => ({ next_attempt_at: now + leaseMilliseconds, attempts: eb('attempts', '+', 1) }))
      .where(({ eb, selectFrom }) =>
        eb(
          'id',
          'in',
          selectFrom('outbox')
            .select('id')
            .where('sent_at', 'is', null)
            .where('failed_at', 'is', null)
            .where('next_attempt_at', '<=', now)
            .orderBy('next_attempt_at')
            .orderBy('created_at')
            .limit(limit),
        ),
      )
      .where('next_attempt_at', '<=', now)
      .returningAll()
      .execute()
    return rows.sort((a, b) => a.created_at - b.created_at)
  },

  async markSent(id, now) {
    await db
      .updateTable('outbox')
      .set({ sent_at: now, sealed_message: new Uint8Array(0) })
      .where('id', '=', id)
      .execute()
  },

  async markFailed(id, now) {
    await db
      .updateTable('outbox')
      .set({ failed_at: now, sealed_message: new Uint8Array(0) })
      .where('id', '=', id)
      .execute()
  },

  async postpone(id, nextAttemptAt) {
    await db.updateTable('outbox').set({ next_attempt_at: nextAttemptAt }).where('id', '=', id).execute()
  },

  async nextDueAt() {
    const row = await db
      .selectFrom('outbox')
      .select('next_attempt_at')
      .where('sent_at', 'is', null)
      .where('failed_at', 'is', null)
      .orderBy('next_attempt_at')
      .limit(1)
      .executeTakeFirst()
    return row?.next_attempt_at
  },

  async setReceipt(provider, providerMessageId, receipt, now) {
    const { numUpdatedRows } = await db
      .updateTable('outbox')
      .set({ receipt, receipt_at: now })
      .where('provider', '=', provider)
      .where('provider_message_id', '=', providerMessageId)
      .where(({ eb, or }) => {
        const isFirst = eb('receipt', 'is', null)
        return receipt === 'delivered' ? or([isFirst, eb('receipt', '=', 'undelivered')]) : isFirst
      })
      .executeTakeFirstOrThrow()
    return numUpdatedRows > 0n
  },
})
