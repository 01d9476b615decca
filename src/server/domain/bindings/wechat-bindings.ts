import { toBase64url } from '../../../lib/base64url.ts'
import { isoTime } from '../../../lib/clock.ts'
import type { AccountsTable, BindingsTable } from '../../store/schema.ts'
import type { Domain, Member } from '../domain.ts'
import { maskOpenid } from '../masks.ts'
import type { WeChat, WeChatScan } from '../ports/wechat.ts'
import { WeChatError } from '../ports/wechat-error.ts'
import { Refusal } from '../refusal.ts'
import type { StepUps } from '../step-up.ts'
import { admitAttempt } from '../throttle.ts'
import { judgeCode } from '../verification/one-time-code.ts'
import type { Bound } from './contact-bindings.ts'
import { findOpenBinding, insertPending } from './pending-binding.ts'
import { confirmationSubject } from './wechat-confirmation.ts'
import { bindWeChatIdentity, WeChatIdentityTaken } from './wechat-identity.ts'
import { invitationQr } from './wechat-invitation.ts'
import { createScanReceiver, type ScanAnswer, sceneLength } from './wechat-scans.ts'

export interface WeChatQrCode {
  readonly payload: string
  readonly expires_at: string
}

const problems = ['already_bound', 'bound_elsewhere', 'proof_used', 'snapshot_user', 'declined'] as const

export interface WeChatBindingState {
  readonly state: 'waiting' | 'scanned' | 'bound' | 'expired' | 'refused'
  readonly problem: (typeof problems)[number] | null
  /** `code`: whoever scanned is known, and the code that they see is to be typed now. */
  readonly confirm: 'none' | 'code'
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
  /** Takes a genuine push, and tells what to say to the person who scanned. */
  receiveScan(scan: WeChatScan): Promise<ScanAnswer>
  /** Binds whoever scanned, by the code that they were shown. */
  finish(member: Member, binding: BindingsTable, code: string): Promise<Bound>
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
    receiveScan: createScanReceiver(domain, stepUps),

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
      const confirm = domain.confirmByCode ? 'code' : 'none'
      return { binding_id: binding.id, expires_at: isoTime(binding.expires_at), qr, confirm }
    },

    async read(member, bindingId) {
      const binding = await store.read.bindings.find(bindingId)
      const isMine = binding?.account_id === member.account.id && binding.session_id === member.session.id
      if (!binding || !isMine || binding.item !== 'wechat') throw new Refusal('binding_expired')
      const more = {
        confirm: 'none' as const,
        expires_at: isoTime(binding.expires_at),
        qr_expires_at: isoTime(binding.qr_expires_at ?? binding.expires_at),
      }
      const outcome = outcomeOf(binding.outcome)
      if (outcome?.state === 'bound') {
        const identity = await store.read.authenticators.findWeChat(member.account.id)
        return { ...outcome, value: identity ? maskOpenid(identity.openid) : null, ...more }
      }
      if (outcome) return { ...outcome, value: null, ...more }
      const open = { ...more, problem: null, value: null, replaced: false }
      if (binding.ended_at !== null || binding.expires_at <= clock.now()) return { ...open, state: 'expired' }
      if (binding.scanned_at === null) return { ...open, state: 'waiting' }
      const isShown = domain.confirmByCode && binding.scanned_openid !== null
      return { ...open, state: 'scanned', confirm: isShown ? 'code' : 'none' }
    },

    async renew(member, bindingId) {
      const binding = await findOpenBinding(domain, member, bindingId, ['wechat'])
      const { scene, qrExpiresAt, qr } = await createQr(member.account)
      const renewed = await store.transaction(queries => queries.bindings.setQr(binding.id, scene, qrExpiresAt))
      if (!renewed) throw new Refusal('binding_expired')
      return { qr }
    },

    async finish(member, binding, code) {
      const throttled = { kind: 'guess' as const, key: `bind:${member.account.id}:wechat` }
      const consume = await judgeCode(domain, confirmationSubject(binding), code, [throttled])
      const { scanned_openid: openid, scanned_unionid: unionid, wechat_scene: scene } = binding
      if (openid === null || scene === null) throw new Refusal('code_not_sent')
      try {
        const replaced = await store.transaction(async queries => {
          await consume(queries)
          // The QR code may have been renewed since, and somebody else have scanned it.
          const isTheirs = await queries.bindings.claimScan(binding.id, { scene, openid, unionid }, clock.now())
          if (!isTheirs) throw new Refusal('binding_expired')
          const { account } = member
          const whose = { binding, account, identity: { openid, unionid }, caller: member }
          const replacedOne = await bindWeChatIdentity(domain, stepUps, queries, whose)
          await queries.throttles.clear([`guess:${throttled.key}`])
          return replacedOne
        })
        outbox.wake()
        return { item: 'wechat', value: maskOpenid(openid), replaced }
      } catch (error) {
        if (!(error instanceof WeChatIdentityTaken)) throw error
        await store.transaction(async queries => {
          await consume(queries)
          await queries.bindings.end(binding.id, `refused:${error.problem}`, clock.now())
        })
        throw new Refusal(error.problem)
      }
    },
  }
}

/** What the column `outcome` tells of a binding that has been decided. */
function outcomeOf(
  outcome: string | null,
): (Pick<WeChatBindingState, 'problem' | 'replaced'> & { state: 'bound' | 'refused' }) | undefined {
  if (outcome === 'bound' || outcome === 'rebound') {
    return { state: 'bound', problem: null, replaced: outcome === 'rebound' }
  }
  const problem = problems.find(known => outcome === `refused:${known}`)
  return problem && { state: 'refused', problem, replaced: false }
}

async function askWeChat(wechat: WeChat, scene: string, seconds: number) {
  try {
    return await wechat.createQr(scene, seconds)
  } catch (error) {
    if (!(error instanceof WeChatError)) throw error
    throw new Refusal(error.code === 'wechat_configuration' ? 'wechat_misconfigured' : 'wechat_unavailable', {}, error)
  }
}
