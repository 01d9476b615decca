import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import { json, type LoopbackAnswer, type LoopbackRequest } from '../loopback-server.ts'
import type { WeChatCredentials } from './credentials.ts'

// WeChat's web authorisation (网页授权) as its documentation has it: the page that WeChat's browser is sent to, which
// leads back with a code, and the exchange of the code. Who the browser belongs to its cookie says, as WeChat's does.

/** Who holds the phone. */
export interface WeChatPerson {
  readonly openid: string
  /** Left out: the account is not tied to an Open Platform account. */
  readonly unionid?: string
  /** Whether WeChat shows this person a preview, and gives a stand-in for them. */
  readonly snapshot?: boolean
  /** Whether they are asked, and say no: they come back without a code. */
  readonly refuses?: boolean
}

export interface WeChatAuthorisation {
  /** Answers what is addressed to web authorisation; undefined for anything else. */
  answer(request: LoopbackRequest): LoopbackAnswer | undefined
  /** The host (and port) that the account's settings name for web authorisation (网页授权域名). */
  setDomain(host: string): void
  /** Answers the next exchange with `errcode`. */
  failNextExchange(errcode: number): void
  /** The `Cookie` header of this person's browser. */
  cookieOf(person: WeChatPerson): string
  /** What WeChat was asked so far. */
  readonly calls: { authorize: number; access_token: number }
}

const codeLifetime = 300
const personCookie = 'wechat_person'

interface Code {
  readonly person: WeChatPerson
  readonly expiresAt: number
  used: boolean
}

class ExchangeFault extends Error {
  readonly errcode: number
  constructor(errcode: number) {
    super(String(errcode))
    this.errcode = errcode
  }
}

const errmsgs: Readonly<Record<number, string>> = {
  [-1]: 'system error',
  40002: 'invalid grant_type',
  40013: 'invalid appid',
  40029: 'invalid code',
  40125: 'invalid appsecret',
  40163: 'code been used',
  41002: 'appid missing',
  41004: 'appsecret missing',
  41008: 'missing code',
  42003: 'code expired',
  43001: 'require GET method',
  45011: 'api minute-quota reach limit must slower retry next minute',
}

/** The address as WeChat matches it, parameters in the documented order. */
const documentedQuery =
  /^appid=(?<appid>[^&]*)&redirect_uri=(?<redirect>[^&]*)&response_type=code&scope=(?<scope>snsapi_base|snsapi_userinfo)(?:&state=(?<state>[^&]*))?$/

const page = (status: number, words: string): LoopbackAnswer => ({
  status,
  contentType: 'text/html; charset=utf-8',
  body: `<!doctype html><title>WeChat</title><p>${words}</p>`,
})

export function createWeChatAuthorisation(
  credentials: Pick<WeChatCredentials, 'appId' | 'appSecret'>,
  { clock, random }: { clock: Clock; random: Random },
): WeChatAuthorisation {
  const codes = new Map<string, Code>()
  const calls = { authorize: 0, access_token: 0 }
  const failures: number[] = []
  let domain: string | undefined
  const seconds = () => Math.floor(clock.now() / 1000)
  const randomText = (bytes: number) => Buffer.from(random.bytes(bytes)).toString('hex')

  function authorize(request: LoopbackRequest): LoopbackAnswer {
    calls.authorize += 1
    const person = personOf(request.headers.cookie ?? '')
    if (person === undefined) return page(200, 'Please open this link in the WeChat client.')
    const found = documentedQuery.exec(request.query)?.groups
    if (!found) return page(200, 'This link cannot be opened.')
    if (found.appid !== credentials.appId) return page(200, 'appid: 10012 or 10016')
    if (!/^[A-Za-z0-9]{0,128}$/.test(found.state ?? '')) return page(200, 'state: not letters and digits, or too long')
    const redirect = urlOf(found.redirect ?? '')
    if (redirect === undefined || redirect.host !== domain) return page(200, 'redirect_uri: 10003')
    if (!person.refuses) {
      const code = randomText(16)
      codes.set(code, { person, expiresAt: seconds() + codeLifetime, used: false })
      redirect.searchParams.set('code', code)
    }
    redirect.searchParams.set('state', found.state ?? '')
    return { ...page(302, ''), location: redirect.href }
  }

  function exchange(request: LoopbackRequest): unknown {
    calls.access_token += 1
    const planned = failures.shift()
    if (planned !== undefined) throw new ExchangeFault(planned)
    if (request.method !== 'GET') throw new ExchangeFault(43001)
    const query = new URLSearchParams(request.query)
    if (!query.get('appid')) throw new ExchangeFault(41002)
    if (!query.get('secret')) throw new ExchangeFault(41004)
    if (!query.get('code')) throw new ExchangeFault(41008)
    if (query.get('grant_type') !== 'authorization_code') throw new ExchangeFault(40002)
    if (query.get('appid') !== credentials.appId) throw new ExchangeFault(40013)
    if (query.get('secret') !== credentials.appSecret) throw new ExchangeFault(40125)
    const code = codes.get(query.get('code') ?? '')
    if (code === undefined) throw new ExchangeFault(40029)
    if (code.used) throw new ExchangeFault(40163)
    if (code.expiresAt <= seconds()) throw new ExchangeFault(42003)
    code.used = true
    const { openid, unionid, snapshot } = code.person
    return {
      access_token: randomText(64),
      expires_in: 7200,
      refresh_token: randomText(64),
      openid: snapshot ? `o${randomText(13)}x` : openid,
      scope: 'snsapi_base',
      ...(unionid === undefined ? {} : { unionid }),
      ...(snapshot ? { is_snapshotuser: 1 } : {}),
    }
  }

  return {
    calls,
    setDomain: host => {
      domain = host
    },
    failNextExchange: errcode => void failures.push(errcode),
    cookieOf: person => `${personCookie}=${Buffer.from(JSON.stringify(person)).toString('base64url')}`,
    answer: request => {
      if (request.path === '/connect/oauth2/authorize') return authorize(request)
      if (request.path !== '/sns/oauth2/access_token') return undefined
      try {
        return json(exchange(request))
      } catch (fault) {
        if (!(fault instanceof ExchangeFault)) throw fault
        const { errcode } = fault
        return json({ errcode, errmsg: `${errmsgs[errcode] ?? 'error'}, rid: ${randomText(4)}-${randomText(4)}` })
      }
    },
  }
}

function personOf(cookie: string): WeChatPerson | undefined {
  const value = new RegExp(`(?:^|; )${personCookie}=([A-Za-z0-9_-]+)`).exec(cookie)?.[1]
  return value === undefined
    ? undefined
    : (JSON.parse(Buffer.from(value, 'base64url').toString('utf8')) as WeChatPerson)
}

function urlOf(encoded: string): URL | undefined {
  try {
    return new URL(decodeURIComponent(encoded))
  } catch {
    return undefined
  }
}
