import type { Clock } from '../../../lib/clock.ts'
import type { WeChatCallbackQuery, WeChatPush, WeChatScan } from '../../domain/ports/wechat.ts'
import { WeChatPushRefused } from '../../domain/ports/wechat-error.ts'
import { decryptMessage, verifySignature } from './message-crypto.ts'
import { parseWeChatXml, type WeChatXml } from './xml.ts'

/** What a push is authenticated and decrypted with. */
export interface PushKeys {
  readonly appId: string
  /** The token that both sides sign with. */
  readonly token: string
  /** 32 bytes. */
  readonly current: Uint8Array
  /** The key before the last change of keys, 32 bytes. */
  readonly previous: Uint8Array | undefined
}

/** Bytes. A scan is about 1 KiB; the longest text message that WeChat pushes is far below this. */
const maximumPushLength = 64 * 1024
/** Milliseconds between WeChat's clock and ours; its repetitions come within seconds. */
const longestAge = 5 * 60_000
const subscribePrefix = 'qrscene_'

/** See {@link import('../../domain/ports/wechat.ts').WeChat.verifyUrl}: "Accessing Guide" (接入指南), step 2. */
export function verifyUrl(token: string, query: WeChatCallbackQuery): string {
  const echo = parameter(query, 'echostr', /^[\x21-\x7e]{1,512}$/)
  const { timestamp, nonce } = signedParameters(query)
  verifySignature(parameter(query, 'signature', /^[0-9a-f]{40}$/), token, timestamp, nonce)
  return echo
}

/**
 * See {@link import('../../domain/ports/wechat.ts').WeChat.openPush}: "Receiving Event Pushes" (接收事件推送), scanning
 * a parametric QR code. Only what was encrypted counts: a compatibility-mode envelope's plain elements are not read.
 */
export function openPush(
  keys: PushKeys,
  clock: Pick<Clock, 'now'>,
  query: WeChatCallbackQuery,
  body: string,
): WeChatPush {
  if (query.encrypt_type !== 'aes') throw new WeChatPushRefused('mode')
  if (Buffer.byteLength(body) > maximumPushLength) throw new WeChatPushRefused('size')
  const { timestamp, nonce } = signedParameters(query)
  const signature = parameter(query, 'msg_signature', /^[0-9a-f]{40}$/)
  const encrypted = parseWeChatXml(body).text('Encrypt')
  verifySignature(signature, keys.token, timestamp, nonce, encrypted)
  if (Math.abs(clock.now() - Number(timestamp) * 1000) > longestAge) throw new WeChatPushRefused('stale')
  const { xml, sealedWith } = decryptWithEither(keys, encrypted)
  return readPush(parseWeChatXml(xml), sealedWith)
}

const signedParameters = (query: WeChatCallbackQuery) => ({
  timestamp: parameter(query, 'timestamp', /^\d{1,20}$/),
  nonce: parameter(query, 'nonce', /^[\x21-\x7e]{1,64}$/),
})

function parameter(query: WeChatCallbackQuery, name: string, shape: RegExp): string {
  const value = query[name]
  if (typeof value !== 'string' || !shape.test(value)) throw new WeChatPushRefused('format')
  return value
}

function decryptWithEither(keys: PushKeys, encrypted: string): { xml: string; sealedWith: WeChatScan['sealedWith'] } {
  try {
    return { xml: decryptMessage(keys.current, keys.appId, encrypted), sealedWith: 'current' }
  } catch (refusal) {
    if (keys.previous === undefined) throw refusal
    try {
      return { xml: decryptMessage(keys.previous, keys.appId, encrypted), sealedWith: 'previous' }
    } catch {
      throw refusal
    }
  }
}

function readPush(xml: WeChatXml, sealedWith: WeChatScan['sealedWith']): WeChatPush {
  if (xml.text('MsgType') !== 'event') return { kind: 'other' }
  const scene = sceneOf(xml)
  if (scene === undefined) return { kind: 'other' }
  return {
    kind: 'scan',
    ...scene,
    openid: shaped(xml.text('FromUserName'), /^[A-Za-z0-9_-]{1,64}$/),
    officialAccount: shaped(xml.text('ToUserName'), /^[A-Za-z0-9_-]{1,64}$/),
    createTime: Number(shaped(xml.text('CreateTime'), /^\d{1,12}$/)),
    sealedWith,
  }
}

function sceneOf(xml: WeChatXml): { scene: string; followed: boolean } | undefined {
  const event = xml.text('Event')
  if (event !== 'subscribe' && event !== 'SCAN') return undefined
  const key = xml.text('EventKey')
  const followed = event === 'subscribe'
  // Following without a scan is a `subscribe` too, with an empty key.
  if (followed && !key.startsWith(subscribePrefix)) return undefined
  const scene = followed ? key.slice(subscribePrefix.length) : key
  // Scenes that are not shaped like ours belong to QR codes that others made for this account.
  return /^[A-Za-z0-9_-]{1,64}$/.test(scene) ? { scene, followed } : undefined
}

function shaped(text: string, shape: RegExp): string {
  if (!shape.test(text)) throw new WeChatPushRefused('format')
  return text
}
