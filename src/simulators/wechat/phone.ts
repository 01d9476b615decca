import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import { callOut } from '../call-out.ts'
import type { WeChatApi } from './api.ts'
import type { WeChatCredentials } from './credentials.ts'
import { openReply, sealPush } from './sealing.ts'

/**
 * - `scanned`: the account server took the push. `reply` is what the person reads, null when it said nothing
 * - `unknown`, `expired`: what the phone says about the QR code
 * - `undelivered`: no answer in time, three repetitions included, or one that WeChat does not accept
 */
export type ScanResult =
  | {
      readonly outcome: 'scanned'
      readonly event: 'subscribe' | 'SCAN'
      readonly openid: string
      readonly reply: string | null
    }
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'expired' }
  | { readonly outcome: 'undelivered'; readonly openid: string; readonly status: number | undefined }

/** People with WeChat on their phones. */
export interface Scanner {
  /** Whose phone; left out: always the same person's. */
  readonly openid?: string
  /** Who that is to the Open Platform; left out: nobody else. */
  readonly unionid?: string
}

export interface WeChatPhone {
  /**
   * Scans a QR code. Who does not follow the account yet follows it by this.
   * @param url what the QR code says
   */
  scan(url: string, scanner?: Scanner): Promise<ScanResult>
  /** Scans, and gives what pushes this one scan each time that it is called; at once or late, once or more often. */
  scanFor(url: string, scanner?: Scanner): () => Promise<ScanResult>
  /** Pushes the last scan once more, as WeChat does when the answer got lost. */
  repeatLastPush(): Promise<ScanResult>
}

export interface WeChatPhoneOptions {
  readonly clock: Clock
  readonly random: Random
  readonly credentials: WeChatCredentials
  /** The account's own id, `gh_…`. */
  readonly officialAccount: string
  /** Milliseconds that the callback has for its answer. */
  readonly answerTimeout: number
  callbackUrl(): string | undefined
}

interface ScanEvent {
  readonly event: 'subscribe' | 'SCAN'
  readonly openid: string
  readonly xml: string
}

const repetitions = 3

export function createWeChatPhone(api: Pick<WeChatApi, 'lookUp' | 'follow'>, options: WeChatPhoneOptions): WeChatPhone {
  const { clock, random, credentials, officialAccount } = options
  const owner = openidFrom(random)
  let last: ScanEvent | undefined

  function eventOf(scene: string, openid: string, unionid: string | undefined): ScanEvent {
    const event = api.follow(openid, unionid) ? 'SCAN' : 'subscribe'
    const fields = [
      `<ToUserName><![CDATA[${officialAccount}]]></ToUserName>`,
      `<FromUserName><![CDATA[${openid}]]></FromUserName>`,
      `<CreateTime>${Math.floor(clock.now() / 1000)}</CreateTime>`,
      '<MsgType><![CDATA[event]]></MsgType>',
      `<Event><![CDATA[${event}]]></Event>`,
      `<EventKey><![CDATA[${event === 'subscribe' ? 'qrscene_' : ''}${scene}]]></EventKey>`,
      `<Ticket><![CDATA[gQ${Buffer.from(random.bytes(45)).toString('base64')}]]></Ticket>`,
    ]
    return { event, openid, xml: `<xml>${fields.join('\n')}\n</xml>` }
  }

  async function push({ event, openid, xml }: ScanEvent): Promise<ScanResult> {
    let status: number | undefined
    for (let attempt = 0; attempt <= repetitions; attempt++) {
      const callback = options.callbackUrl()
      if (callback === undefined) break
      const seconds = Math.floor(clock.now() / 1000)
      const sealed = sealPush(credentials, random, { officialAccount, openid, xml, seconds })
      const url = new URL(callback)
      for (const [name, value] of sealed.query) url.searchParams.set(name, value)
      const answer = await callOut(url, options.answerTimeout, { type: 'text/xml', body: sealed.body })
      if (answer === undefined) continue
      status = answer.status
      if (status !== 200) break
      if (answer.body === '' || answer.body === 'success') return { outcome: 'scanned', event, openid, reply: null }
      const reply = openReply(credentials, openid, answer.body)
      if (reply === undefined) break
      return { outcome: 'scanned', event, openid, reply }
    }
    return { outcome: 'undelivered', openid, status }
  }

  function scanFor(url: string, { openid = owner, unionid }: Scanner = {}): () => Promise<ScanResult> {
    const found = api.lookUp(url)
    if (found.outcome !== 'found') return async () => ({ outcome: found.outcome })
    const scanned = eventOf(found.scene, openid, unionid)
    last = scanned
    return () => push(scanned)
  }

  return {
    scanFor,
    scan: (url, scanner) => scanFor(url, scanner)(),
    repeatLastPush: async () => (last === undefined ? { outcome: 'unknown' } : push(last)),
  }
}

/** `o` and 27 more characters, like the real ones. */
const openidFrom = (random: Random): string => `o${Buffer.from(random.bytes(21)).toString('base64url').slice(0, 27)}`
