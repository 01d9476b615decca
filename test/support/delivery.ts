import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOutbox, type MessageSubject, type NewMessage, type Outbox } from '../../src/server/domain/outbox.ts'
import type { MessageSender, OutgoingMessage, SentMessage } from '../../src/server/domain/ports/messages.ts'
import type { Lane, Store } from '../../src/server/domain/ports/store.ts'
import { createSecretKeys, type SecretKeys } from '../../src/server/domain/secret-keys.ts'
import type { OutboxTable } from '../../src/server/store/schema.ts'
import { dropTestDatabase, testDatabase } from './database.ts'
import { seededRandom } from './seeded-random.ts'
import { SteppedClock } from './stepped-clock.ts'
import { openStoreAt } from './store-at.ts'

export const minute = 60_000
export const codes: Lane = { channel: 'email', kind: 'code' }
export const notices: Lane = { channel: 'email', kind: 'notice' }

export const taken: SentMessage = { provider: 'smtp', providerMessageId: null }

export const codeTo = (to: string): NewMessage => ({
  channel: 'email',
  to,
  locale: 'en',
  subject: 's',
  text: 'Your code is 012345.',
  code: '012345',
  link: null,
  notice: null,
})

/** A sender made of what it does with a message, and whether it is in use. */
export const senderOf = (
  send: (message: OutgoingMessage, signal: AbortSignal) => Promise<SentMessage>,
  isOff: () => boolean = () => false,
): MessageSender => ({ reach: () => (isOff() ? 'off' : 'available'), send, close: async () => {} })

/** Outboxes over one real database, under a clock that stands still. */
export interface Delivery {
  readonly store: Store
  readonly clock: SteppedClock
  readonly keys: SecretKeys
  readonly logged: string[]
  readonly counted: unknown[]
  /** One more process, as far as the database can tell. It is stopped at the end. */
  start(senders: Partial<Record<'email' | 'phone', MessageSender>>, over?: Store): Outbox
  /** Adds a message in a transaction of its own and returns its id. */
  add(to: string | undefined, about?: Partial<MessageSubject>): Promise<string>
  row(id: string): Promise<OutboxTable>
  close(): Promise<void>
}

export async function openDelivery(): Promise<Delivery> {
  const folder = mkdtempSync(join(tmpdir(), 'hufud-outbox-'))
  const database = await testDatabase(folder)
  const store = await openStoreAt(database)
  const clock = new SteppedClock()
  const random = seededRandom('delivery')
  const keys = createSecretKeys(random.bytes(32), random)
  const logged: string[] = []
  const counted: unknown[] = []
  const tell = (facts: object, message: string) => void logged.push(`${message} ${JSON.stringify(facts)}`)
  const counters = { count: (name: string, labels: object) => void counted.push({ name, ...labels }) }
  const started: Outbox[] = []
  const start: Delivery['start'] = (senders, over = store) => {
    const outbox = createOutbox({
      store: over,
      clock,
      random,
      keys,
      senders,
      counters,
      log: { info: tell, warn: tell },
    })
    started.push(outbox)
    return outbox
  }
  const mute = start({})
  return {
    store,
    clock,
    keys,
    logged,
    counted,
    start,
    add: (to, about = {}) =>
      store.transaction(queries =>
        mute.add(queries, to === undefined ? undefined : { ...codeTo(to), channel: about.channel ?? 'email' }, {
          channel: 'email',
          purpose: 'bind',
          accountId: null,
          notAfter: clock.now() + 10 * minute,
          ...about,
        }),
      ),
    async row(id) {
      const row = await store.read.outbox.find(id)
      if (!row) throw new Error('no such message')
      return row
    },
    async close() {
      await Promise.all(started.map(outbox => outbox.stop()))
      await store.close()
      await dropTestDatabase(database)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
