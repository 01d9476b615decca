import type { Clock } from '../../../lib/clock.ts'
import type { Random } from '../../../lib/random.ts'
import { randomDigits } from '../../../lib/random.ts'
import type { WeChatScan } from '../../domain/ports/wechat.ts'
import { encryptMessage, sign } from './message-crypto.ts'
import type { PushKeys } from './push.ts'
import { cdata } from './xml.ts'

/** Bytes of UTF-8 that WeChat shows of a passive text reply. */
const maximumTextLength = 2048

/**
 * See {@link import('../../domain/ports/wechat.ts').WeChat.sealReply}: "Passive User Reply Messages" (被动回复用户消息),
 * text message, in the envelope of the security mode.
 */
export function sealReply(
  keys: PushKeys,
  { clock, random }: { clock: Clock; random: Random },
  scan: WeChatScan,
  text: string,
): string {
  if (Buffer.byteLength(text) > maximumTextLength) throw new RangeError('a WeChat text reply has at most 2048 bytes')
  const timestamp = String(Math.floor(clock.now() / 1000))
  const nonce = randomDigits(random, 10)
  const xml =
    `<xml><ToUserName>${cdata(scan.openid)}</ToUserName><FromUserName>${cdata(scan.officialAccount)}</FromUserName>` +
    `<CreateTime>${timestamp}</CreateTime><MsgType>${cdata('text')}</MsgType><Content>${cdata(text)}</Content></xml>`
  const key = scan.sealedWith === 'previous' && keys.previous ? keys.previous : keys.current
  const encrypted = encryptMessage(key, random, keys.appId, xml)
  const signature = sign(keys.token, timestamp, nonce, encrypted)
  return (
    `<xml><Encrypt>${cdata(encrypted)}</Encrypt><MsgSignature>${cdata(signature)}</MsgSignature>` +
    `<TimeStamp>${timestamp}</TimeStamp><Nonce>${cdata(nonce)}</Nonce></xml>`
  )
}
