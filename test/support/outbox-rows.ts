import { join } from 'node:path'
import { Kysely } from 'kysely'
import type { OutboxTable, Tables } from '../../src/server/store/schema.ts'
import { SqliteDialect } from '../../src/server/store/sqlite-dialect.ts'
import type { ServerWorld } from './server-world.ts'

/** The rows of the outbox, as the database has them, in the order in which they came. */
export async function outboxRows({ folder }: Pick<ServerWorld, 'folder'>): Promise<OutboxTable[]> {
  const db = new Kysely<Tables>({ dialect: new SqliteDialect(join(folder, 'hufud.db')) })
  try {
    return await db.selectFrom('outbox').selectAll().orderBy('created_at').execute()
  } finally {
    await db.destroy()
  }
}

/** What the row of a message that a provider took over says of its receipt. */
export async function receiptOf(world: Pick<ServerWorld, 'folder'>, provider: string, providerMessageId: string) {
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
