import { setMaxListeners } from 'node:events'
import { utf8 } from '../../lib/bytes.ts'
import type { OutboxTable } from '../store/schema.ts'
import type { DeliveryContext } from './delivery/attempt.ts'
import { laneWidths, runLane } from './delivery/lane.ts'
import type { MessageSender, OutgoingMessage, Reach } from './ports/messages.ts'
import type { Channel, Lane, Queries } from './ports/store.ts'
import { newTimedId } from './secret-keys.ts'

export type NewMessage = Omit<OutgoingMessage, 'id'>

/** What a message is about, for its row. */
export interface MessageSubject {
  readonly channel: Channel
  readonly purpose: 'login' | 'step_up' | 'bind' | 'notice'
  readonly accountId: string | null
  /** Milliseconds since the Unix epoch; after it the message makes no sense any more. */
  readonly notAfter: number
}

/**
 * Messages as rows of the transaction that they tell of, sent after its commit by whichever process claims them first.
 *
 *            claim: fresh claim_id, lease             the provider's word
 *   ┌────────┐ ─────────────────────▶ ┌─────────┐ ──────────────────────▶ sent, failed
 *   │ queued │                        │ claimed │
 *   └────────┘ ◀───────────────────── └─────────┘
 *        try again later, or the lease ended without a word (`lapsed` + 1)
 *
 * A claim is one guarded statement, and what is written at its end is guarded by its id: of many processes one sends,
 * and one that was given up for dead changes nothing. Where nobody knows whether a message went out, because its sender
 * died, it is sent once more and then never again: none is lost, and none arrives more than twice.
 */
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
  /** The row that `add` would insert, for who inserts many at once. */
  rowOf(message: NewMessage | undefined, about: MessageSubject): OutboxTable
  /** Tells that a transaction with messages was committed. */
  wake(): void
  /** Stops delivering: what is under way has 2 seconds more, and is aborted then. */
  stop(): Promise<void>
}

const stopGrace = 2_000
const decoy = { text: '-'.repeat(160) }
const kinds = Object.keys(laneWidths) as Lane['kind'][]

export function createOutbox(
  context: DeliveryContext & { readonly senders: Partial<Record<Channel, MessageSender>> },
): Outbox {
  const { clock, keys, senders } = context
  const leave = new AbortController()
  const stop = new AbortController()
  // Every attempt that is under way listens.
  setMaxListeners(0, stop.signal)
  const signals = { leave: leave.signal, stop: stop.signal }
  // A process that can send nothing, such as `hufud bootstrap`, leaves the messages to those that can.
  const lanes = (['email', 'phone'] as const).flatMap(channel => {
    const sender = senders[channel]
    return sender ? kinds.map(kind => runLane(context, { channel, kind }, sender, signals)) : []
  })

  const rowOf: Outbox['rowOf'] = (message, { channel, purpose, accountId, notAfter }) => {
    const id = newTimedId(context)
    const now = clock.now()
    return {
      id,
      channel,
      purpose,
      account_id: accountId,
      decoy: message === undefined ? 1 : 0,
      sealed_message: keys.seal('outbox', id, utf8(JSON.stringify(message ?? decoy))),
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
    }
  }

  return {
    reach: (channel, destination) => senders[channel]?.reach(destination) ?? 'off',
    isConfigured: channel => senders[channel] !== undefined,
    rowOf,
    async add(queries, message, about) {
      const row = rowOf(message, about)
      await queries.outbox.insert(row)
      return row.id
    },
    wake() {
      for (const lane of lanes) lane.wake()
    },
    async stop() {
      leave.abort()
      const grace = setTimeout(() => stop.abort(), stopGrace)
      await Promise.all(lanes.map(({ ended }) => ended))
      clearTimeout(grace)
    },
  }
}
