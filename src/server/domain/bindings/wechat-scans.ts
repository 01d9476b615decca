import { sentence } from '../../messages/messages.ts'
import type { AccountsTable, BindingsTable } from '../../store/schema.ts'
import { type Caller, type Domain, type Locale, localeOf } from '../domain.ts'
import { maskUsername } from '../masks.ts'
import type { Queries } from '../ports/store.ts'
import type { WeChatScan } from '../ports/wechat.ts'
import { WeChatError } from '../ports/wechat-error.ts'
import { Refusal } from '../refusal.ts'
import type { StepUps } from '../step-up.ts'
import { liveSessionOf } from './pending-binding.ts'
import { type Showing, showCode, showCodeAgain } from './wechat-confirmation.ts'
import { bindWeChatIdentity, requireFreeIdentity, type WeChatIdentity, WeChatIdentityTaken } from './wechat-identity.ts'

/** Random bytes of a scene: 192 bits. WeChat takes up to 64 characters. */
export const sceneLength = 24
/** What other systems print for the same official account has other scenes. */
const isSceneOfOurs = (scene: string): boolean => /^[A-Za-z0-9_-]{32}$/.test(scene)

/**
 * What became of a scan.
 * - `bound`, `code`: it bound, or was answered with the code that will
 * - `unknown`: no binding has this scene; it was renewed, or never ours
 * - `expired`: the binding or its QR code is over, or its proof or session
 * - `used`: somebody else scanned it first
 */
type Verdict =
  | { readonly kind: 'bound' | 'already_bound' | 'bound_elsewhere' | 'unknown' | 'expired' | 'used' }
  | { readonly kind: 'code'; readonly code: string; readonly minutes: number }

/** How a genuine push is answered. */
export interface ScanAnswer {
  /** For the person who scanned; `undefined`: nothing. */
  readonly words: string | undefined
  /** Why it did nothing, to be counted; `undefined` for a scan that did something, and for a repetition. */
  readonly refused: string | undefined
  /** Why the unionid could not be had, for the operator's log. */
  readonly unionidFailure: string | undefined
}

const isOpen = (binding: BindingsTable, now: number): boolean =>
  binding.ended_at === null && binding.expires_at > now && (binding.qr_expires_at ?? 0) > now

