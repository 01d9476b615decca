import { toBase64url } from '../../../lib/base64url.ts'
import { isoTime } from '../../../lib/clock.ts'
import { sentence } from '../../messages/messages.ts'
import type { AccountsTable, BindingsTable } from '../../store/schema.ts'
import { recordChange } from '../change.ts'
import type { Caller, Domain, Locale, Member } from '../domain.ts'
import { maskOpenid, maskUsername } from '../masks.ts'
import type { Queries } from '../ports/store.ts'
import type { WeChat, WeChatScan } from '../ports/wechat.ts'
import { WeChatError } from '../ports/wechat-error.ts'
import { Refusal } from '../refusal.ts'
import type { StepUps } from '../step-up.ts'
import { admitAttempt } from '../throttle.ts'
import { findOpenBinding, finishPending, insertPending } from './pending-binding.ts'
import { invitationQr } from './wechat-invitation.ts'

/** 192 random bits; WeChat takes up to 64 characters. */
const sceneLength = 24

export interface WeChatQrCode {
  readonly payload: string
  readonly expires_at: string
}

export interface WeChatBindingState {
  readonly state: 'waiting' | 'scanned' | 'bound' | 'expired' | 'refused'
  readonly problem: 'already_bound' | 'bound_elsewhere' | 'proof_used' | 'declined' | null
  readonly value: string | null
  readonly replaced: boolean
  readonly expires_at: string
  readonly qr_expires_at: string
}

/** WeChat: the new identity is proven by a scan of a QR code that carries a single-use scene. */
export interface WeChatBindings {
  begin(
    member: Member,
    proof: string | undefined,
  ): Promise<{ binding_id: string; expires_at: string; qr: WeChatQrCode; confirm: 'none' | 'code' }>
  read(member: Member, bindingId: string): Promise<WeChatBindingState>
  renew(member: Member, bindingId: string): Promise<{ qr: WeChatQrCode }>
  /** Takes a genuine push and returns what to say to the person who scanned; `undefined` when there is nothing. */
  receiveScan(scan: WeChatScan, source: string): Promise<string | undefined>
}

/** Why an identity that was proven is not bound. */
export type IdentityProblem = 'already_bound' | 'bound_elsewhere' | 'proof_used'

/** Who WeChat says that it was. */
export interface WeChatIdentity {
  readonly openid: string
  readonly unionid: string | null
}

const outcomes = {
  bound: { state: 'bound', problem: null, replaced: false },
  rebound: { state: 'bound', problem: null, replaced: true },
  'refused:already_bound': { state: 'refused', problem: 'already_bound', replaced: false },
  'refused:bound_elsewhere': { state: 'refused', problem: 'bound_elsewhere', replaced: false },
  'refused:proof_used': { state: 'refused', problem: 'proof_used', replaced: false },
  'refused:declined': { state: 'refused', problem: 'declined', replaced: false },
} as const

const isOutcome = (text: string): text is keyof typeof outcomes => Object.hasOwn(outcomes, text)

class ScanRefused extends Error {
  readonly problem: IdentityProblem
  constructor(problem: IdentityProblem) {
    super(problem)
    this.problem = problem
  }
}

/**
 * Binds the identity behind a pending binding, all in the transaction of `queries` with the proof that authorised it.
 * @throws {ScanRefused} when the identity is bound already
 * @throws {Refusal} when the binding has ended, or its session or proof has
 */
export async function bindIdentity(
  domain: Domain,
  stepUps: StepUps,
  queries: Queries,
  binding: BindingsTable,
  account: AccountsTable,
  { openid, unionid }: WeChatIdentity,
  caller: Caller,
): Promise<void> {
  const now = domain.clock.now()
  const owner = await queries.authenticators.ownerOfWeChat(openid)
  if (owner !== undefined) throw new ScanRefused(owner === account.id ? 'already_bound' : 'bound_elsewhere')
  const earlier = await queries.authenticators.findWeChat(account.id)
  await finishPending(domain, queries, binding, earlier ? 'rebound' : 'bound')
  const { method } = await stepUps.consumePending(queries, null, binding.challenge_id)
  const identity = { account_id: account.id, openid, bound_at: now, unionid }
  if (await queries.authenticators.putWeChat(identity)) throw new ScanRefused('bound_elsewhere')
  await queries.bindings.endByItem(account.id, 'wechat', now)
  await recordChange(domain, queries, caller, {
    account,
    sessionId: binding.session_id,
    action: 'wechat.bind',
    notice: earlier ? 'wechat.replace' : 'wechat.bind',
    method,
    details: { new: maskOpenid(openid), ...(earlier ? { old: maskOpenid(earlier.openid) } : {}) },
  })
}

