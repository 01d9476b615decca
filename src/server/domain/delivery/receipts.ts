import type { Domain } from '../domain.ts'
import type { Receipt } from '../ports/receipts.ts'

/** What providers tell of messages that they had taken over. */
export interface Receipts {
  /**
   * Notes the receipts of one push, all or none. That a message reached its phone is final; that it did not may be put
   * right by a later receipt, since networks report late and out of order. What is unknown or repeated changes nothing,
   * and is no error: the provider would push it again and again.
   */
  take(receipts: readonly Receipt[]): Promise<void>
}

export const createReceipts = ({ store, clock, counters }: Domain): Receipts => ({
  async take(receipts) {
    if (receipts.length === 0) return
    const changes = await store.transaction(async queries => {
      const changed: boolean[] = []
      for (const { provider, providerMessageId, receipt } of receipts) {
        changed.push(await queries.outbox.setReceipt(provider, providerMessageId, receipt, clock.now()))
      }
      return changed
    })
    for (const [index, { provider, receipt }] of receipts.entries()) {
      counters.count('receipts', { provider, receipt: changes[index] ? receipt : 'ignored' })
    }
  },
})
