import type { NoticeKey } from '../messages/catalogues.ts'
import { noticeMessage } from '../messages/messages.ts'
import type { AccountsTable } from '../store/schema.ts'
import type { Caller, Domain } from './domain.ts'
import { recordEvent } from './events.ts'
import type { Channel, Queries } from './ports/store.ts'

const noticeLifetime = 24 * 60 * 60_000

/** A change to an account's security settings, as it is told and recorded. */
export interface Change {
  /** The account as it was before the change. */
  readonly account: AccountsTable
  readonly sessionId: string | null
  /** For the log: `phone.bind`, `password.change` … */
  readonly action: string
  /** For people. */
  readonly notice: NoticeKey
  /** The verification method whose proof stood behind it. */
  readonly method: string | null
  /** Masked `old` and `new` values, or the name of a key. */
  readonly details: Readonly<Record<string, string>>
  /** A new destination beside those that the account had before. */
  readonly newDestination?: { readonly channel: Channel; readonly destination: string }
}

/**
 * Writes what belongs to every change into its transaction: one event, and a notice to every destination that the
 * account had before and the new one (NIST SP 800-63B-4 section 4.6). Call `outbox.wake()` after the commit.
 */
export async function recordChange(domain: Domain, queries: Queries, caller: Caller, change: Change): Promise<void> {
  const { account, newDestination } = change
  const now = domain.clock.now()
  await recordEvent(domain, queries, caller, {
    accountId: account.id,
    action: change.action,
    method: change.method,
    sessionId: change.sessionId,
    details: change.details,
  })
  const destinations: { channel: Channel; destination: string }[] = []
  if (account.email_address) destinations.push({ channel: 'email', destination: account.email_address })
  if (account.phone_number) destinations.push({ channel: 'phone', destination: account.phone_number })
  if (newDestination && !destinations.some(known => known.destination === newDestination.destination)) {
    destinations.push(newDestination)
  }
  for (const to of destinations.filter(({ channel }) => domain.outbox.reach(channel, null) === 'available')) {
    const facts = {
      username: account.username,
      at: now,
      source: caller.source,
      values: change.details,
      link: null,
      linkExpiresAt: null,
    }
    const message = noticeMessage(to, change.notice, facts, domain.policy.serviceName, caller.locale)
    await domain.outbox.add(queries, message, {
      channel: to.channel,
      purpose: 'notice',
      accountId: account.id,
      notAfter: now + noticeLifetime,
    })
  }
}
