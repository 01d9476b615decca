import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import { json, type LoopbackAnswer, type LoopbackRequest } from '../loopback-server.ts'
import type { WeChatCredentials } from './credentials.ts'

/** The operations that can be made to fail. */
export type WeChatOperation = 'stable_token' | 'qrcode/create' | 'user/info'

/** What a QR code leads to. */
export type QrLookup =
  | { readonly outcome: 'found'; readonly scene: string }
  | { readonly outcome: 'unknown' | 'expired' }

/** What the API of one official account does, as documented, errors included. */
export interface WeChatApi {
  answer(request: LoopbackRequest): LoopbackAnswer
  /** Answers the next `times` calls (of one operation, where it is named) with `errcode`. */
  failNext(errcode: number, options?: { readonly times?: number; readonly operation?: WeChatOperation }): void
  /** Voids every access token, as when the account's secret is reset. */
  revokeTokens(): void
  lookUp(url: string): QrLookup
  /**
   * Has somebody follow the account.
   * @param unionid left out: one of their own
   * @returns whether they followed it before
   */
  follow(openid: string, unionid?: string): boolean
  /** Somebody stops following it; WeChat tells nothing of them any more. */
  unfollow(openid: string): void
  /** How often each operation was called, failures included. */
  readonly calls: Readonly<Record<WeChatOperation, number>>
}

class ApiFault extends Error {
  readonly errcode: number

  constructor(errcode: number) {
    super(String(errcode))
    this.errcode = errcode
  }
}

/** The words of WeChat's table of return codes. */
const errmsgs: Readonly<Record<number, string>> = {
  [-1]: 'system error',
  40001: 'invalid credential, access_token is invalid or not latest',
  40002: 'invalid grant_type',
  40003: 'invalid openid',
  40013: 'invalid appid',
  40014: 'invalid access_token',
  40052: 'invalid action name',
  40053: 'invalid action info, please check document',
  40066: 'invalid url',
  40125: 'invalid appsecret',
  40164: 'invalid ip, not in whitelist',
  41001: 'access_token missing',
  41002: 'appid missing',
  41004: 'appsecret missing',
  41009: 'openid missing',
  42001: 'access_token expired',
  43001: 'require GET method',
  43002: 'require POST method',
  45009: 'reach max api daily quota limit',
  45011: 'api minute-quota reach limit must slower retry next minute',
  47001: 'data format error',
  48001: 'api unauthorized',
}

const tokenLife = 7200
/** The last seconds of a token in which a normal call hands out the next one. */
const overlap = 300
const forcedInterval = 30
const forcedPerDay = 20
const defaultQrLife = 60
const longestQrLife = 2_592_000
const rememberedQrs = 10_000
const rememberedTokens = 100

interface Token {
  readonly value: string
  /** Seconds since the Unix epoch. */
  readonly expiresAt: number
}

interface Person {
  readonly unionid: string
  /** Seconds since the Unix epoch; undefined when they follow the account no longer. */
  readonly since: number | undefined
}

/**
 * @param tokenLength characters of an access token; WeChat announces up to 512
 * @param openPlatform whether the account is tied to an Open Platform account
 */
