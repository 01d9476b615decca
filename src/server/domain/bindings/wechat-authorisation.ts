import { equalBytes, toHex, utf8 } from '../../../lib/bytes.ts'
import type { AccountsTable, BindingsTable, SessionsTable, WeChatAuthorisationsTable } from '../../store/schema.ts'
import { type Caller, type Domain, type Locale, localeOf } from '../domain.ts'
import { maskUsername } from '../masks.ts'
import { networkOf } from '../networks.ts'
import type { Queries } from '../ports/store.ts'
import type { Authorised } from '../ports/web-authorisation.ts'
import { WeChatError } from '../ports/wechat-error.ts'
import { Refusal } from '../refusal.ts'
import { hashSecret, newSecret } from '../secret-keys.ts'
import type { StepUps } from '../step-up.ts'
import { admitAttempt } from '../throttle.ts'
import { liveSessionOf } from './pending-binding.ts'
import { type ShownCode, showCode, showCodeAgain } from './wechat-confirmation.ts'
import { bindWeChatIdentity, requireFreeIdentity, type WeChatIdentity, WeChatIdentityTaken } from './wechat-identity.ts'

/** Where WeChat sends a person back to. */
export const authorisedPath = '/wechat/authorised'

/** Milliseconds from the person's agreement to their return; WeChat's codes live for five minutes. */
const authorisationLifetime = 10 * 60_000
/** 64 hexadecimal digits: WeChat takes letters and digits alone. */
const stateLength = 32

/** Who asks for a WeChat account to be bound, as the person with the phone is told. */
export interface Invitation {
  /** `a***e`. */
  readonly username: string
  readonly locale: Locale
  readonly begunAt: number
  /** Where the session that asks was logged in from, and with what. */
  readonly source: string
  readonly client: string
}

/** What a browser takes to WeChat, and what it keeps. */
export interface BegunAuthorisation {
  readonly address: string
  /** For a cookie: 43 characters. */
  readonly browser: string
  /** Milliseconds that both are good for. */
  readonly lifetime: number
}

/** Why an identity that has proven itself is not bound. */
export type IdentityProblem = WeChatIdentityTaken['problem'] | 'proof_used'

/** It ends the binding; anything else is a fault, and is thrown on. */
function identityProblem(error: unknown): IdentityProblem {
  if (error instanceof WeChatIdentityTaken) return error.problem
  if (error instanceof Refusal) return 'proof_used'
  throw error
}

/**
 * What became of an authorisation.
 * - `code`: the person reads a code, and is bound once it is typed at the terminal
 * - `used`: somebody else was first, and their code is waited for
 * - `over`: the binding has ended, or its session has
 * - `foreign`: the state is unknown, used, expired, or another browser's
 * - `snapshot`, `not_authorised`, `code_refused`, `unavailable`: nothing is decided; `scene` leads back to the start,
 *   and is null when it does not any more
 */
export type AuthorisationOutcome =
  | { readonly outcome: 'foreign' | 'over' | 'used' }
  | ({ readonly outcome: 'code'; readonly username: string; readonly locale: Locale } & ShownCode)
  | { readonly outcome: 'bound' | IdentityProblem; readonly username: string; readonly locale: Locale }
  | {
      readonly outcome: 'snapshot' | 'not_authorised' | 'code_refused' | 'unavailable'
      readonly scene: string | null
      readonly locale: Locale
      /** What the operator's log is told. */
      readonly cause?: Error
    }

/** WeChat by web authorisation: the new identity is proven by a browser of WeChat's that comes back from WeChat. */
export interface WeChatAuthorisations {
  /** Who asks, behind the QR code that carries `scene`; undefined when it is unknown, used or expired. */
  describe(scene: string, source: string): Promise<Invitation | undefined>
  /** The person agrees: `undefined` as in `describe`. */
  begin(scene: string, source: string): Promise<BegunAuthorisation | undefined>
  /** It was not this person who asked: the binding ends. False as `undefined` in `describe`. */
  decline(scene: string, source: string): Promise<boolean>
  /**
   * Takes what WeChat's browser comes back with.
   * @param browser what its cookie says
   * @param code undefined when the person did not authorise
   */
  finish(
    returned: { state: string; browser: string | undefined; code: string | undefined },
    source: string,
  ): Promise<AuthorisationOutcome>
}

