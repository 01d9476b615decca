import type { Clock } from '../../../lib/clock.ts'
import type { WeChatAccessTokenStore } from '../../domain/ports/wechat.ts'
import { WeChatError } from '../../domain/ports/wechat-error.ts'
import { callWeChat, unavailable, type WeChatEndpoint } from './client.ts'
import { isTokenRejected } from './errcodes.ts'

const operation = 'cgi-bin/stable_token'

/**
 * Milliseconds before its expiry at which a token is replaced. WeChat hands out the next one during the last five
 * minutes, and both work until then, so that processes need not agree on the moment.
 */
const renewalMargin = 4 * 60_000

/** The official account's access token: "Get Stable Access Token" (获取稳定版接口调用凭据), in normal mode. */
export class AccessToken {
  readonly #endpoint: WeChatEndpoint
  readonly #clock: Clock
  readonly #store: WeChatAccessTokenStore
  readonly #appId: string
  readonly #appSecret: string
  #fetching: Promise<string> | undefined

  constructor(
    endpoint: WeChatEndpoint,
    account: { readonly appId: string; readonly appSecret: string },
    store: WeChatAccessTokenStore,
  ) {
    this.#endpoint = endpoint
    this.#clock = endpoint.clock
    this.#store = store
    this.#appId = account.appId
    this.#appSecret = account.appSecret
  }

  /**
   * Runs `call` with the token; once more, with a new one, when WeChat rejects the first.
   * @throws {WeChatError} what `call` throws, or when there is no token to be had; `wechat_unavailable` when WeChat
   * rejects the new token as well
   */
  async use<Result>(call: (token: string) => Promise<Result>): Promise<Result> {
    const token = await this.#current()
    try {
      return await call(token)
    } catch (error) {
      if (!isRejection(error)) throw error
      const renewed = await this.#replacementOf(token)
      return await call(renewed).catch((again: unknown) => {
        if (!isRejection(again)) throw again
        throw new WeChatError('wechat_unavailable', 'WeChat rejects the access token it just gave', again.errcode)
      })
    }
  }

  async #current(): Promise<string> {
    const now = this.#clock.now()
    const stored = await this.#store.read(now)
    if (stored && stored.expiresAt - now > renewalMargin) return stored.value
    return this.#fetch()
  }

  /** Another process may have replaced the rejected token already. */
  async #replacementOf(rejected: string): Promise<string> {
    const stored = await this.#store.read(this.#clock.now())
    return stored && stored.value !== rejected ? stored.value : this.#fetch()
  }

  #fetch(): Promise<string> {
    this.#fetching ??= this.#fetchAndStore().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetchAndStore(): Promise<string> {
    const now = this.#clock.now()
    const answer = await callWeChat(
      this.#endpoint,
      operation,
      {},
      { grant_type: 'client_credential', appid: this.#appId, secret: this.#appSecret, force_refresh: false },
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
