import { type ExpressionBuilder, sql } from 'kysely'
import type { MessageState } from '../../../contract/messages.ts'
import type { Claim, Lane, OutboxListing, OutboxQueries, ProviderHealthQueries } from '../../domain/ports/store.ts'
import { compiledOnce } from '../compiled-once.ts'
import type { Handle } from '../handle.ts'
import type { OutboxTable, ProviderHealthTable, Tables } from '../schema.ts'

const nothing = new Uint8Array(0)

const insertMessage = compiledOnce((db, row: OutboxTable) => db.insertInto('outbox').values(row))

/** The pending messages of a channel and kind. The kind is a literal, by which the lane's own index is found. */
const pending = (db: Handle, kind: Lane['kind'], channel: string) =>
  db
    .selectFrom('outbox')
    .where('channel', '=', channel)
    .where('purpose', kind === 'notice' ? '=' : '<>', sql.lit('notice'))
    .where('sent_at', 'is', null)
    .where('failed_at', 'is', null)

interface ClaimValues {
  readonly claim_id: string
  readonly next_attempt_at: number
}

const claim = (db: Handle, values: ClaimValues, now: number, first: ReturnType<typeof firstIds>) =>
  db
    .updateTable('outbox')
    .set(values)
    .set(({ eb }) => ({
      attempts: eb('attempts', '+', 1),
      lapsed: eb
        .case()
        .when('claim_id', 'is', null)
        .then(eb.ref('lapsed'))
        .else(eb('lapsed', '+', 1))
        .end(),
    }))
    .where('id', 'in', first)
    // Once more, for a database in which another claim may have come between: what it took is not due any more.
    .where('sent_at', 'is', null)
    .where('failed_at', 'is', null)
    .where('next_attempt_at', '<=', now)
    .returningAll()

const firstIds = (due: ReturnType<typeof pending>, order: 'next_attempt_at' | 'not_after', limit: number) =>
  due.select('id').orderBy(order).limit(limit)

const laneQueries = (kind: Lane['kind']) => ({
  nextDueAt: compiledOnce((db, channel: string) =>
    pending(db, kind, channel).select('next_attempt_at').orderBy('next_attempt_at').limit(1),
  ),
  nextExpiryAt: compiledOnce((db, channel: string) =>
    pending(db, kind, channel).select('not_after').orderBy('not_after').limit(1),
  ),
  claimDue: compiledOnce((db, channel: string, values: ClaimValues, now: number, limit: number) => {
    const due = pending(db, kind, channel).where('next_attempt_at', '<=', now)
    return claim(db, values, now, firstIds(due, 'next_attempt_at', limit))
  }),
  claimExpired: compiledOnce((db, channel: string, values: ClaimValues, now: number, limit: number) => {
    const expired = pending(db, kind, channel).where('not_after', '<=', now).where('next_attempt_at', '<=', now)
    return claim(db, values, now, firstIds(expired, 'not_after', limit))
  }),
})
const lanes = { code: laneQueries('code'), notice: laneQueries('notice') }

const finish = compiledOnce((db, id: string, claimId: string | null, values: FinishedValues) =>
  db
    .updateTable('outbox')
    .set(values)
    .set({ claim_id: null })
    .where('id', '=', id)
    .where('claim_id', '=', claimId)
    .where('sent_at', 'is', null)
    .where('failed_at', 'is', null),
)
type FinishedValues = Pick<
  OutboxTable,
  'sealed_message' | 'sent_at' | 'failed_at' | 'provider' | 'provider_message_id' | 'failure'
>

const postpone = compiledOnce(
  (db, id: string, claimId: string | null, values: Pick<OutboxTable, 'failure' | 'lapsed' | 'next_attempt_at'>) =>
    db
      .updateTable('outbox')
      .set(values)
      .set({ claim_id: null })
      .where('id', '=', id)
      .where('claim_id', '=', claimId)
      .where('sent_at', 'is', null)
      .where('failed_at', 'is', null),
)

const findMessage = compiledOnce((db, id: string) => db.selectFrom('outbox').selectAll().where('id', '=', id))

