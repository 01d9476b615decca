import type { AccountsTable } from '../store/schema.ts'
import { boundContact } from './contacts.ts'
import type { Domain } from './domain.ts'
import type { Channel, Queries } from './ports/store.ts'
import { hashSecret, newLinkSecret } from './secret-keys.ts'

/** A link that undoes a change, on its way into the notices. */
export interface UndoLink {
  /** `ORIGIN/undo/SECRET`. */
  readonly url: string
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number
  /** The channels of the account whose destination is told it. */
  readonly holders: readonly Channel[]
}

/** Where people open links: the path before the secret. */
export const undoPath = '/undo'

/**
 * Makes the one-time link that sets `item` back to what `account` has, in the transaction of the change and after it
 * was written.
 *
 * Who holds the link decides what the account is set back to, so it goes to what was bound before the change, never to
 * the new number or address: whoever took the account over would be told how to undo the owner's own remedy. For the
 * same reason nothing gets it that is bound on trial itself, because a link still undoes its binding: an owner who puts
 * a thief's number right by binding their own would send the thief a link that outlives theirs.
 *
 * @param account as it was before the change
 * @param eventId of the change's event
 * @param channels by which `account` had a destination that can be reached
 * @returns `undefined` when nobody may hold such a link
 */
export async function makeUndoLink(
  { clock, random, policy }: Pick<Domain, 'clock' | 'random' | 'policy'>,
  queries: Queries,
  { account, item, eventId }: { account: AccountsTable; item: Channel; eventId: string },
  channels: readonly Channel[],
): Promise<UndoLink | undefined> {
  const now = clock.now()
  const live = await queries.reversals.listLive(account.id, now)
  const holders = channels.filter(channel => !live.some(link => link.item === channel))
  if (holders.length === 0) return undefined
  const secret = newLinkSecret(random)
  const before = boundContact(account, item)
  const earlier = live.filter(link => link.item === item).map(link => link.created_at)
  const expiresAt = now + policy.reversalLifetime
  await queries.reversals.insert({
    id: eventId,
    account_id: account.id,
    item,
    value: before?.value ?? null,
    value_key: before?.key ?? null,
    secret_hash: hashSecret(secret),
    // Clocks of several servers differ, and two changes may fall into one millisecond: later has to stay later.
    created_at: Math.max(now, ...earlier.map(at => at + 1)),
    expires_at: expiresAt,
    ended_at: null,
    outcome: null,
  })
  return { url: `${policy.origins[0]}${undoPath}/${secret}`, expiresAt, holders }
}
