import { utf8 } from '../../lib/bytes.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { OutboxTable } from '../store/schema.ts'
import type { MessageSender, OutgoingMessage, Reach } from './ports/messages.ts'
import type { Channel, Queries, Store } from './ports/store.ts'
import { newId, type SecretKeys } from './secret-keys.ts'

export type NewMessage = Omit<OutgoingMessage, 'id'>

/** What a message is about, for its row. */
export interface MessageSubject {
  readonly channel: Channel
  readonly purpose: 'login' | 'step_up' | 'bind' | 'notice'
  readonly accountId: string | null
  /** Milliseconds since the Unix epoch; after it the message makes no sense any more. */
  readonly notAfter: number
}

/** Messages as rows of the transaction that they tell of, sent after its commit. */
export interface Outbox {
  /** Whether `destination` can be sent to now; `null` asks whether anybody at all can be, by this channel. */
  reach(channel: Channel, destination: string | null): Reach
  /** Whether somebody is to deliver by this channel, even if they can't just now. */
  isConfigured(channel: Channel): boolean
  /**
   * Adds a message in the caller's transaction and returns its id. `undefined` adds a decoy: a row of the same cost
   * that nobody receives, so that an account without a number takes as long to answer as one with it.
   */
  add(queries: Queries, message: NewMessage | undefined, about: MessageSubject): Promise<string>
  /** Tells that a transaction with messages was committed. */
  wake(): void
  /** Stops delivering, and waits for what is under way. */
  stop(): Promise<void>
}

const lease = 60_000
const batch = 20
const idleInterval = 5_000
const sendTimeout = 30_000
const longestWait = 5 * 60_000

/** The wait before attempt `attempts + 1`, in milliseconds: doubling from 2 s, half of it random. */
export function retryWait(attempts: number, random: Random): number {
  const whole = Math.min(longestWait, 2_000 * 2 ** Math.min(attempts - 1, 20))
  const [byte = 0] = random.bytes(1)
  return Math.round(whole / 2 + (whole / 2) * (byte / 255))
}

export function createOutbox({
  store,
  clock,
  random,
  keys,
  senders,
  onFailure,
}: {
  store: Store
  clock: Clock
  random: Random
  keys: SecretKeys
  senders: Partial<Record<Channel, MessageSender>>
  /** Told of every attempt that failed, without the message. */
  onFailure: (messageId: string, error: unknown) => void
}): Outbox {
  const stopped = new AbortController()
  let woken = false
  let wakeUp = () => {}

  async function deliver(row: OutboxTable): Promise<void> {
    const sender = row.channel === 'phone' || row.channel === 'email' ? senders[row.channel] : undefined
    if (!sender || row.decoy === 1 || row.not_after <= clock.now()) {
      return store.transaction(queries => queries.outbox.markFailed(row.id, clock.now()))
    }
    try {
      const message = JSON.parse(new TextDecoder().decode(keys.open('outbox', row.id, row.sealed_message)))
      await sender.send({ ...message, id: row.id }, AbortSignal.any([stopped.signal, AbortSignal.timeout(sendTimeout)]))
    } catch (error) {
      onFailure(row.id, error)
      return store.transaction(queries =>
        queries.outbox.postpone(row.id, clock.now() + retryWait(row.attempts, random)),
      )
    }
    await store.transaction(queries => queries.outbox.markSent(row.id, clock.now()))
  }

  /** Sends what is due. @returns when the next message is, or `undefined` */
  async function deliverDue(): Promise<number | undefined> {
    for (;;) {
      // An empty claim would still be a write; the look before it is a read.
      const due = await store.read.outbox.nextDueAt()
      if (due === undefined || due > clock.now() || stopped.signal.aborted) return due
      const rows = await store.transaction(queries => queries.outbox.claimDue(clock.now(), lease, batch))
      for (const row of rows) await deliver(row)
    }
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      woken = false
      const due = await deliverDue().catch(error => {
        onFailure('outbox', error)
        return undefined
      })
      if (woken) continue
      const wait = new AbortController()
      wakeUp = () => wait.abort()
      const interval = Math.max(1, Math.min(idleInterval, (due ?? Number.POSITIVE_INFINITY) - clock.now()))
      await clock.sleep(interval, AbortSignal.any([wait.signal, stopped.signal])).catch(() => {})
    }
  }

  // A process that can send nothing, such as `hufud bootstrap`, leaves the messages to those that can.
  const running = Object.keys(senders).length > 0 ? run() : Promise.resolve()

  return {
    reach: (channel, destination) => senders[channel]?.reach(destination) ?? 'off',
    isConfigured: channel => senders[channel] !== undefined,
    async add(queries, message, { channel, purpose, accountId, notAfter }) {
      const id = newId(random)
      const now = clock.now()
      await queries.outbox.insert({
        id,
        channel,
        purpose,
        account_id: accountId,
        decoy: message === undefined ? 1 : 0,
        sealed_message: keys.seal('outbox', id, utf8(JSON.stringify(message ?? { text: '-'.repeat(160) }))),
        created_at: now,
        not_after: notAfter,
        attempts: 0,
        next_attempt_at: now,
        sent_at: null,
        failed_at: null,
        claim_id: null,
        lapsed: 0,
        provider: null,
        provider_message_id: null,
        failure: null,
        receipt: null,
        receipt_at: null,
      })
      return id
    },
    wake() {
      woken = true
      wakeUp()
    },
    async stop() {
      stopped.abort()
      await running
    },
  }
}