const claimed = async (
  query: (typeof lanes)['code']['claimDue'],
  db: Handle,
  { channel }: Lane,
  { claimId, leaseUntil, now, limit }: Claim,
): Promise<OutboxTable[]> => {
  const { rows } = await query(db, channel, { claim_id: claimId, next_attempt_at: leaseUntil }, now, limit)
  return rows.sort((a, b) => a.created_at - b.created_at)
}

/** The rows in a state. All but what was sent are found by indexes with the same conditions. */
const isIn = ({ eb, and, or }: ExpressionBuilder<Tables, 'outbox'>, state: MessageState) => {
  const undelivered = eb('receipt', '=', sql.lit('undelivered'))
  switch (state) {
    case 'queued':
      return and([eb('sent_at', 'is', null), eb('failed_at', 'is', null)])
    case 'sent':
      return and([eb('sent_at', 'is not', null), eb('receipt', 'is', null)])
    case 'delivered':
      return and([eb('sent_at', 'is not', null), eb('receipt', '=', sql.lit('delivered'))])
    case 'failed':
      return or([eb('failed_at', 'is not', null), undelivered])
  }
}

function list(db: Handle, { state, limit, before }: OutboxListing) {
  let query = db
    .selectFrom('outbox')
    .leftJoin('accounts', 'accounts.id', 'outbox.account_id')
    .selectAll('outbox')
    .select('accounts.username')
    .where('decoy', '=', 0)
  if (state) query = query.where(builder => isIn(builder as unknown as ExpressionBuilder<Tables, 'outbox'>, state))
  if (before) {
    // The first condition is in the second, and is by itself what an index is searched by.
    query = query
      .where('outbox.created_at', '<=', before.at)
      .where(({ eb, and, or }) =>
        or([
          eb('outbox.created_at', '<', before.at),
          and([eb('outbox.created_at', '=', before.at), eb('outbox.id', '<', before.id)]),
        ]),
      )
  }
  return query.orderBy('outbox.created_at', 'desc').orderBy('outbox.id', 'desc').limit(limit).execute()
}

export const outboxQueries = (db: Handle): OutboxQueries => ({
  async insert(row) {
    await insertMessage(db, row)
  },

  nextDueAt: async ({ kind, channel }) => (await lanes[kind].nextDueAt(db, channel)).rows[0]?.next_attempt_at,
  nextExpiryAt: async ({ kind, channel }) => (await lanes[kind].nextExpiryAt(db, channel)).rows[0]?.not_after,
  claimDue: (lane, taken) => claimed(lanes[lane.kind].claimDue, db, lane, taken),
  claimExpired: (lane, taken) => claimed(lanes[lane.kind].claimExpired, db, lane, taken),

  async markSent({ id, claim_id }, { provider, providerMessageId, failure }, now) {
    const values = {
      sealed_message: nothing,
      sent_at: now,
      failed_at: null,
      provider,
      provider_message_id: providerMessageId,
      failure,
    }
    return (await finish(db, id, claim_id, values)).numAffectedRows === 1n
  },

  async markFailed({ id, claim_id }, failure, now) {
    const values = {
      sealed_message: nothing,
      sent_at: null,
      failed_at: now,
      provider: null,
      provider_message_id: null,
      failure,
    }
    return (await finish(db, id, claim_id, values)).numAffectedRows === 1n
  },

  async postpone({ id, claim_id }, { failure, lapsed, nextAttemptAt }) {
    const values = { failure, lapsed, next_attempt_at: nextAttemptAt }
    return (await postpone(db, id, claim_id, values)).numAffectedRows === 1n
  },

  find: async id => (await findMessage(db, id)).rows[0],
  list: listing => list(db, listing),

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

export const providerHealthQueries = (db: Handle): ProviderHealthQueries => ({
  list: () => db.selectFrom('provider_health').selectAll().orderBy('provider').execute(),

  find: provider => db.selectFrom('provider_health').selectAll().where('provider', '=', provider).executeTakeFirst(),

  async put(row: ProviderHealthTable) {
    await db
      .insertInto('provider_health')
      .values(row)
      .onConflict(conflict => conflict.column('provider').doUpdateSet(row))
      .execute()
  },
})
