/**
 * - `wechat_unavailable`: transient; trying again later may help
 * - `wechat_throttled`: a quota of WeChat's is used up; back off
 * - `wechat_configuration`: credentials, permissions or the address allow-list; an operator must act
 */
export type WeChatErrorCode = 'wechat_unavailable' | 'wechat_throttled' | 'wechat_configuration'

/** WeChat did not do what it was asked. The message is for logs: it holds no secret and no text of WeChat's. */
export class WeChatError extends Error {
  readonly code: WeChatErrorCode
  /** WeChat's own error number, where it answered with one. */
  readonly errcode: number | undefined

  constructor(code: WeChatErrorCode, message: string, errcode?: number) {
    super(message)
    this.name = 'WeChatError'
    this.code = code
    this.errcode = errcode
  }
}

/**
 * - `mode`: not in AES mode, so that its body is not authenticated
 * - `size`: larger than any push of WeChat's
 * - `format`: a parameter or an element is missing, repeated or malformed, or the XML is
 * - `signature`: not signed with our token
 * - `stale`: signed more than five minutes before or after our time
 * - `encryption`: no key of ours decrypts it
 * - `appid`: meant for another official account
 */
export type WeChatRefusal = 'mode' | 'size' | 'format' | 'signature' | 'stale' | 'encryption' | 'appid'

/** A callback request that is not WeChat's, or not for us. The reason is for logs, not for whoever sent it. */
export class WeChatPushRefused extends Error {
  readonly reason: WeChatRefusal

  constructor(reason: WeChatRefusal) {
    super(`WeChat push refused: ${reason}`)
    this.name = 'WeChatPushRefused'
    this.reason = reason
  }
}
