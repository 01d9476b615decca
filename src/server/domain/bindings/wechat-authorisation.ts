import { equalBytes, toHex, utf8 } from '../../../lib/bytes.ts'
import type { AccountsTable, BindingsTable, SessionsTable, WeChatAuthorisationsTable } from '../../store/schema.ts'
import { type Caller, type Domain, type Locale, localeOf } from '../domain.ts'
import { maskUsername } from '../masks.ts'
import { networkOf } from '../networks.ts'
import type { Authorised } from '../ports/web-authorisation.ts'
import { WeChatError } from '../ports/wechat-error.ts'
import { Refusal } from '../refusal.ts'
import { hashSecret, newSecret } from '../secret-keys.ts'
import type { StepUps } from '../step-up.ts'
import { admitAttempt } from '../throttle.ts'
import { bindWeChatIdentity, type WeChatIdentity, WeChatIdentityTaken } from './wechat-identity.ts'

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
 * - `foreign`: the state is unknown, used, expired, or another browser's
 * - `snapshot`, `not_authorised`, `code_refused`, `unavailable`: nothing is decided; `scene` leads back to the start,
 *   and is null when it does not any more
 */
export type AuthorisationOutcome =
  | { readonly outcome: 'foreign' }
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
    const sessions = await store.read.sessions.list(binding.account_id, now)
    const session = sessions.find(({ id }) => id === binding.session_id)
    return account && account.disabled_at === null && session ? { binding, account, session } : undefined
  }

  async function findInvited(scene: string): Promise<Open | undefined> {
    const binding = await store.read.bindings.findByScene(scene)
    return (binding?.qr_expires_at ?? 0) > clock.now() ? findOpen(binding) : undefined
  }

  /** Uses the state of an authorisation, of this browser alone. */
  async function useState(state: string, browser: string | undefined): Promise<WeChatAuthorisationsTable | undefined> {
    const stateHash = hashSecret(state)
    const found = await store.read.wechatAuthorisations.find(stateHash)
    if (!found || browser === undefined) return undefined
    if (!equalBytes(utf8(found.browser_hash), utf8(hashSecret(browser)))) return undefined
    const isFirst = await store.transaction(queries => queries.wechatAuthorisations.use(stateHash, clock.now()))
    return isFirst ? found : undefined
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
      const authorisation = await useState(state, browser)
      if (!authorisation) return { outcome: 'foreign' }
      const open = await findOpen(await store.read.bindings.find(authorisation.binding_id))
      if (!open) return { outcome: 'foreign' }
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
      return bind(open, authorised)
    },
  }
}
