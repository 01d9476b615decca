import type { BindableItem } from '../../../contract/schemas.ts'
import type { AccountsTable } from '../../store/schema.ts'
import { recordChange } from '../change.ts'
import { boundContact } from '../contacts.ts'
import type { Domain, Member } from '../domain.ts'
import { maskContact, maskOpenid } from '../masks.ts'
import type { Queries } from '../ports/store.ts'
import { Refusal } from '../refusal.ts'
import type { StepUps } from '../step-up.ts'

export interface Unbound {
  readonly item: BindableItem
  readonly value: string | null
}

export interface Unbinding {
  /** @throws {Refusal} `not_bound`, `last_factor`. */
  unbind(member: Member, proof: string | undefined, item: Exclude<BindableItem, 'webauthn'>): Promise<Unbound>
  unbindKey(member: Member, proof: string | undefined, keyId: string): Promise<Unbound>
}

/**
 * Whether somebody could log in by what an account has: a password, an email address or a phone number is a way in of
 * its own; a security key is one together with an app, because a mere touch is not enough.
 */
export const isWayIn = (has: {
  readonly password: boolean
  readonly email: boolean
  readonly phone: boolean
  readonly totp: boolean
  readonly key: boolean
}): boolean => has.password || has.email || has.phone || (has.key && has.totp)

/** Whether somebody could log in to `account` as it is given. */
export async function canLogIn(queries: Queries, account: AccountsTable): Promise<boolean> {
  const own = {
    password: account.password_hash !== null,
    email: account.email_address !== null,
    phone: account.phone_number !== null,
  }
  if (isWayIn({ ...own, totp: false, key: false })) return true
  const keys = await queries.authenticators.listCredentials(account.id)
  const totp = keys.length > 0 && (await queries.authenticators.findTotp(account.id)) !== undefined
  return isWayIn({ ...own, totp, key: keys.length > 0 })
}

export function createUnbinding(domain: Domain, stepUps: StepUps): Unbinding {
  const { clock, outbox } = domain

  /** Removes one item in the caller's transaction and returns what it was, masked; `undefined` when nothing is bound. */
  async function remove(
    queries: Queries,
    account: AccountsTable,
    item: Exclude<BindableItem, 'webauthn'>,
  ): Promise<{ value: string | null } | undefined> {
    if (item === 'totp') return (await queries.authenticators.removeTotp(account.id)) ? { value: null } : undefined
    if (item === 'wechat') {
      const identity = await queries.authenticators.findWeChat(account.id)
      const removed = await queries.authenticators.removeWeChat(account.id)
      return removed && identity ? { value: maskOpenid(identity.openid) } : undefined
    }
    const bound = boundContact(account, item)
    if (!bound) return undefined
    await queries.accounts.setContact(account.id, item, null, clock.now())
    return { value: maskContact(item, bound.value) }
  }

  /** The member's account as it is in this transaction. */
  const current = async (queries: Queries, { account }: Member): Promise<AccountsTable> =>
    (await queries.accounts.find(account.id)) ?? account

  /** @param before the account before the change */
  const record = async (
    queries: Queries,
    member: Member,
    before: AccountsTable,
    method: string | null,
    item: BindableItem,
    value: string | null,
  ) => {
    await queries.bindings.endByItem(member.account.id, item, clock.now())
    if (!(await canLogIn(queries, await current(queries, member)))) throw new Refusal('last_factor')
    await recordChange(domain, queries, member, {
      account: before,
      sessionId: member.session.id,
      action: `${item}.unbind`,
      notice: `${item}.unbind`,
      method,
      details: value === null ? {} : { old: value },
      ...(item === 'phone' || item === 'email' ? { undoable: item } : {}),
    })
  }

  return {
    async unbind(member, proof, item) {
      const use = { proof, operation: `${item}.unbind` as const, value: null }
      const unbound = await stepUps.withProof(member, use, async (queries, { method }) => {
        const before = await current(queries, member)
        const removed = await remove(queries, before, item)
        if (!removed) throw new Refusal('not_bound')
        await record(queries, member, before, method, item, removed.value)
        return { item, value: removed.value }
      })
      outbox.wake()
      return unbound
    },

    async unbindKey(member, proof, keyId) {
      const use = { proof, operation: 'webauthn.unbind' as const, value: keyId }
      const unbound = await stepUps.withProof(member, use, async (queries, { method }) => {
        const key = await queries.authenticators.removeCredential(member.account.id, keyId)
        if (!key) throw new Refusal('not_bound')
        await record(queries, member, await current(queries, member), method, 'webauthn', key.name)
        return { item: 'webauthn' as const, value: key.name }
      })
      outbox.wake()
      return unbound
    },
  }
}
