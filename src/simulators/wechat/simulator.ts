import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import { callOut } from '../call-out.ts'
import { startLoopbackServer } from '../loopback-server.ts'
import { createWeChatApi, type WeChatApi } from './api.ts'
import { createWeChatAuthorisation, type WeChatAuthorisation, type WeChatPerson } from './authorisation.ts'
import { type ShownPage, WeChatBrowser } from './browser.ts'
import { randomCredentials, type WeChatCredentials } from './credentials.ts'
import { createWeChatPhone, type WeChatPhone } from './phone.ts'
import { signatureOver } from './sealing.ts'

export interface WeChatSimulatorOptions {
  readonly clock: Clock
  readonly random: Random
  /** Where pushes go; until it is set, scans are `undelivered`. */
  readonly callbackUrl?: string
  /** Left out: fresh random ones. */
  readonly credentials?: WeChatCredentials
  /** Whether the account is tied to an Open Platform account, so that people have a unionid; left out: it is not. */
  readonly openPlatform?: boolean
  /** Milliseconds that the callback has for its answer; left out: WeChat's 5000. */
  readonly answerTimeout?: number
}

/** WeChat, as far as one official account sees it, and the people who scan its QR codes. */
export interface WeChatSimulator
  extends WeChatPhone,
    Pick<WeChatApi, 'failNext' | 'revokeTokens' | 'unfollow' | 'calls'> {
  readonly baseUrl: string
  readonly credentials: WeChatCredentials
  readonly authorisation: Pick<WeChatAuthorisation, 'setDomain' | 'failNextExchange' | 'calls'>
  /** A browser of WeChat's on the phone of `person`; `language` is what it says of itself. */
  browserOf(person: WeChatPerson, language?: string): WeChatBrowser
  /**
   * Opens what a QR code says as WeChat does when it is an address of somebody's, and presses the first button of the
   * page, or the second.
   * @returns the page at the end
   */
  authorise(url: string, person: WeChatPerson, agree?: boolean): Promise<ShownPage>
  setCallbackUrl(url: string): void
  /** Checks the callback as WeChat does when its address is saved. @returns whether it answered `echostr` verbatim */
  verifyCallback(): Promise<boolean>
  close(): Promise<void>
}

/** Starts an HTTP server that speaks WeChat's documented API on 127.0.0.1. */
export async function startWeChatSimulator(options: WeChatSimulatorOptions): Promise<WeChatSimulator> {
  const { clock, random, openPlatform = false, answerTimeout = 5000 } = options
  const credentials = options.credentials ?? randomCredentials(random)
  let callbackUrl = options.callbackUrl
  const api = createWeChatApi(credentials, { clock, random, openPlatform })
  const phone = createWeChatPhone(api, {
    clock,
    random,
    credentials,
    officialAccount: `gh_${hex(random, 6)}`,
    answerTimeout,
    callbackUrl: () => callbackUrl,
  })
  const authorisation = createWeChatAuthorisation(credentials, { clock, random })
  const server = await startLoopbackServer(64 * 1024, request => authorisation.answer(request) ?? api.answer(request))
  const browserOf = (person: WeChatPerson, language?: string) =>
    new WeChatBrowser({
      wechatCookie: authorisation.cookieOf(person),
      wechatOrigin: server.origin,
      ...(language === undefined ? {} : { language }),
    })
  return {
    ...phone,
    authorisation,
    browserOf,
    authorise: async (url, person, agree = true) => {
      const browser = browserOf(person)
      const page = await browser.open(url)
      return page.status === 200 ? browser.press(page, agree ? 0 : 1) : page
    },
    failNext: api.failNext,
    revokeTokens: api.revokeTokens,
    unfollow: api.unfollow,
    calls: api.calls,
    baseUrl: server.origin,
    credentials,
    setCallbackUrl: url => {
      callbackUrl = url
    },
    verifyCallback: async () => {
      if (callbackUrl === undefined) return false
      const timestamp = String(Math.floor(clock.now() / 1000))
      const nonce = hex(random, 5)
      const echostr = String(Buffer.from(random.bytes(8)).readBigUInt64BE())
      const url = new URL(callbackUrl)
      const signature = signatureOver([credentials.token, timestamp, nonce])
      for (const [name, value] of Object.entries({ signature, timestamp, nonce, echostr })) {
        url.searchParams.set(name, value)
      }
      const answer = await callOut(url, answerTimeout, undefined)
      return answer?.status === 200 && answer.body === echostr
    },
    close: server.close,
  }
}

const hex = (random: Random, length: number): string => Buffer.from(random.bytes(length)).toString('hex')
