import { type ExpressionBuilder, sql } from 'kysely'
import type { AuditQueries, EventPlace, EventRange } from '../../domain/ports/admin-store.ts'
import type { Handle } from '../handle.ts'
import type { Tables } from '../schema.ts'

type Comparison = '<' | '<=' | '>' | '>='

/** Both columns in one comparison, by which indexes are searched on SQLite and on PostgreSQL. */
const isAt = (
  { eb, refTuple, tuple }: ExpressionBuilder<Tables, 'events'>,
  comparison: Comparison,
  { at, id }: EventPlace,
) => eb(refTuple('events.at', 'events.id'), comparison, tuple(at, id))

function inRange(db: Handle, { accountId, runId, since, until, before, after }: EventRange) {
  let query = db.selectFrom('events')
  if (accountId !== undefined) query = query.where('events.account_id', '=', accountId)
  if (runId !== undefined) query = query.where('events.run_id', '=', runId)
  if (since !== undefined) query = query.where('events.at', '>=', since)
  if (until !== undefined) query = query.where('events.at', '<', until)
  if (before) query = query.where(builder => isAt(builder, '<', before))
  if (after) query = query.where(builder => isAt(builder, '>', after))
  return query
}

export const auditQueries = (db: Handle): AuditQueries => ({
  list(range, { action, actionPrefix, actor }, { order, limit, upTo }) {
    let query = inRange(db, range)
    if (upTo) query = query.where(builder => isAt(builder, order === 'desc' ? '>=' : '<=', upTo))
    if (action !== undefined) query = query.where('events.action', '=', action)
    if (actionPrefix !== undefined) {
      query = query.where(sql`substr(events.action, 1, ${sql.lit(actionPrefix.length)})`, '=', actionPrefix)
    }
    if (actor !== undefined) query = query.where('events.actor', '=', actor)
    return query
      .leftJoin('accounts', 'accounts.id', 'events.account_id')
      .selectAll('events')
      .select('accounts.username')
      .orderBy('events.at', order)
      .orderBy('events.id', order)
      .limit(limit)
      .execute()
  },

  placeOf: (number, range, order) =>
    inRange(db, range)
      .select(['events.at', 'events.id'])
      .orderBy('events.at', order)
      .orderBy('events.id', order)
      .limit(1)
      .offset(number - 1)
      .executeTakeFirst(),
})
