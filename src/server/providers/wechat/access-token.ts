import { toBase64url } from '../../../lib/base64url.ts'
import type { Random } from '../../../lib/random.ts'
import type { WeChatAccessToken, WeChatAccessTokenStore } from '../../domain/ports/wechat.ts'
import { WeChatError } from '../../domain/ports/wechat-error.ts'
import { callWeChat, unavailable, type WeChatEndpoint } from './client.ts'
import { isTokenRejected } from './errcodes.ts'

const operation = 'cgi-bin/stable_token'

/**
 * Milliseconds before its expiry at which a token is replaced. WeChat hands out the next one during the last five
 * minutes, and both work until then, so that the old one still serves while one process asks.
 */
const renewalMargin = 4 * 60_000
/** A token with less than this left may expire on its way. */
const leastLeft = 10_000
/** A process waits for another's token, looking this often. */
const lookEvery = 50
const longestWait = 20_000
/** WeChat refreshes by force 20 times a day at most; this leaves room for whoever else uses the account. */
const forceEvery = 2 * 60 * 60_000

/**
 * The official account's access token: "Get Stable Access Token" (获取稳定版接口调用凭据), in normal mode. All processes
 * share it by their store; of those that find it missing, old or rejected, the first to claim the lease asks WeChat,
 * and the others wait for what it gets.
 */
export class AccessToken {
  readonly #endpoint: WeChatEndpoint
  readonly #random: Random
  readonly #store: WeChatAccessTokenStore
  readonly #appId: string
  readonly #appSecret: string
  /** What this process asks or waits for; its callers share it. */
  #obtaining: Promise<string> | undefined
  #forcing: Promise<string> | undefined

  constructor(
    endpoint: WeChatEndpoint,
    account: { readonly appId: string; readonly appSecret: string; readonly random: Random },
    store: WeChatAccessTokenStore,
  ) {
    this.#endpoint = endpoint
    this.#random = account.random
    this.#store = store
    this.#appId = account.appId
    this.#appSecret = account.appSecret
  }

  /**
   * Runs `call` with the token; once more, with what WeChat gives next, when WeChat rejects the first. Only where it
   * gives the rejected one again, and rejects that again, is it made to void it.
   * @throws {WeChatError} what `call` throws, or when there is no token to be had; `wechat_unavailable` when WeChat
   * rejects the new token as well
   */
  async use<Result>(call: (token: string) => Promise<Result>): Promise<Result> {
    const token = await this.#current()
    const first = await settle(call(token))
    if ('value' in first) return first.value
    const next = await this.#shared(token)
    const second = await settle(call(next))
    if ('value' in second) return second.value
    if (next !== token) throw rejectedAgain(second.rejection)
    this.#forcing ??= this.#force(token, second.rejection).finally(() => {
      this.#forcing = undefined
    })
    const third = await settle(call(await this.#forcing))
    if ('value' in third) return third.value
    throw rejectedAgain(third.rejection)
  }

  async #current(): Promise<string> {
    const now = this.#endpoint.clock.now()
    const stored = await this.#store.read(now)
    return stored && stored.expiresAt - now > renewalMargin ? stored.value : this.#shared(undefined)
  }

  /** @param rejected the token that does not serve any more, where there is one */
  #shared(rejected: string | undefined): Promise<string> {
    this.#obtaining ??= this.#obtain(rejected).finally(() => {
      this.#obtaining = undefined
    })
    return this.#obtaining
  }

  async #obtain(rejected: string | undefined): Promise<string> {
    const { clock } = this.#endpoint
    const holder = toBase64url(this.#random.bytes(16))
    for (let waited = 0; waited <= longestWait; waited += lookEvery) {
      if (await this.#store.claim('refresh', holder, clock.now() + this.#leaseLength, clock.now())) {
        return this.#askOnBehalf(holder, rejected)
      }
      const stored = await this.#serving(rejected, leastLeft)
      if (stored) return stored.value
      await clock.sleep(lookEvery)
    }
    throw unavailable(operation, 'another process has waited for its answer too long')
  }

  /** Longer than a call with its one repetition takes: a holder that lives is never replaced. */
  get #leaseLength(): number {
    const { timeout, busyDelay } = this.#endpoint
    return 2 * timeout + busyDelay + 1000
  }

  /** The stored token with more than `left` milliseconds to live, unless it is the rejected one. */
  async #serving(rejected: string | undefined, left: number): Promise<WeChatAccessToken | undefined> {
    const now = this.#endpoint.clock.now()
    const stored = await this.#store.read(now)
    return stored && stored.value !== rejected && stored.expiresAt - now > left ? stored : undefined
  }

  async #askOnBehalf(holder: string, rejected: string | undefined): Promise<string> {
    try {
      // The holder before may have stored one since it was last looked for.
      const fresh = await this.#serving(rejected, renewalMargin)
      return fresh ? fresh.value : await this.#fetch(false)
    } catch (error) {
      const old = await this.#serving(rejected, leastLeft)
      if (!old) throw error
      return old.value
    } finally {
      await this.#store.release(holder)
    }
  }

  /** What replaces a token that WeChat hands out and rejects; whoever comes second takes what the first has stored. */
  async #force(rejected: string, rejection: WeChatError): Promise<string> {
    const now = this.#endpoint.clock.now()
    const stored = await this.#serving(rejected, leastLeft)
    if (stored) return stored.value
    const holder = toBase64url(this.#random.bytes(16))
    if (!(await this.#store.claim('force', holder, now + forceEvery, now))) throw rejectedAgain(rejection)
    return this.#fetch(true)
  }

  async #fetch(force: boolean): Promise<string> {
    const now = this.#endpoint.clock.now()
    const answer = await callWeChat(
      this.#endpoint,
      operation,
      {},
      { grant_type: 'client_credential', appid: this.#appId, secret: this.#appSecret, force_refresh: force },
    )
    const { access_token: value, expires_in: lifetime } = answer
    if (typeof value !== 'string' || !/^[\x21-\x7e]{1,512}$/.test(value)) throw unavailable(operation, 'gave no token')
    if (typeof lifetime !== 'number' || !Number.isSafeInteger(lifetime) || lifetime < 1 || lifetime > 86_400) {
      throw unavailable(operation, 'gave a token without a lifetime')
    }
    await this.#store.write(value, now + lifetime * 1000)
    return value
  }
}

const isRejection = (error: unknown): error is WeChatError =>
  error instanceof WeChatError && error.errcode !== undefined && isTokenRejected(error.errcode)

/** The result of a call, or that WeChat rejected its token. @throws any other error */
async function settle<Result>(call: Promise<Result>): Promise<{ value: Result } | { rejection: WeChatError }> {
  try {
    return { value: await call }
  } catch (error) {
    if (!isRejection(error)) throw error
    return { rejection: error }
  }
}

const rejectedAgain = ({ errcode }: WeChatError): WeChatError =>
  new WeChatError('wechat_unavailable', 'WeChat rejects the access token it just gave', errcode)
