import { json, type LoopbackAnswer, problem, startLoopbackServer } from './loopback-server.ts'
import { answerOutbox, type Mailbox } from './mailbox/mailbox.ts'
import type { WeChatPhone } from './wechat/phone.ts'

/** Where the ephemeral server's mailbox is read and its phone is made to scan. */
export interface OuterEdge {
  /** `GET <outboxUrl>?to=ADDRESS` */
  readonly outboxUrl: string
  /** `POST <wechatScanUrl>` with `{"url": "<what the QR says>", "openid"?: "<whose phone>"}` */
  readonly wechatScanUrl: string
  close(): Promise<void>
}

const maximumBodyLength = 4 * 1024

/** One loopback server for what a person would do with a phone and a mail program. */
export async function startOuterEdge({
  mailbox,
  wechat,
}: {
  mailbox: Pick<Mailbox, 'messages' | 'deliver'>
  wechat: Pick<WeChatPhone, 'scan'>
}): Promise<OuterEdge> {
  const server = await startLoopbackServer(maximumBodyLength, request => {
    if (request.path === '/outbox') return answerOutbox(mailbox, request)
    if (request.path !== '/wechat-scan') return problem(404, 'not_found', 'There are /outbox and /wechat-scan.')
    if (request.method !== 'POST') return problem(405, 'method_not_allowed', 'A scan is sent with POST.')
    return answerScan(wechat, request.body)
  })
  return {
    outboxUrl: `${server.origin}/outbox`,
    wechatScanUrl: `${server.origin}/wechat-scan`,
    close: server.close,
  }
}

async function answerScan(wechat: Pick<WeChatPhone, 'scan'>, body: string): Promise<LoopbackAnswer> {
  const wanted = readScan(body)
  if (wanted === undefined) return problem(400, 'bad_request', 'Say what the QR code says: {"url": "http://…"}.')
  const scan = await wechat.scan(wanted.url, wanted.openid === undefined ? {} : { openid: wanted.openid })
  if (scan.outcome === 'unknown') return problem(404, 'qr_unknown', 'WeChat knows no such QR code.')
  if (scan.outcome === 'expired') return problem(410, 'qr_expired', 'This QR code has expired.')
  if (scan.outcome === 'undelivered')
    return problem(502, 'push_undelivered', 'The account server did not take the push.')
  return json({ scanned: true, event: scan.event, openid: scan.openid, reply: scan.reply })
}

function readScan(body: string): { url: string; openid: string | undefined } | undefined {
  let wanted: unknown
  try {
    wanted = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof wanted !== 'object' || wanted === null || !('url' in wanted) || typeof wanted.url !== 'string') {
    return undefined
  }
  const openid = 'openid' in wanted ? wanted.openid : undefined
  if (openid !== undefined && (typeof openid !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(openid))) return undefined
  return { url: wanted.url, openid }
}
