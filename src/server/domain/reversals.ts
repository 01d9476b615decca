import type { AccountsTable, EventsTable, ReversalsTable } from '../store/schema.ts'
import { endAccess } from './account-access.ts'
import { canLogIn } from './bindings/unbinding.ts'
import { recordChange } from './change.ts'
import { boundContact } from './contacts.ts'
import { type Caller, type Domain, type Locale, localeOf } from './domain.ts'
import { maskContact } from './masks.ts'
import { networkOf } from './networks.ts'
import type { Channel, Queries } from './ports/store.ts'
import { hashSecret } from './secret-keys.ts'
import { admitAttempt } from './throttle.ts'

/** A link that does nothing any more, or never did. */
export type ClosedReversal =
  /** Nobody was given it, or its time is over: nothing tells which. */
  | { readonly state: 'unknown' }
  /** Used, or made void by the use of an earlier one of the same item. */
  | { readonly state: 'reverted' | 'superseded'; readonly locale: Locale; readonly item: Channel; readonly at: number }

/** What a link is about to undo. Values are masked. */
export interface OpenReversal {
  readonly state: 'open'
  /** The account's. */
  readonly locale: Locale
  readonly username: string
  readonly item: Channel
  readonly change: {
    readonly kind: 'bind' | 'replace' | 'unbind'
    readonly at: number
    readonly source: string
    readonly values: Readonly<Record<string, string>>
  }
  /** What is bound again afterwards; `null`: nothing. */
  readonly restores: string | null
  readonly expiresAt: number
}

/**
 * - `restored`: what was bound before the change is bound again
 * - `removed`: nothing was bound before the change, and nothing is now
 * - `bound_elsewhere`: what was bound before is another account's now; nothing is bound
 * - `last_factor`: without what is bound nobody could log in any more, so it was kept
 * - `unchanged`: the item was as before the change already
 */
export type ReversalOutcome = 'restored' | 'removed' | 'bound_elsewhere' | 'last_factor' | 'unchanged'

/** What a link has done. All sessions are ended, whatever the outcome. */
export interface Reverted {
  readonly state: 'done'
  readonly locale: Locale
  readonly username: string
  readonly item: Channel
  readonly outcome: ReversalOutcome
  /** What is bound now, masked. */
  readonly bound: string | null
  /** By which a code for a login can be sent now; the one that the link set back first. */
  readonly codesBy: Channel | null
}

/** The links in notices by which somebody who did not make a change undoes it. */
export interface Reversals {
  /** What the link would do; changes nothing. @throws {Refusal} `throttled`. */
  look(secret: string, caller: Caller): Promise<OpenReversal | ClosedReversal>
  /** Undoes the change and ends all sessions. Of several at once one does. @throws {Refusal} `throttled`. */
  revert(secret: string, caller: Caller): Promise<Reverted | ClosedReversal>
}

const itemOf = ({ item }: ReversalsTable): Channel => (item === 'phone' ? 'phone' : 'email')

const masked = (item: Channel, contact: { value: string } | null): string | null =>
  contact && maskContact(item, contact.value)

const without = (account: AccountsTable, item: Channel): AccountsTable =>
  item === 'phone' ? { ...account, phone_number: null } : { ...account, email_address: null, email_key: null }

function changeOf(event: EventsTable): OpenReversal['change'] {
  const values: Record<string, string> = JSON.parse(event.details)
  const bound = 'old' in values ? 'replace' : 'bind'
  const kind = event.action.endsWith('.unbind') ? 'unbind' : bound
  return { kind, at: event.at, source: event.source, values }
}

