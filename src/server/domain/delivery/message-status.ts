import {
  type listMessages as ListMessages,
  type MessageFailure,
  type MessageState,
  messageFailures,
  type readMessage as ReadMessage,
} from '../../../contract/messages.ts'
import type { AnswerOf, QueryOf } from '../../../contract/operation.ts'
import { isoTime } from '../../../lib/clock.ts'
import type { OutboxTable } from '../../store/schema.ts'
import type { Domain } from '../domain.ts'
import type { Channel } from '../ports/store.ts'
import { Refusal } from '../refusal.ts'

type Status = AnswerOf<typeof ReadMessage>

const failureIn = (text: string | null): MessageFailure | null =>
  messageFailures.find(failure => failure === text) ?? null

const isChannel = (text: string): text is Channel => text === 'phone' || text === 'email'

/** What became of a message, as its row and the provider's receipt tell. */
function statusOf(row: OutboxTable): Status {
  if (row.failed_at !== null) return { state: 'failed', failure: failureIn(row.failure) }
  if (row.receipt === 'undelivered') return { state: 'failed', failure: 'refused' }
  if (row.sent_at === null) return { state: 'queued', failure: null }
  const state: MessageState = row.receipt === 'delivered' ? 'delivered' : 'sent'
  return { state, failure: null }
}

/**
 * What became of a message, for whoever was told its id.
 *
 * At a login nobody may learn whether the account has an address, and a decoy is through sooner than a mail. So the
 * answer is made of what is the same for both: the time, and whether the channel works. It is `sent` from the first
 * moment on, however the provider answers, and `failed` while the channel is off or once the code is worth nothing.
 *
 * It is not counted against its source: the id is 128 random bits, which nobody guesses, and the look at one row costs
 * less than the commit of a count would.
 * @throws {Refusal} `not_found`.
 */
export async function readMessage(
  { store, clock, outbox }: Pick<Domain, 'store' | 'clock' | 'outbox'>,
  id: string,
): Promise<Status> {
  const row = await store.read.outbox.find(id)
  if (!row) throw new Refusal('not_found')
  const isOver = row.not_after <= clock.now()
  if (row.purpose === 'login') {
    const isOff = !isChannel(row.channel) || outbox.reach(row.channel, null) === 'off'
    return { state: isOver || isOff ? 'failed' : 'sent', failure: null }
  }
  const status = statusOf(row)
  // No process may be left that sends by this channel, and would write so.
  if (status.state === 'queued' && isOver) return { state: 'failed', failure: failureIn(row.failure) ?? 'expired' }
  return status
}

const defaultLimit = 50

/** @throws {Refusal} `invalid_request` for anything but the `next` of an answer. */
function cursorOf(before: string | undefined): { at: number; id: string } | undefined {
  if (before === undefined) return undefined
  const [, at, id] = /^(\d{1,15})-([\w-]{1,40})$/.exec(before) ?? []
  if (at === undefined || id === undefined) throw new Refusal('invalid_request')
  return { at: Number(at), id }
}

/**
 * A page of messages for the operator, the newest first, and the providers that don't work: never what a message says,
 * nor where it went. Decoys are no messages.
 * @throws {Refusal} `invalid_request` for a `before` that is no answer's `next`.
 */
export async function listMessages(
  { store, clock }: Pick<Domain, 'store' | 'clock'>,
  { state, limit = defaultLimit, before }: QueryOf<typeof ListMessages>,
): Promise<AnswerOf<typeof ListMessages>> {
  const rows = await store.read.outbox.list({ state, limit: limit + 1, before: cursorOf(before) })
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const now = clock.now()
  const health = await store.read.providerHealth.list()
  return {
    messages: page.map(row => ({
      id: row.id,
      username: row.username,
      channel: row.channel === 'phone' ? 'phone' : 'email',
      purpose: row.purpose as 'login' | 'step_up' | 'bind' | 'notice',
      state: statusOf(row).state,
      failure: statusOf(row).failure ?? failureIn(row.failure),
      provider: row.provider,
      attempts: row.attempts,
      created_at: isoTime(row.created_at),
      sent_at: row.sent_at === null ? null : isoTime(row.sent_at),
    })),
    next: rows.length > limit && last ? `${last.created_at}-${last.id}` : null,
    providers: health
      .filter(({ failure }) => failure !== null)
      .map(({ provider, failure, failures, since, retry_at }) => ({
        provider,
        failure: failureIn(failure),
        failures,
        since: isoTime(since),
        retry_at: retry_at > now ? isoTime(retry_at) : null,
      })),
  }
}
