import type { Clock } from '../../../lib/clock.ts'
import type { Authorised, WebAuthorisation } from '../../domain/ports/web-authorisation.ts'
import { WeChatError } from '../../domain/ports/wechat-error.ts'
import { callWeChat, unavailable, type WeChatAnswer, type WeChatEndpoint } from './client.ts'

export interface WebAuthorisationOptions {
  readonly appId: string
  readonly appSecret: string
  /** Of the API: `https://api.weixin.qq.com`. */
  readonly baseUrl: string
  /** Of the page: `https://open.weixin.qq.com`. */
  readonly authorizeUrl: string
  readonly clock: Clock
  /** Milliseconds for one call of WeChat's API; left out: 5000. */
  readonly timeout?: number
  /** Milliseconds before a call that met a busy system is repeated; left out: 250. */
  readonly busyDelay?: number
}

const exchangeOperation = 'sns/oauth2/access_token'

/** Invalid (40029), used (40163) and expired (42003) codes: another one is to be had by starting again. */
const refusedCodes = new Set([40029, 40163, 42003])

/**
 * WeChat's web authorisation for an official account (网页授权), which asks for nothing but the openid (`snsapi_base`).
 * The access tokens that come with it are thrown away.
 * @throws {WeChatError} `wechat_configuration` when a setting is malformed
 */
export function openWebAuthorisation(options: WebAuthorisationOptions): WebAuthorisation {
  const { appId, appSecret, authorizeUrl, baseUrl, clock } = options
  if (!/^wx[0-9a-f]{16}$/.test(appId)) {
    throw new WeChatError('wechat_configuration', 'a WeChat appid is wx and 16 hexadecimal digits')
  }
  const { origin } = new URL(authorizeUrl)
  const endpoint: WeChatEndpoint = {
    baseUrl,
    timeout: options.timeout ?? 5000,
    busyDelay: options.busyDelay ?? 250,
    clock,
  }
  return {
    origin,
    address(redirectUri, state) {
      if (!/^[A-Za-z0-9]{1,128}$/.test(state)) throw new RangeError('a WeChat state has 1 to 128 letters and digits')
      // In this order: WeChat matches the address against a pattern.
      const query = [
        `appid=${appId}`,
        `redirect_uri=${encodeURIComponent(redirectUri)}`,
        'response_type=code',
        'scope=snsapi_base',
        `state=${state}`,
      ]
      return `${origin}/connect/oauth2/authorize?${query.join('&')}#wechat_redirect`
    },
    async exchange(code) {
      const query = { appid: appId, secret: appSecret, code, grant_type: 'authorization_code' }
      try {
        return readPerson(await callWeChat(endpoint, exchangeOperation, query))
      } catch (error) {
        if (!(error instanceof WeChatError && refusedCodes.has(error.errcode ?? 0))) throw error
        return { outcome: 'refused' }
      }
    },
  }
}

/** "In exchange for user authorization credentials" (换取用户授权凭证). */
function readPerson({ openid, unionid, is_snapshotuser: snapshot }: WeChatAnswer): Authorised {
  if (snapshot !== undefined && snapshot !== 0) return { outcome: 'snapshot' }
  if (!isWeChatId(openid)) throw unavailable(exchangeOperation, 'gave no openid')
  if (unionid !== undefined && !isWeChatId(unionid)) throw unavailable(exchangeOperation, 'gave a malformed unionid')
  return { outcome: 'person', openid, unionid: unionid ?? null }
}

const isWeChatId = (value: unknown): value is string => typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value)
