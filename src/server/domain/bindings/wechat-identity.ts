import type { AccountsTable, BindingsTable } from '../../store/schema.ts'
import { recordChange } from '../change.ts'
import type { Caller, Domain } from '../domain.ts'
import { maskOpenid } from '../masks.ts'
import type { Queries } from '../ports/store.ts'
import type { StepUps } from '../step-up.ts'
import { finishPending } from './pending-binding.ts'

/** A person, as WeChat names them to one official account. */
export interface WeChatIdentity {
  readonly openid: string
  /** The same for all accounts that are tied together; `null` where it is not known. */
  readonly unionid: string | null
}

/** The identity belongs to an account already. */
export class WeChatIdentityTaken extends Error {
  readonly problem: 'already_bound' | 'bound_elsewhere'
  constructor(problem: 'already_bound' | 'bound_elsewhere') {
    super(problem)
    this.name = 'WeChatIdentityTaken'
    this.problem = problem
  }
}

/** @throws {WeChatIdentityTaken} when somebody has the identity, this account included */
export async function requireFreeIdentity(
  queries: Queries,
  accountId: string,
  { openid, unionid }: WeChatIdentity,
): Promise<void> {
  const owner = await queries.authenticators.ownerOfWeChat(openid, unionid)
  if (owner !== undefined) throw new WeChatIdentityTaken(owner === accountId ? 'already_bound' : 'bound_elsewhere')
}

/**
 * Binds an identity that has proven itself: ends the pending binding, consumes its proof and records the change, all in
 * the caller's transaction. Call `outbox.wake()` after the commit.
 * @returns whether it replaced another one
 * @throws {WeChatIdentityTaken}
 * @throws {Refusal} `binding_expired`, `not_logged_in`, `insufficient_user_authentication`
 */
export async function bindWeChatIdentity(
  domain: Domain,
  stepUps: Pick<StepUps, 'consumePending'>,
  queries: Queries,
  {
    binding,
    account,
    identity,
    caller,
  }: { binding: BindingsTable; account: AccountsTable; identity: WeChatIdentity; caller: Caller },
): Promise<boolean> {
  const now = domain.clock.now()
  await queries.accounts.hold(account.id)
  await requireFreeIdentity(queries, account.id, identity)
  const earlier = await queries.authenticators.findWeChat(account.id)
  await finishPending(domain, queries, binding, earlier ? 'rebound' : 'bound')
  const { method } = await stepUps.consumePending(queries, null, binding.challenge_id)
  const row = { account_id: account.id, bound_at: now, openid: identity.openid, unionid: identity.unionid }
  if (await queries.authenticators.putWeChat(row)) throw new WeChatIdentityTaken('bound_elsewhere')
  await queries.bindings.endByItem(account.id, 'wechat', now)
  await recordChange(domain, queries, caller, {
    account,
    sessionId: binding.session_id,
    action: 'wechat.bind',
    notice: earlier ? 'wechat.replace' : 'wechat.bind',
    method,
    details: { new: maskOpenid(identity.openid), ...(earlier ? { old: maskOpenid(earlier.openid) } : {}) },
  })
  return earlier !== undefined
}
