import type { Clock } from '../../../lib/clock.ts'
import type { Random } from '../../../lib/random.ts'
import type { WeChat, WeChatAccessTokenStore, WeChatQr } from '../../domain/ports/wechat.ts'
import { WeChatError } from '../../domain/ports/wechat-error.ts'
import { AccessToken } from './access-token.ts'
import { callWeChat, unavailable, type WeChatAnswer, type WeChatEndpoint } from './client.ts'
import { decodeEncodingAesKey } from './message-crypto.ts'
import { openPush, type PushKeys, verifyUrl } from './push.ts'
import { sealReply } from './reply.ts'

export interface WeChatOptions {
  /** Left out: `https://api.weixin.qq.com`. */
  readonly baseUrl?: string
  readonly appId: string
  readonly appSecret: string
  /** The token of the message push settings. */
  readonly token: string
  /** 43 characters. */
  readonly encodingAesKey: string
  /** The EncodingAESKey before the last change; pushes sealed with it are still opened. */
  readonly previousEncodingAesKey?: string
  /** Whether the account is tied to an Open Platform account, so that people have a unionid; left out: it is not. */
  readonly openPlatform?: boolean
  readonly accessTokens: WeChatAccessTokenStore
  readonly clock: Clock
  readonly random: Random
  /** Milliseconds for one call of WeChat's API; left out: 5000. */
  readonly timeout?: number
  /** Milliseconds before a call that met a busy system is repeated; left out: 250. */
  readonly busyDelay?: number
}

const createOperation = 'cgi-bin/qrcode/create'
const longestLife = 2_592_000
const infoOperation = 'cgi-bin/user/info'
/** Milliseconds. A push is answered within five seconds, or WeChat sends it again. */
const longestLookUp = 2000

/**
 * A WeChat official account (服务号) with parametric QR codes and the message push in security mode. Nothing is called
 * before it is needed.
 * @throws {WeChatError} `wechat_configuration` when a setting is malformed
 */
export function openWeChat(options: WeChatOptions): WeChat {
  const { clock, random, appId, token } = options
  if (!/^wx[0-9a-f]{16}$/.test(appId)) {
    throw new WeChatError('wechat_configuration', 'a WeChat appid is wx and 16 hexadecimal digits')
  }
  if (!/^[A-Za-z0-9]{3,32}$/.test(token)) {
    throw new WeChatError('wechat_configuration', 'a WeChat push token has 3 to 32 letters and digits')
  }
  const keys: PushKeys = {
    appId,
    token,
    current: decodeEncodingAesKey(options.encodingAesKey),
    previous:
      options.previousEncodingAesKey === undefined ? undefined : decodeEncodingAesKey(options.previousEncodingAesKey),
  }
  const endpoint: WeChatEndpoint = {
    baseUrl: options.baseUrl ?? 'https://api.weixin.qq.com',
    timeout: options.timeout ?? 5000,
    busyDelay: options.busyDelay ?? 250,
    clock,
  }
  const accessToken = new AccessToken(endpoint, options, options.accessTokens)
  return {
    createQr: (scene, expiresInSeconds) => createQr(endpoint, accessToken, scene, expiresInSeconds),
    readUnionid: async openid =>
      options.openPlatform ? within(longestLookUp, readUnionid(endpoint, accessToken, openid)) : undefined,
    verifyUrl: query => verifyUrl(token, query),
    openPush: (query, body) => openPush(keys, clock, query, body),
    sealReply: (scan, text) => sealReply(keys, { clock, random }, scan, text),
  }
}

/** "Generating a Parametric QR Code" (生成带参数的二维码), temporary, with a text scene. */
async function createQr(
  endpoint: WeChatEndpoint,
  accessToken: AccessToken,
  scene: string,
  expiresInSeconds: number,
): Promise<WeChatQr> {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(scene)) throw new RangeError('a WeChat scene has 1 to 64 characters')
  if (!Number.isSafeInteger(expiresInSeconds) || expiresInSeconds < 1 || expiresInSeconds > longestLife) {
    throw new RangeError('a temporary WeChat QR code lives 1 to 2592000 seconds')
  }
  const body = {
    expire_seconds: expiresInSeconds,
    action_name: 'QR_STR_SCENE',
    action_info: { scene: { scene_str: scene } },
  }
  const answer = await accessToken.use(token => callWeChat(endpoint, createOperation, { access_token: token }, body))
  return readQr(answer, expiresInSeconds)
}

function readQr({ url, expire_seconds: life }: WeChatAnswer, requested: number): WeChatQr {
  // It is drawn on people's terminals.
  if (typeof url !== 'string' || !/^https?:\/\/[\x21-\x7e]{1,248}$/.test(url)) {
    throw unavailable(createOperation, 'gave no address for the QR code')
  }
  if (typeof life !== 'number' || !Number.isSafeInteger(life) || life < 1) {
    throw unavailable(createOperation, 'gave a QR code without a lifetime')
  }
  return { url, expiresInSeconds: Math.min(life, requested) }
}

/** "Get User Basic Information" (获取用户基本信息): of people who follow the account. */
async function readUnionid(
  endpoint: WeChatEndpoint,
  accessToken: AccessToken,
  openid: string,
): Promise<string | undefined> {
  const answer = await accessToken.use(token =>
    callWeChat(endpoint, infoOperation, { access_token: token, openid, lang: 'zh_CN' }, undefined),
  )
  if (answer.openid !== openid) throw unavailable(infoOperation, 'told of somebody else')
  // People who do not follow the account have none; where nothing is tied together, nobody has.
  const { unionid } = answer
  if (unionid === undefined || unionid === '') return undefined
  if (typeof unionid !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(unionid)) {
    throw unavailable(infoOperation, 'gave a unionid that is none')
  }
  return unionid
}

/** What `work` comes to in time; what is late is left to end by itself. */
async function within<Result>(milliseconds: number, work: Promise<Result>): Promise<Result> {
  const late = new Promise<never>((_resolve, reject) => {
    AbortSignal.timeout(milliseconds).addEventListener('abort', () =>
      reject(unavailable(infoOperation, 'did not answer in time')),
    )
  })
  return Promise.race([work, late])
}