export function createWeChatBindings(domain: Domain, stepUps: StepUps): WeChatBindings {
  const { store, clock, random, outbox, policy } = domain

  async function createQr(account: AccountsTable): Promise<{ scene: string; qrExpiresAt: number; qr: WeChatQrCode }> {
    const { wechat, webAuthorisation } = domain
    if (!wechat && !webAuthorisation) throw new Refusal('wechat_not_configured')
    await store.transaction(queries =>
      admitAttempt(queries, [{ kind: 'send', key: `wechat:${account.id}` }], clock.now()),
    )
    if (!wechat) return invitationQr(domain)
    const scene = toBase64url(random.bytes(sceneLength))
    const made = await askWeChat(wechat, scene, Math.ceil(policy.qrLifetime / 1000))
    const qrExpiresAt = clock.now() + Math.min(policy.qrLifetime, made.expiresInSeconds * 1000)
    return { scene, qrExpiresAt, qr: { payload: made.url, expires_at: isoTime(qrExpiresAt) } }
  }

  return {
    async begin(member, proof) {
      const use = { proof, operation: 'wechat.bind', value: null } as const
      // WeChat is asked only for those who have proven who they are, and outside of any transaction.
      await stepUps.withPendingProof(member, use, async () => {})
      const { scene, qrExpiresAt, qr } = await createQr(member.account)
      const binding = await stepUps.withPendingProof(member, use, (queries, challenge) =>
        insertPending(domain, queries, member, challenge, 'wechat', {
          wechat_scene: scene,
          qr_expires_at: qrExpiresAt,
        }),
      )
      return { binding_id: binding.id, expires_at: isoTime(binding.expires_at), qr, confirm: 'none' }
    },

    async read(member, bindingId) {
      const binding = await store.read.bindings.find(bindingId)
      const isMine = binding?.account_id === member.account.id && binding.session_id === member.session.id
      if (!binding || !isMine || binding.item !== 'wechat') throw new Refusal('binding_expired')
      const times = {
        expires_at: isoTime(binding.expires_at),
        qr_expires_at: isoTime(binding.qr_expires_at ?? binding.expires_at),
      }
      if (binding.outcome && isOutcome(binding.outcome)) {
        const identity = await store.read.authenticators.findWeChat(member.account.id)
        const outcome = outcomes[binding.outcome]
        const value = outcome.state === 'bound' && identity ? maskOpenid(identity.openid) : null
        return { ...outcome, value, ...times }
      }
      const isOver = binding.ended_at !== null || binding.expires_at <= clock.now()
      const open = binding.scanned_at === null ? 'waiting' : 'scanned'
      return { state: isOver ? 'expired' : open, problem: null, value: null, replaced: false, ...times }
    },

    async renew(member, bindingId) {
      const binding = await findOpenBinding(domain, member, bindingId, ['wechat'])
      const { scene, qrExpiresAt, qr } = await createQr(member.account)
      const renewed = await store.transaction(queries => queries.bindings.setQr(binding.id, scene, qrExpiresAt))
      if (!renewed) throw new Refusal('binding_expired')
      return { qr }
    },

    async receiveScan(scan, source) {
      const now = clock.now()
      const binding = await store.read.bindings.findByScene(scan.scene)
      const account = binding && (await store.read.accounts.find(binding.account_id))
      const locale: Locale = account?.locale === 'zh-CN' || !account ? 'zh-CN' : 'en'
      const values = { username: maskUsername(account?.username ?? ''), service: policy.serviceName }
      const push = `${scan.openid}:${scan.createTime}:${scan.scene}`
      const isOpen =
        binding?.ended_at === null && binding.expires_at > now && (binding.qr_expires_at ?? 0) > now && account
      if (!isOpen) {
        const isFirst = await store.transaction(queries => queries.settings.rememberPush(push, now))
        return isFirst ? sentence(locale, 'wechat_refused_expired', values) : undefined
      }
      const caller: Caller = { source, client: 'WeChat', locale }
      try {
        const isFirst = await store.transaction(async queries => {
          if (!(await queries.settings.rememberPush(push, now))) return false
          await bindIdentity(domain, stepUps, queries, binding, account, { openid: scan.openid, unionid: null }, caller)
          return true
        })
        outbox.wake()
        return isFirst ? sentence(locale, 'wechat_bound', values) : undefined
      } catch (error) {
        const problem = identityProblem(error)
        await store.transaction(async queries => {
          await queries.settings.rememberPush(push, now)
          await queries.bindings.end(binding.id, `refused:${problem}`, now)
        })
        const key = (
          {
            already_bound: 'wechat_refused_already',
            bound_elsewhere: 'wechat_refused_elsewhere',
            proof_used: 'wechat_refused_expired',
          } as const
        )[problem]
        return sentence(locale, key, values)
      }
    },
  }
}

/** Why an identity was not bound: it ends the binding. Anything else is a fault, and is thrown on. */
export function identityProblem(error: unknown): IdentityProblem {
  if (error instanceof ScanRefused) return error.problem
  if (error instanceof Refusal) return 'proof_used'
  throw error
}

async function askWeChat(wechat: WeChat, scene: string, seconds: number) {
  try {
    return await wechat.createQr(scene, seconds)
  } catch (error) {
    if (!(error instanceof WeChatError)) throw error
    throw new Refusal(error.code === 'wechat_configuration' ? 'wechat_misconfigured' : 'wechat_unavailable', {}, error)
  }
}
