import type { OutboxTable } from '../../src/server/store/schema.ts'
import { askDatabase } from './ask-database.ts'
import type { ServerWorld } from './server-world.ts'

/** The rows of the outbox, as the database has them, in the order in which they came. */
export const outboxRows = ({ database }: Pick<ServerWorld, 'database'>): Promise<OutboxTable[]> =>
  askDatabase<OutboxTable>(database, 'select * from outbox order by created_at')

/** What the row of a message that a provider took over says of its receipt. */
export async function receiptOf(world: Pick<ServerWorld, 'database'>, provider: string, providerMessageId: string) {
  const rows = await outboxRows(world)
  const row = rows.find(one => one.provider === provider && one.provider_message_id === providerMessageId)
  return row && { receipt: row.receipt, at: row.receipt_at }
}

/** A message that a provider took over a moment ago, as its row. */
export async function insertSentMessage(
  { services: { domain }, clock }: Pick<ServerWorld, 'services' | 'clock'>,
  provider: string,
  providerMessageId: string,
): Promise<void> {
  const now = clock.now()
  await domain.store.transaction(queries =>
    queries.outbox.insert({
      id: `${provider}/${providerMessageId}`,
      channel: 'phone',
      purpose: 'bind',
      account_id: null,
      decoy: 0,
      sealed_message: new Uint8Array(0),
      created_at: now,
      not_after: now + 600_000,
      attempts: 1,
      next_attempt_at: now,
      sent_at: now,
      failed_at: null,
      claim_id: null,
      lapsed: 0,
      provider,
      provider_message_id: providerMessageId,
      failure: null,
      receipt: null,
      receipt_at: null,
    }),
  )
}
