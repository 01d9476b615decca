import type { MessageFailure } from '../../../contract/messages.ts'
import type { Random } from '../../../lib/random.ts'
import type { OutboxTable } from '../../store/schema.ts'
import { DeliveryError } from '../ports/delivery-error.ts'
import type { SentMessage } from '../ports/messages.ts'
import type { OutboxQueries } from '../ports/store.ts'
import { retryWait, spread } from './retry.ts'

/** What is to be written of a message after an attempt. */
export type Outcome =
  | {
      readonly state: 'sent'
      readonly provider: string | null
      readonly providerMessageId: string | null
      readonly failure: 'uncertain' | null
    }
  | { readonly state: 'failed'; readonly failure: MessageFailure }
  | {
      readonly state: 'queued'
      readonly failure: MessageFailure | null
      readonly lapsed: number
      readonly nextAttemptAt: number
    }

/** A sender that goes on long after it was told to stop: nobody knows what it has done. */
export class SenderHangs extends Error {
  constructor() {
    super('the sender did not stop when it was told to')
    this.name = 'SenderHangs'
  }
}

/**
 * How often nobody may know whether a message was sent, because whoever held it died or broke, before it is given up.
 * Of each such time it may have been sent: with two it arrives twice at most.
 */
const mostLapses = 2
/** A code is waited for by somebody who sits there. */
const longestWait = { code: 30_000, notice: 5 * 60_000 }
const slowWait = 60_000

type Attempted = Pick<OutboxTable, 'purpose' | 'attempts' | 'lapsed' | 'not_after' | 'failure'>

const failed = (failure: MessageFailure): Outcome => ({ state: 'failed', failure })

/** The row's last failure; the column holds nothing but these. */
const lastFailure = (row: Attempted): MessageFailure | null => row.failure as MessageFailure | null

/** Why a message that was just claimed is given up without an attempt; `undefined`: it is not. */
export function outcomeBefore(row: Attempted, now: number): Outcome | undefined {
  if (row.lapsed >= mostLapses) return failed('lapsed')
  if (row.not_after <= now) return failed(lastFailure(row) ?? 'expired')
  return undefined
}

/** @param sent `null` for a decoy, which nobody took over */
export const outcomeOfSuccess = (sent: SentMessage | null): Outcome => ({
  state: 'sent',
  provider: sent?.provider ?? null,
  providerMessageId: sent?.providerMessageId ?? null,
  failure: null,
})

/** What an attempt that threw comes to. A message is tried again while there is time left when its turn comes. */
export function outcomeOfFailure(row: Attempted, error: unknown, now: number, random: Random): Outcome {
  const longest = longestWait[row.purpose === 'notice' ? 'notice' : 'code']
  const backoff = retryWait(row.attempts, longest, random)
  const again = (failure: MessageFailure | null, wait: number, lapsed = row.lapsed): Outcome =>
    now + wait < row.not_after
      ? { state: 'queued', failure, lapsed, nextAttemptAt: now + wait }
      : failed(failure ?? 'expired')
  const uncertain = (provider: string | null): Outcome => ({
    state: 'sent',
    provider,
    providerMessageId: null,
    failure: 'uncertain',
  })

  if (error instanceof SenderHangs) return uncertain(null)
  if (!(error instanceof DeliveryError)) {
    // A mistake of ours, before or after the message went out: nobody knows.
    const lapsed = row.lapsed + 1
    return lapsed >= mostLapses ? failed('lapsed') : again(lastFailure(row), backoff, lapsed)
  }
  switch (error.failure) {
    case 'unreachable':
      return again('unreachable', backoff)
    case 'throttled':
      return again('throttled', Math.max(backoff, error.retryAfter ?? 0))
    case 'misconfigured':
      return again('misconfigured', Math.max(backoff, spread(slowWait, random)))
    case 'uncertain':
      return uncertain(error.provider)
    case 'refused':
      return failed('refused')
  }
}

/** Writes an outcome, unless somebody else has claimed the message by now. @returns whether it was written */
export function writeOutcome(
  outbox: OutboxQueries,
  row: Pick<OutboxTable, 'id' | 'claim_id'>,
  outcome: Outcome,
  now: number,
): Promise<boolean> {
  switch (outcome.state) {
    case 'sent':
      return outbox.markSent(row, outcome, now)
    case 'failed':
      return outbox.markFailed(row, outcome.failure, now)
    case 'queued':
      return outbox.postpone(row, outcome)
  }
}
