import type { BindableItem } from '../../../contract/schemas.ts'
import { recordChange } from '../change.ts'
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
 * Whether somebody could still log in: a password, an email address or a phone number is a way in of its own; a
 * security key is one together with an app, because a mere touch is not enough.
 */
async function canStillLogIn(queries: Queries, accountId: string): Promise<boolean> {
  const account = await queries.accounts.find(accountId)
  if (!account) return false
  if (account.password_hash !== null || account.email_address !== null || account.phone_number !== null) return true
  const keys = await queries.authenticators.listCredentials(accountId)
  return keys.length > 0 && (await queries.authenticators.findTotp(accountId)) !== undefined
}

export function createUnbinding(domain: Domain, stepUps: StepUps): Unbinding {
  const { clock, outbox } = domain

  /** Removes one item in the caller's transaction and returns what it was, masked; `undefined` when nothing is bound. */
  async function remove(
    queries: Queries,
    { account }: Member,
    item: Exclude<BindableItem, 'webauthn'>,
  ): Promise<{ value: string | null } | undefined> {
    if (item === 'totp') return (await queries.authenticators.removeTotp(account.id)) ? { value: null } : undefined
    if (item === 'wechat') {
      const identity = await queries.authenticators.findWeChat(account.id)
      const removed = await queries.authenticators.removeWeChat(account.id)
      return removed && identity ? { value: maskOpenid(identity.openid) } : undefined
    }
    const current = await queries.accounts.find(account.id)
    const value = item === 'phone' ? current?.phone_number : current?.email_address
    if (!value) return undefined
    await queries.accounts.setContact(account.id, item, null, clock.now())
    return { value: maskContact(item, value) }
  }

  const record = async (
    queries: Queries,
    member: Member,
    method: string | null,
    item: BindableItem,
    value: string | null,
  ) => {
    await queries.bindings.endByItem(member.account.id, item, clock.now())
    if (!(await canStillLogIn(queries, member.account.id))) throw new Refusal('last_factor')
    await recordChange(domain, queries, member, {
      account: member.account,
      sessionId: member.session.id,
      action: `${item}.unbind`,
      notice: `${item}.unbind`,
      method,
      details: value === null ? {} : { old: value },
    })
  }

  return {
    async unbind(member, proof, item) {
      const use = { proof, operation: `${item}.unbind` as const, value: null }
      const unbound = await stepUps.withProof(member, use, async (queries, { method }) => {
        const removed = await remove(queries, member, item)
        if (!removed) throw new Refusal('not_bound')
        await record(queries, member, method, item, removed.value)
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
        await record(queries, member, method, 'webauthn', key.name)
        return { item: 'webauthn' as const, value: key.name }
      })
      outbox.wake()
      return unbound
    },
  }
}
