import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { messageStates } from '../../../src/contract/messages.ts'
import type { Lane, OutboxQueries, Queries, Store } from '../../../src/server/domain/ports/store.ts'
import { openSqliteStore } from '../../../src/server/store/open-store.ts'

let folder: string
let store: Store

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hufud-'))
  store = await openSqliteStore(join(folder, 'hufud.db'))
})

afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

/** How SQLite looks for the rows of the outbox that `work` asks for. */
async function plansOf(work: (queries: Queries) => Promise<unknown>): Promise<string[]> {
  const prepare = vi.spyOn(Database.prototype, 'prepare')
  await store.transaction(work)
  const statements = prepare.mock.calls.map(([sql]) => sql).filter(sql => sql.includes('"outbox"'))
  prepare.mockRestore()
  const database = new Database(join(folder, 'hufud.db'))
  const plans = statements.flatMap(sql => {
    const nothing = Array.from(sql.matchAll(/\?/g), () => null)
    return database.prepare<unknown[], { detail: string }>(`explain query plan ${sql}`).all(nothing)
  })
  database.close()
  return plans.map(({ detail }) => detail).filter(detail => detail.includes(' outbox'))
}

const lanes: readonly Lane[] = [
  { channel: 'email', kind: 'code' },
  { channel: 'phone', kind: 'notice' },
]
const claim = { claimId: 'a', now: 2, leaseUntil: 3, limit: 64 }
const sought: Record<string, (outbox: OutboxQueries) => Promise<unknown>> = {
  'a message': outbox => outbox.find('a'),
  'the message of a receipt': outbox => outbox.setReceipt('twilio', 'SM1', 'delivered', 1),
}
for (const lane of lanes) {
  sought[`when the next ${lane.kind} is due`] = outbox => outbox.nextDueAt(lane)
  sought[`when the next ${lane.kind} expires`] = outbox => outbox.nextExpiryAt(lane)
  sought[`${lane.kind}s that are due`] = outbox => outbox.claimDue(lane, claim)
  sought[`${lane.kind}s whose time is over`] = outbox => outbox.claimExpired(lane, claim)
}
for (const state of [undefined, ...messageStates]) {
  const before = { at: 1, id: 'a' }
  sought[`a later page of messages, state ${state ?? 'any'}`] = outbox => outbox.list({ state, limit: 50, before })
}

describe('among millions of messages that were sent', () => {
  test.each(Object.entries(sought))('%s: found by an index', async (_name, seek) => {
    const plans = await plansOf(({ outbox }) => seek(outbox))
    expect(plans).not.toEqual([])
    for (const plan of plans) expect(plan).toMatch(/^SEARCH outbox USING (COVERING )?INDEX/)
  })

  test.each(['queued', 'delivered', 'failed'] as const)(
    'the first %s ones: none of another state is looked at',
    async state => {
      const plans = await plansOf(({ outbox }) => outbox.list({ state, limit: 50, before: undefined }))
      expect(plans).toEqual([`SCAN outbox USING INDEX outbox_${state}`])
    },
  )

  test.each(lanes)('%o: what is due, and what is over, is found by its time', async lane => {
    const plans = await plansOf(async ({ outbox }) => {
      await outbox.claimDue(lane, claim)
      await outbox.nextExpiryAt(lane)
      await outbox.claimExpired(lane, claim)
    })
    expect(plans.filter(plan => !plan.includes('sqlite_autoindex'))).toEqual([
      `SEARCH outbox USING INDEX outbox_due_${lane.kind}s (channel=? AND next_attempt_at<?)`,
      `SEARCH outbox USING INDEX outbox_expiring_${lane.kind}s (channel=?)`,
      `SEARCH outbox USING INDEX outbox_expiring_${lane.kind}s (channel=? AND not_after<?)`,
    ])
  })

  test('the backlog is counted by the index of what is queued', async () => {
    expect(await plansOf(({ figures }) => figures.backlog())).toEqual(['SCAN outbox USING INDEX outbox_queued'])
  })
})