/** Receives the scans of QR codes that carry a scene; the person is bound, or told why not. */
export function createScanReceiver(
  domain: Domain,
  stepUps: Pick<StepUps, 'consumePending'>,
): (scan: WeChatScan) => Promise<ScanAnswer> {
  const { store, clock, outbox, policy } = domain

  /** Where it can't be had, the openid alone must do: that one is unique with this official account. */
  async function identify(openid: string): Promise<{ identity: WeChatIdentity; failure: string | undefined }> {
    try {
      const unionid = await domain.wechat?.readUnionid(openid)
      return { identity: { openid, unionid: unionid ?? null }, failure: undefined }
    } catch (error) {
      if (!(error instanceof WeChatError)) throw error
      return { identity: { openid, unionid: null }, failure: error.message }
    }
  }

  /** What is told of a scan that comes too late. */
  async function tooLate(queries: Queries, binding: BindingsTable, { openid }: WeChatIdentity): Promise<Verdict> {
    if (binding.outcome === 'bound' || binding.outcome === 'rebound') {
      const owner = await queries.authenticators.ownerOfWeChat(openid, null)
      return { kind: owner === binding.account_id ? 'already_bound' : 'used' }
    }
    const isAnothers = binding.scanned_openid !== null && binding.scanned_openid !== openid
    return { kind: binding.ended_at === null && isAnothers ? 'used' : 'expired' }
  }

  /** The same push again says the same again: WeChat repeats it because our answer was lost. */
  async function again(queries: Queries, binding: BindingsTable, scan: WeChatScan): Promise<Verdict> {
    const isSamePerson = binding.scanned_openid === scan.openid
    const refused = ['already_bound', 'bound_elsewhere'] as const
    const problem = refused.find(known => binding.outcome === `refused:${known}`)
    if (isSamePerson && problem) return { kind: problem }
    const verdict = await tooLate(queries, binding, { openid: scan.openid, unionid: null })
    if (isSamePerson && verdict.kind === 'already_bound') return { kind: 'bound' }
    const shown = await showCodeAgain(domain, queries, showingOf(binding, scan))
    return shown ? { kind: 'code', ...shown } : verdict
  }

  /** Judges a scan in one transaction with what it does. @throws {WeChatIdentityTaken} @throws {Refusal} */
  function judge(
    scan: WeChatScan,
    account: AccountsTable,
    identity: WeChatIdentity,
    locale: Locale,
  ): Promise<{ verdict: Verdict; isFirst: boolean }> {
    const now = clock.now()
    return store.transaction(async queries => {
      const isFirst = await queries.settings.rememberPush(pushKey(scan), now)
      const binding = await queries.bindings.findByScene(scan.scene)
      if (!binding) return { verdict: { kind: 'unknown' }, isFirst }
      if (!isFirst) return { verdict: await again(queries, binding, scan), isFirst }
      if (!(await queries.bindings.claimScan(binding.id, { scene: scan.scene, ...identity }, now))) {
        // As it is now: somebody else may have scanned it since it was read.
        const current = (await queries.bindings.find(binding.id)) ?? binding
        return { verdict: await tooLate(queries, current, identity), isFirst }
      }
      if (domain.confirmByCode) {
        await requireFreeIdentity(queries, account.id, identity)
        const shown = await showCode(domain, queries, showingOf(binding, scan))
        return { verdict: { kind: 'code', ...shown }, isFirst }
      }
      const caller = await callerOf(queries, binding, locale, now)
      await bindWeChatIdentity(domain, stepUps, queries, { binding, account, identity, caller })
      return { verdict: { kind: 'bound' }, isFirst }
    })
  }

  /** Ends the binding of a scan that could not bind; it is to be told to whoever waits for it. */
  async function endRefused(scan: WeChatScan, identity: WeChatIdentity, error: unknown): Promise<Verdict> {
    const isTaken = error instanceof WeChatIdentityTaken
    if (!isTaken && !(error instanceof Refusal)) throw error
    const now = clock.now()
    await store.transaction(async queries => {
      await queries.settings.rememberPush(pushKey(scan), now)
      const binding = await queries.bindings.findByScene(scan.scene)
      const isTheirs =
        binding && (await queries.bindings.claimScan(binding.id, { scene: scan.scene, ...identity }, now))
      if (isTheirs) await queries.bindings.end(binding.id, `refused:${isTaken ? error.problem : 'proof_used'}`, now)
    })
    return { kind: isTaken ? error.problem : 'expired' }
  }

  return async scan => {
    const binding = await store.read.bindings.findByScene(scan.scene)
    const account = binding && (await store.read.accounts.find(binding.account_id))
    if (!account) {
      const words = isSceneOfOurs(scan.scene) ? sentence('zh-CN', 'wechat_refused_expired') : undefined
      return { words, refused: words && 'scene_unknown', unionidFailure: undefined }
    }
    const locale = localeOf(account)
    const { identity, failure } = isOpen(binding, clock.now())
      ? await identify(scan.openid)
      : { identity: { openid: scan.openid, unionid: null }, failure: undefined }
    const { verdict, isFirst } = await judge(scan, account, identity, locale).catch(async error => ({
      verdict: await endRefused(scan, identity, error),
      isFirst: true,
    }))
    outbox.wake()
    return {
      words: wordsFor(verdict, locale, { username: maskUsername(account.username), service: policy.serviceName }),
      refused: isFirst ? reasons[verdict.kind] : undefined,
      unionidFailure: failure,
    }
  }
}

/** A second scan has another time, and so another code. */
const showingOf = (binding: BindingsTable, { openid, createTime }: WeChatScan): Showing => ({
  binding,
  openid,
  occasion: String(createTime),
})

const pushKey = ({ openid, createTime, scene }: WeChatScan): string => `${openid}:${createTime}:${scene}`

/** The change came from where the QR code was asked for, and not from WeChat's servers. */
async function callerOf(queries: Queries, binding: BindingsTable, locale: Locale, now: number): Promise<Caller> {
  const session = await liveSessionOf(queries, binding, now)
  if (!session) throw new Refusal('not_logged_in')
  return { source: session.source, client: 'WeChat', locale }
}

const reasons: Readonly<Record<Verdict['kind'], string | undefined>> = {
  bound: undefined,
  code: undefined,
  already_bound: 'already_bound',
  bound_elsewhere: 'bound_elsewhere',
  unknown: 'scene_unknown',
  expired: 'scene_expired',
  used: 'scene_used',
}

const keys = {
  bound: 'wechat_bound',
  code: 'wechat_code',
  already_bound: 'wechat_refused_already',
  bound_elsewhere: 'wechat_refused_elsewhere',
  unknown: 'wechat_refused_expired',
  expired: 'wechat_refused_expired',
  used: 'wechat_refused_used',
} as const satisfies Record<Verdict['kind'], string>

function wordsFor(verdict: Verdict, locale: Locale, values: Readonly<Record<string, string>>): string {
  const code = verdict.kind === 'code' ? { code: verdict.code, minutes: String(verdict.minutes) } : {}
  return sentence(locale, keys[verdict.kind], { ...values, ...code })
}
