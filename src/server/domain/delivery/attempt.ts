import type { Clock } from '../../../lib/clock.ts'
import type { Random } from '../../../lib/random.ts'
import type { OutboxTable } from '../../store/schema.ts'
import type { Counters } from '../ports/counters.ts'
import { DeliveryError } from '../ports/delivery-error.ts'
import { type Log, unforeseen } from '../ports/log.ts'
import type { MessageSender, OutgoingMessage, SentMessage } from '../ports/messages.ts'
import type { Store } from '../ports/store.ts'
import type { SecretKeys } from '../secret-keys.ts'
import {
  type Outcome,
  outcomeBefore,
  outcomeOfFailure,
  outcomeOfSuccess,
  SenderHangs,
  writeOutcome,
} from './outcome.ts'

/** What an attempt works with. */
export interface DeliveryContext {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly keys: SecretKeys
  readonly counters: Counters
  readonly log: Log
}

/** How long one attempt may take, in milliseconds of real time. */
const sendTimeout = 30_000
/** How long a sender may take to stop once it was told to. */
const stopTimeout = 2_000
/** How long a claim lasts. Longer than the longest attempt, so that it ends only when its holder has died. */
export const lease = 60_000

/** `work`, told to stop after 30 s or with `stop`; left alone when it does not. @throws {SenderHangs} then */
async function withinTime<T>(work: (signal: AbortSignal) => Promise<T>, stop: AbortSignal): Promise<T> {
  const told = new AbortController()
  const tellToStop = () => told.abort(stop.reason)
  let hanging: NodeJS.Timeout | undefined
  const left = new Promise<never>((_, reject) => {
    told.signal.addEventListener('abort', () => {
      hanging = setTimeout(() => reject(new SenderHangs()), stopTimeout)
    })
  })
  const timer = setTimeout(() => told.abort(new DOMException('took too long', 'TimeoutError')), sendTimeout)
  stop.addEventListener('abort', tellToStop, { once: true })
  if (stop.aborted) tellToStop()
  try {
    return await Promise.race([work(told.signal), left])
  } finally {
    clearTimeout(timer)
    clearTimeout(hanging)
    stop.removeEventListener('abort', tellToStop)
  }
}

/**
 * Makes one attempt at a message that was just claimed, writes what came of it and returns it. Never rejects: where it
 * can't be written (`undefined`), the claim lapses as if the process had died.
 * @param stop aborts what is under way
 */
export async function attempt(
  context: DeliveryContext,
  row: OutboxTable,
  sender: MessageSender,
  stop: AbortSignal,
): Promise<Outcome | undefined> {
  const { store, clock, log } = context
  try {
    const outcome = outcomeBefore(row, clock.now()) ?? (await send(context, row, sender, stop))
    const written = await store.transaction(queries => writeOutcome(queries.outbox, row, outcome, clock.now()))
    if (!written) log.warn({ messageId: row.id }, 'another process claimed this message in the meantime')
    else if (outcome.state === 'failed') reportFailed(context, row, outcome)
    return outcome
  } catch (error) {
    log.warn({ messageId: row.id, ...unforeseen(error) }, 'what became of a message could not be written')
    return undefined
  }
}

async function send(
  { keys, clock, random, log }: DeliveryContext,
  row: OutboxTable,
  sender: MessageSender,
  stop: AbortSignal,
): Promise<Outcome> {
  try {
    const opened = JSON.parse(new TextDecoder().decode(keys.open('outbox', row.id, row.sealed_message)))
    const message: OutgoingMessage = { ...opened, id: row.id }
    const sent: SentMessage | null =
      row.decoy === 1 ? null : await withinTime(signal => sender.send(message, signal), stop)
    return outcomeOfSuccess(sent)
  } catch (error) {
    // Stopped before it went out: whoever runs next may send it at once.
    if (stop.aborted && error instanceof DeliveryError && error.failure === 'unreachable') {
      return { state: 'queued', failure: null, lapsed: row.lapsed, nextAttemptAt: clock.now() }
    }
    const cause =
      error instanceof DeliveryError
        ? { error: error.message, failure: error.failure, provider: error.provider }
        : unforeseen(error)
    log.warn({ messageId: row.id, ...cause }, 'message not sent')
    return outcomeOfFailure(row, error, clock.now(), random)
  }
}

function reportFailed({ counters, log }: DeliveryContext, row: OutboxTable, { failure }: { failure: string }): void {
  const { channel, purpose } = row
  // Nobody misses a decoy.
  if (row.decoy === 1) return
  counters.count('messages_failed', { channel, purpose, failure })
  log.warn({ messageId: row.id, channel, purpose, failure }, 'message given up')
}