export function createReversals(domain: Domain): Reversals {
  const { store, clock, outbox, counters } = domain

  /** Bounds what one source makes the database read and write; at 128 bits there is nothing to guess. */
  const admit = (caller: Caller): Promise<number> =>
    store.transaction(queries =>
      admitAttempt(queries, [{ kind: 'begin', key: `undo:${networkOf(caller.source)}` }], clock.now()),
    )

  async function read(secret: string): Promise<OpenReversal | ClosedReversal> {
    const row = await store.read.reversals.find(hashSecret(secret))
    const account = row && (await store.read.accounts.find(row.account_id))
    const event = row && (await store.read.events.find(row.id))
    if (!row || !account || !event || row.expires_at <= clock.now()) return { state: 'unknown' }
    const item = itemOf(row)
    const locale = localeOf(account)
    if (row.ended_at !== null) {
      return { state: row.outcome === 'superseded' ? 'superseded' : 'reverted', locale, item, at: row.ended_at }
    }
    return {
      state: 'open',
      locale,
      username: account.username,
      item,
      change: changeOf(event),
      restores: row.value && maskContact(item, row.value),
      expiresAt: row.expires_at,
    }
  }

  /** Sets the item back, whatever it is now: whoever made the change may have made another since. */
  async function setBack(queries: Queries, account: AccountsTable, row: ReversalsTable): Promise<ReversalOutcome> {
    const item = itemOf(row)
    const now = clock.now()
    const current = boundContact(account, item)
    if (current?.key === (row.value_key ?? undefined)) return 'unchanged'
    if (row.value !== null && row.value_key !== null) {
      const before = { value: row.value, key: row.value_key }
      if (!(await queries.accounts.setContact(account.id, item, before, now))) return 'restored'
    }
    if (current === null) return 'bound_elsewhere'
    if (!(await canLogIn(queries, without(account, item)))) return 'last_factor'
    await queries.accounts.setContact(account.id, item, null, now)
    return row.value === null ? 'removed' : 'bound_elsewhere'
  }

  async function record(
    queries: Queries,
    caller: Caller,
    before: AccountsTable,
    item: Channel,
    outcome: ReversalOutcome,
  ) {
    const after = (await queries.accounts.find(before.id)) ?? before
    const old = masked(item, boundContact(before, item))
    const bound = boundContact(after, item)
    const now = masked(item, bound)
    // It makes no link of its own: undoing what was undone is what the account's owner would have to fear.
    await recordChange(
      domain,
      queries,
      { ...caller, locale: localeOf(before) },
      {
        account: before,
        sessionId: null,
        action: `${item}.revert`,
        notice: `${item}.revert`,
        method: 'link',
        details: { outcome, ...(old ? { old } : {}), ...(now ? { new: now } : {}) },
        words: { new: now ?? '—' },
        ...(bound ? { newDestination: { channel: item, destination: bound.value } } : {}),
      },
    )
    const other = item === 'phone' ? 'email' : 'phone'
    const codesBy = ([item, other] as const).find(channel => boundContact(after, channel) !== null) ?? null
    return { bound: now, codesBy }
  }

  return {
    async look(secret, caller) {
      await admit(caller)
      return read(secret)
    },

    async revert(secret, caller) {
      await admit(caller)
      const reverted = await store.transaction(async (queries): Promise<Reverted | undefined> => {
        const now = clock.now()
        const found = await queries.reversals.find(hashSecret(secret))
        if (found) await queries.accounts.hold(found.account_id)
        const row = await queries.reversals.use(hashSecret(secret), now)
        const account = row && (await queries.accounts.find(row.account_id))
        if (!row || !account) return undefined
        const item = itemOf(row)
        const outcome = await setBack(queries, account, row)
        // After the account's row was written: a change that runs at the same time has made its link by then. An
        // earlier link stays, because the older state is the one that was there before whoever is to be kept out.
        await queries.reversals.endLater(account.id, item, row.created_at, now)
        // None of what was begun may outlive the sessions.
        await endAccess(domain, queries, account.id)
        const recorded = await record(queries, caller, account, item, outcome)
        return { state: 'done', locale: localeOf(account), username: account.username, item, outcome, ...recorded }
      })
      if (!reverted) {
        const closed = await read(secret)
        counters.count('reversals', { item: closed.state === 'unknown' ? 'unknown' : closed.item, outcome: 'refused' })
        // Open it can only be to a clock that is behind the one that refused it.
        return closed.state === 'open' ? { state: 'unknown' } : closed
      }
      counters.count('reversals', { item: reverted.item, outcome: reverted.outcome })
      outbox.wake()
      return reverted
    },
  }
}