interface Open {
  readonly binding: BindingsTable
  readonly account: AccountsTable
  readonly session: SessionsTable
}

export function createWeChatAuthorisations(domain: Domain, stepUps: StepUps): WeChatAuthorisations {
  const { store, clock, random, outbox, policy } = domain

  const admit = (source: string) =>
    store.transaction(queries =>
      admitAttempt(queries, [{ kind: 'begin', key: `page:${networkOf(source)}` }], clock.now()),
    )

  async function findOpen(binding: BindingsTable | undefined): Promise<Open | undefined> {
    const now = clock.now()
    if (binding?.item !== 'wechat' || binding.ended_at !== null || binding.expires_at <= now) return undefined
    const account = await store.read.accounts.find(binding.account_id)
    const session = await liveSessionOf(store.read, binding, now)
    return account && account.disabled_at === null && session ? { binding, account, session } : undefined
  }

  async function findInvited(scene: string): Promise<Open | undefined> {
    const binding = await store.read.bindings.findByScene(scene)
    return (binding?.qr_expires_at ?? 0) > clock.now() ? findOpen(binding) : undefined
  }

  /** The authorisation of a state, begun by this browser. */
  async function findBegun(state: string, browser: string | undefined): Promise<WeChatAuthorisationsTable | undefined> {
    const found = await store.read.wechatAuthorisations.find(hashSecret(state))
    if (!found || browser === undefined) return undefined
    return equalBytes(utf8(found.browser_hash), utf8(hashSecret(browser))) ? found : undefined
  }

  /** Nothing is decided: the terminal waits on, and the person may start again while the QR code is good. */
  async function startAgain(
    { binding, account }: Open,
    outcome: 'snapshot' | 'not_authorised' | 'code_refused' | 'unavailable',
    cause?: Error,
  ): Promise<AuthorisationOutcome> {
    await store.transaction(queries => queries.bindings.clearScanned(binding.id))
    const now = await store.read.bindings.find(binding.id)
    const scene = now?.wechat_scene && (await findInvited(now.wechat_scene)) ? now.wechat_scene : null
    return { outcome, scene, locale: localeOf(account), ...(cause ? { cause } : {}) }
  }

  async function bind(open: Open, identity: WeChatIdentity): Promise<AuthorisationOutcome> {
    const { binding, account, session } = open
    const locale = localeOf(account)
    const told = { username: maskUsername(account.username), locale }
    // The change came from where the QR code was asked for, and not from the phone.
    const caller: Caller = { source: session.source, client: 'WeChat', locale }
    try {
      await store.transaction(queries =>
        bindWeChatIdentity(domain, stepUps, queries, { binding, account, identity, caller }),
      )
    } catch (error) {
      const problem = identityProblem(error)
      await store.transaction(queries => queries.bindings.end(binding.id, `refused:${problem}`, clock.now()))
      return { outcome: problem, ...told }
    }
    outbox.wake()
    return { outcome: 'bound', ...told }
  }

  /** The person is known, but whether they are at the terminal is not: only there their code binds them. */
  async function askForCode(open: Open, identity: WeChatIdentity, occasion: string): Promise<AuthorisationOutcome> {
    const { binding, account } = open
    const told = { username: maskUsername(account.username), locale: localeOf(account) }
    const claim = (queries: Queries) => queries.bindings.claimAuthorised(binding.id, identity, clock.now())
    try {
      const shown = await store.transaction(async queries => {
        if (!(await claim(queries))) return undefined
        await requireFreeIdentity(queries, account.id, identity)
        return showCode(domain, queries, { binding, openid: identity.openid, occasion })
      })
      if (shown) return { outcome: 'code', ...shown, ...told }
    } catch (error) {
      if (!(error instanceof WeChatIdentityTaken)) throw error
      await store.transaction(async queries => {
        if (await claim(queries)) await queries.bindings.end(binding.id, `refused:${error.problem}`, clock.now())
      })
      return { outcome: error.problem, ...told }
    }
    const now = await store.read.bindings.find(binding.id)
    return { outcome: now?.ended_at === null && now.scanned_openid !== null ? 'used' : 'over' }
  }

  /** Phones load a page again when the person comes back to it: their code is still there. */
  async function again({ binding_id, state_hash }: WeChatAuthorisationsTable): Promise<AuthorisationOutcome> {
    const open = await findOpen(await store.read.bindings.find(binding_id))
    const openid = open?.binding.scanned_openid
    if (!open || !openid) return { outcome: 'foreign' }
    const { account, binding } = open
    const shown = await showCodeAgain(domain, store.read, { binding, openid, occasion: state_hash })
    if (!shown) return { outcome: 'foreign' }
    return { outcome: 'code', ...shown, username: maskUsername(account.username), locale: localeOf(account) }
  }

  return {
    async describe(scene, source) {
      await admit(source)
      const open = await findInvited(scene)
      if (!open) return undefined
      const { account, binding, session } = open
      return {
        username: maskUsername(account.username),
        locale: localeOf(account),
        begunAt: binding.created_at,
        source: session.source,
        client: session.client,
      }
    },

    async begin(scene, source) {
      const { webAuthorisation } = domain
      if (!webAuthorisation) throw new Refusal('wechat_not_configured')
      await admit(source)
      const open = await findInvited(scene)
      if (!open) return undefined
      const state = toHex(random.bytes(stateLength))
      const browser = newSecret(random)
      const now = clock.now()
      const isBegun = await store.transaction(async queries => {
        if (!(await queries.bindings.markScanned(scene, now))) return false
        await queries.wechatAuthorisations.insert({
          state_hash: hashSecret(state),
          binding_id: open.binding.id,
          browser_hash: hashSecret(browser),
          created_at: now,
          expires_at: now + authorisationLifetime,
          used_at: null,
        })
        return true
      })
      if (!isBegun) return undefined
      const address = webAuthorisation.address(`${policy.origins[0] ?? ''}${authorisedPath}`, state)
      return { address, browser, lifetime: authorisationLifetime }
    },

    async decline(scene, source) {
      await admit(source)
      const open = await findInvited(scene)
      if (!open) return false
      return store.transaction(queries => queries.bindings.end(open.binding.id, 'refused:declined', clock.now()))
    },

    async finish({ state, browser, code }, source) {
      const { webAuthorisation } = domain
      if (!webAuthorisation) throw new Refusal('wechat_not_configured')
      await admit(source)
      const begun = await findBegun(state, browser)
      if (!begun) return { outcome: 'foreign' }
      const isFirst = await store.transaction(queries =>
        queries.wechatAuthorisations.use(begun.state_hash, clock.now()),
      )
      if (!isFirst) return again(begun)
      const open = await findOpen(await store.read.bindings.find(begun.binding_id))
      if (!open) return { outcome: 'over' }
      if (code === undefined) return startAgain(open, 'not_authorised')
      let authorised: Authorised
      try {
        authorised = await webAuthorisation.exchange(code)
      } catch (error) {
        if (error instanceof WeChatError) return startAgain(open, 'unavailable', error)
        throw error
      }
      if (authorised.outcome !== 'person') {
        return startAgain(open, authorised.outcome === 'snapshot' ? 'snapshot' : 'code_refused')
      }
      return domain.confirmByCode ? askForCode(open, authorised, begun.state_hash) : bind(open, authorised)
    },
  }
}
