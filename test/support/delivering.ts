// What outbox-kill.test.ts runs, in its own process and in others that are killed: an outbox that delivers into a file.

import { fsyncSync, openSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { createOutbox } from '../../src/server/domain/outbox.ts'
import { noCounters } from '../../src/server/domain/ports/counters.ts'
import type { MessageSender } from '../../src/server/domain/ports/messages.ts'
import type { Queries, Store } from '../../src/server/domain/ports/store.ts'
import { createSecretKeys } from '../../src/server/domain/secret-keys.ts'
import { openStoreAt } from './store-at.ts'

const lanes = [
  { channel: 'email', kind: 'code' },
  { channel: 'email', kind: 'notice' },
] as const
/** The step comes this often before it is the last. */
const stepsBefore = 3

export type KillStep = 'claimed' | 'sent' | 'marked' | 'none'

/** Delivers into `file`, so that it is there when the process is gone; takes a moment before and after. */
export function fileSender(file: string, at: (step: 'claimed' | 'sent') => void): MessageSender {
  const descriptor = openSync(file, 'a')
  return {
    reach: () => 'available',
    async send({ id }) {
      at('claimed')
      await delay(Math.random() * 4)
      writeSync(descriptor, `${id}\n`)
      fsyncSync(descriptor)
      at('sent')
      await delay(Math.random() * 4)
      return { provider: 'smtp', providerMessageId: null }
    },
    close: async () => {},
  }
}

/** The store, which tells when a message was marked as sent and that is durable. */
const telling = (store: Store, at: (step: 'marked') => void): Store => ({
  ...store,
  async transaction<T>(body: (queries: Queries) => Promise<T>): Promise<T> {
    let isMark = false
    const result = await store.transaction(queries =>
      body({
        ...queries,
        outbox: {
          ...queries.outbox,
          markSent(...given) {
            isMark = true
            return queries.outbox.markSent(...given)
          },
        },
      }),
    )
    if (isMark) at('marked')
    return result
  },
})

/** Runs an outbox over the database until it has nothing left. `said` is told of each message that was queued. */
export async function deliverAll(
  {
    database,
    file,
    ahead,
    count,
    step,
  }: { database: string; file: string; ahead: number; count: number; step: KillStep },
  said: (line: string) => void,
): Promise<void> {
  let steps = 0
  const at = (reached: KillStep) => {
    if (reached === step && ++steps > stepsBefore) process.kill(process.pid, 'SIGKILL')
  }
  const clock: Clock = { now: () => systemClock.now() + ahead, sleep: systemClock.sleep }
  const store = telling(await openStoreAt(database), at)
  const keys = createSecretKeys(new Uint8Array(32).fill(7), systemRandom)
  const log = { info() {}, warn() {} }
  const senders = { email: fileSender(file, at) }
  const outbox = createOutbox({ store, clock, random: systemRandom, keys, counters: noCounters, log, senders })
  said('ready')
  for (let number = 0; number < count; number += 1) {
    const id = await store.transaction(queries =>
      outbox.add(
        queries,
        { channel: 'email', to: 'a', locale: 'en', subject: '', text: '', code: '012345', link: null, notice: null },
        {
          channel: 'email',
          purpose: number % 4 ? 'bind' : 'notice',
          accountId: null,
          notAfter: clock.now() + 24 * 60 * 60_000,
        },
      ),
    )
    outbox.wake()
    said(id)
  }
  for (;;) {
    const due = await Promise.all(lanes.map(lane => store.read.outbox.nextDueAt(lane)))
    if (due.every(time => time === undefined)) break
    await delay(5)
  }
  await outbox.stop()
  await store.close()
}
