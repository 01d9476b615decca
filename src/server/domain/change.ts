import type { NoticeKey } from '../messages/catalogues.ts'
import { noticeMessage } from '../messages/messages.ts'
import type { AccountsTable } from '../store/schema.ts'
import { boundContact } from './contacts.ts'
import type { Caller, Domain } from './domain.ts'
import { recordEvent } from './events.ts'
import type { Channel, Queries } from './ports/store.ts'
import { makeUndoLink } from './undo-links.ts'

/** How long a notice makes sense, in milliseconds. */
export const noticeLifetime = 24 * 60 * 60_000

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
  /** What the notice says in the place of `details`, where people read it otherwise than programs. */
  readonly words?: Readonly<Record<string, string>>
  /** A new destination beside those that the account had before. */
  readonly newDestination?: { readonly channel: Channel; readonly destination: string }
  /** Who made it where it was not the owner: an admin, which the notice says. */
  readonly actor?: string | null
  /** The bulk run that it belongs to. */
  readonly runId?: string | null
  /** The item that a link in the notices sets back to what `account` has. */
  readonly undoable?: Channel
}

export interface Destination {
  readonly channel: Channel
  readonly destination: string
}

/**
 * Whether a notice can ever arrive there. One for a provider that is off for a minute waits for it in the outbox: the
 * owner's warning must not depend on the minute.
 */
export const isServed = ({ outbox }: Pick<Domain, 'outbox'>, { channel, destination }: Destination): boolean =>
  outbox.isConfigured(channel) && outbox.reach(channel, destination) !== 'unserved'

/** What is bound to an account that a notice can be sent to. */
export function destinationsOf(
  account: Pick<AccountsTable, 'phone_number' | 'email_address' | 'email_key'>,
): Destination[] {
  return (['email', 'phone'] as const).flatMap(channel => {
    const bound = boundContact(account, channel)
    return bound ? [{ channel, destination: bound.value }] : []
  })
}

/**
 * Writes what belongs to every change into its transaction: one event, and a notice to every destination that the
 * account had before and the new one (NIST SP 800-63B-4 section 4.6), with a link that undoes the change for those who
 * may hold it. Call it after the change itself, and `outbox.wake()` after the commit.
 */
export async function recordChange(domain: Domain, queries: Queries, caller: Caller, change: Change): Promise<void> {
  const { account, newDestination, undoable } = change
  const now = domain.clock.now()
  const eventId = await recordEvent(domain, queries, caller, {
    accountId: account.id,
    action: change.action,
    method: change.method,
    sessionId: change.sessionId,
    details: change.details,
    actor: change.actor ?? null,
    runId: change.runId ?? null,
  })
  const before = destinationsOf(account).filter(to => isServed(domain, to))
  const channels = before.map(({ channel }) => channel)
  const link = undoable && (await makeUndoLink(domain, queries, { account, item: undoable, eventId }, channels))
  const added =
    newDestination &&
    isServed(domain, newDestination) &&
    !before.some(({ destination }) => destination === newDestination.destination)
  const facts = {
    username: account.username,
    at: now,
    source: caller.source,
    values: change.words ?? change.details,
    byAdmin: Boolean(change.actor),
  }
  const notify = async (to: Destination, undo: typeof link): Promise<void> => {
    const told = { ...facts, link: undo?.url ?? null, linkExpiresAt: undo?.expiresAt ?? null }
    const message = noticeMessage(to, change.notice, told, domain.policy.serviceName, caller.locale)
    await domain.outbox.add(queries, message, {
      channel: to.channel,
      purpose: 'notice',
      accountId: account.id,
      notAfter: now + noticeLifetime,
    })
  }
  for (const to of before) await notify(to, link?.holders.includes(to.channel) ? link : undefined)
  if (added) await notify(newDestination, undefined)
}