export function createWeChatApi(
  credentials: WeChatCredentials,
  {
    clock,
    random,
    tokenLength = 512,
    openPlatform = false,
  }: { clock: Clock; random: Random; tokenLength?: number; openPlatform?: boolean },
): WeChatApi {
  const qrs = new Map<string, { readonly scene: string; readonly expiresAt: number }>()
  const people = new Map<string, Person>()
  const calls = { stable_token: 0, 'qrcode/create': 0, 'user/info': 0 }
  let tokens: Token[] = []
  let forced: number[] = []
  let failures: { readonly errcode: number; readonly operation: WeChatOperation | undefined }[] = []
  const seconds = () => Math.floor(clock.now() / 1000)
  const randomText = (length: number) => Buffer.from(random.bytes(length)).toString('base64url').slice(0, length)

  function issueToken(): Token {
    const token = { value: randomText(tokenLength), expiresAt: seconds() + tokenLife }
    tokens = [token, ...tokens].slice(0, rememberedTokens)
    return token
  }

  function forceToken(): Token | undefined {
    const now = seconds()
    forced = forced.filter(at => at > now - 86_400)
    if (forced.length >= forcedPerDay) throw new ApiFault(45009)
    // Within half a minute of the last time it does not refresh, says the documentation.
    if (forced.some(at => at > now - forcedInterval)) return undefined
    forced.push(now)
    tokens = []
    return issueToken()
  }

  function stableToken(body: Record<string, unknown>): unknown {
    if (body.grant_type !== 'client_credential') throw new ApiFault(40002)
    if (typeof body.appid !== 'string' || body.appid === '') throw new ApiFault(41002)
    if (typeof body.secret !== 'string' || body.secret === '') throw new ApiFault(41004)
    if (body.appid !== credentials.appId) throw new ApiFault(40013)
    if (body.secret !== credentials.appSecret) throw new ApiFault(40125)
    const newest = tokens[0]
    const reusable = newest && newest.expiresAt - seconds() > overlap ? newest : undefined
    const token = (body.force_refresh === true ? forceToken() : undefined) ?? reusable ?? issueToken()
    return { access_token: token.value, expires_in: token.expiresAt - seconds() }
  }

  function verifyToken(query: string): void {
    const value = new URLSearchParams(query).get('access_token')
    if (!value) throw new ApiFault(41001)
    const token = tokens.find(known => known.value === value)
    if (token === undefined) throw new ApiFault(40001)
    if (token.expiresAt <= seconds()) throw new ApiFault(42001)
  }

  function createQr(body: Record<string, unknown>): unknown {
    if (body.action_name !== 'QR_STR_SCENE') throw new ApiFault(40052)
    const scene = sceneOf(body.action_info)
    const life = body.expire_seconds ?? defaultQrLife
    if (scene === undefined || typeof life !== 'number' || !Number.isInteger(life) || life < 1) {
      throw new ApiFault(40053)
    }
    const granted = Math.min(life, longestQrLife)
    const url = `http://weixin.qq.com/q/02${randomText(20)}`
    qrs.set(url, { scene, expiresAt: seconds() + granted })
    const oldest = qrs.keys().next()
    if (qrs.size > rememberedQrs && !oldest.done) qrs.delete(oldest.value)
    return { ticket: `gQ${randomText(94)}`, expire_seconds: granted, url }
  }

  function userInfo(query: string): unknown {
    const openid = new URLSearchParams(query).get('openid')
    if (!openid) throw new ApiFault(41009)
    const person = people.get(openid)
    if (person === undefined) throw new ApiFault(40003)
    if (person.since === undefined) return { subscribe: 0, openid, tagid_list: [] }
    return {
      subscribe: 1,
      openid,
      language: 'zh_CN',
      subscribe_time: person.since,
      ...(openPlatform ? { unionid: person.unionid } : {}),
      remark: '',
      groupid: 0,
      tagid_list: [],
      subscribe_scene: 'ADD_SCENE_QR_CODE',
      qr_scene: 0,
      qr_scene_str: '',
    }
  }

  function perform(request: LoopbackRequest): unknown {
    const operation = operationAt(request.path)
    if (operation === undefined) throw new ApiFault(40066)
    calls[operation] += 1
    const failure = failures.find(planned => planned.operation === undefined || planned.operation === operation)
    if (failure !== undefined) {
      failures = failures.filter(planned => planned !== failure)
      throw new ApiFault(failure.errcode)
    }
    if (operation === 'user/info') {
      if (request.method !== 'GET') throw new ApiFault(43001)
      verifyToken(request.query)
      return userInfo(request.query)
    }
    if (request.method !== 'POST') throw new ApiFault(43002)
    if (operation === 'qrcode/create') verifyToken(request.query)
    const body = jsonObject(request.body)
    return operation === 'stable_token' ? stableToken(body) : createQr(body)
  }

  return {
    calls,
    answer: request => {
      try {
        return json(perform(request))
      } catch (fault) {
        if (!(fault instanceof ApiFault)) throw fault
        const rid = `${Buffer.from(random.bytes(4)).toString('hex')}-${Buffer.from(random.bytes(4)).toString('hex')}`
        return json({ errcode: fault.errcode, errmsg: `${errmsgs[fault.errcode] ?? 'error'} rid: ${rid}` })
      }
    },
    failNext: (errcode, { times = 1, operation } = {}) => {
      for (let left = times; left > 0; left--) failures.push({ errcode, operation })
    },
    revokeTokens: () => {
      tokens = []
    },
    follow: (openid, unionid) => {
      const known = people.get(openid)
      people.set(openid, {
        unionid: unionid ?? known?.unionid ?? `o${randomText(27)}`,
        since: known?.since ?? seconds(),
      })
      return known?.since !== undefined
    },
    unfollow: openid => {
      const known = people.get(openid)
      if (known) people.set(openid, { ...known, since: undefined })
    },
    lookUp: url => {
      const qr = qrs.get(url)
      if (qr === undefined) return { outcome: 'unknown' }
      return qr.expiresAt <= seconds() ? { outcome: 'expired' } : { outcome: 'found', scene: qr.scene }
    },
  }
}

function operationAt(path: string): WeChatOperation | undefined {
  const operations = ['stable_token', 'qrcode/create', 'user/info'] as const
  return operations.find(operation => path === `/cgi-bin/${operation}`)
}

function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Answered like any other body that is not an object.
  }
  throw new ApiFault(47001)
}

/** `{"scene": {"scene_str": "…"}}`, 1–64 characters. */
function sceneOf(info: unknown): string | undefined {
  const scene = typeof info === 'object' && info !== null && 'scene' in info ? info.scene : undefined
  const text = typeof scene === 'object' && scene !== null && 'scene_str' in scene ? scene.scene_str : undefined
  return typeof text === 'string' && text.length >= 1 && text.length <= 64 ? text : undefined
}
