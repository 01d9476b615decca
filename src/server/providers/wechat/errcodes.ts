import type { WeChatErrorCode } from '../../domain/ports/wechat-error.ts'

// WeChat, "Global Return Codes" (全局返回码).

const throttled = new Set([45009, 45011])

/** −1: the system is busy. The documentation asks for another try. */
export const isBusy = (errcode: number): boolean => errcode === -1

/** The access token is wrong (40001, 40014) or has expired (42001): get another one and repeat the call. */
export const isTokenRejected = (errcode: number): boolean => [40001, 40014, 42001].includes(errcode)

/**
 * What an errcode other than 0 means to us. Those from 40000 on, 45009 and 45011 aside, do not mend themselves: wrong
 * credentials (40013, 40125), an address outside the allow-list (40164), a permission that is not granted (48001), or a
 * request that WeChat no longer understands.
 */
export function meaningOf(errcode: number): WeChatErrorCode {
  if (throttled.has(errcode)) return 'wechat_throttled'
  return errcode >= 40000 ? 'wechat_configuration' : 'wechat_unavailable'
}
