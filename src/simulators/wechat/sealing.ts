import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'
import { XMLParser } from 'fast-xml-parser'
import type { Random } from '../../lib/random.ts'
import type { WeChatCredentials } from './credentials.ts'

// WeChat's side of the security mode (安全模式), written from its documentation and not from the account server.

/** A push as it goes over the wire. */
export interface SealedPush {
  readonly query: URLSearchParams
  readonly body: string
}

const aesKey = (credentials: WeChatCredentials): Buffer => Buffer.from(credentials.encodingAesKey, 'base64')

/** The signature over a list of texts: sorted, joined, SHA-1, hexadecimal. */
export function signatureOver(texts: string[]): string {
  const hash = createHash('sha1')
  for (const text of texts.toSorted()) hash.update(text, 'utf8')
  return hash.digest('hex')
}

/**
 * Seals an event for the account's callback.
 * @param seconds since the Unix epoch, for `timestamp`
 */
export function sealPush(
  credentials: WeChatCredentials,
  random: Random,
  push: { readonly officialAccount: string; readonly openid: string; readonly xml: string; readonly seconds: number },
): SealedPush {
  const nonce = String(Buffer.from(random.bytes(4)).readUInt32BE())
  const timestamp = String(push.seconds)
  const encrypted = encrypt(credentials, Buffer.from(random.bytes(16)), push.xml)
  const query = new URLSearchParams({
    signature: signatureOver([credentials.token, timestamp, nonce]),
    timestamp,
    nonce,
    openid: push.openid,
    encrypt_type: 'aes',
    msg_signature: signatureOver([credentials.token, timestamp, nonce, encrypted]),
  })
  const body = `<xml>\n<ToUserName><![CDATA[${push.officialAccount}]]></ToUserName>\n<Encrypt><![CDATA[${encrypted}]]></Encrypt>\n</xml>`
  return { query, body }
}

function encrypt(credentials: WeChatCredentials, salt: Buffer, xml: string): string {
  const key = aesKey(credentials)
  const size = Buffer.byteLength(xml)
  const used = 16 + 4 + size + Buffer.byteLength(credentials.appId)
  const fill = 32 - (used % 32)
  const plain = Buffer.alloc(used + fill, fill)
  salt.copy(plain, 0)
  plain.writeUInt32BE(size, 16)
  plain.write(xml, 20)
  plain.write(credentials.appId, 20 + size)
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16))
  cipher.setAutoPadding(false)
  return cipher.update(plain, undefined, 'base64') + cipher.final('base64')
}

function decrypt(credentials: WeChatCredentials, encrypted: string): string | undefined {
  const key = aesKey(credentials)
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16))
  decipher.setAutoPadding(false)
  try {
    const plain = Buffer.concat([decipher.update(encrypted, 'base64'), decipher.final()])
    const fill = plain.at(-1) ?? 0
    if (plain.length % 32 !== 0 || fill === 0 || fill > 32) return undefined
    const end = plain.length - fill
    const appIdAt = 20 + plain.readUInt32BE(16)
    return plain.toString('utf8', appIdAt, end) === credentials.appId ? plain.toString('utf8', 20, appIdAt) : undefined
  } catch {
    return undefined
  }
}

const parser = new XMLParser({ processEntities: false, parseTagValue: false })

/** The text of the passive reply in a callback's answer; undefined when WeChat would not accept the answer. */
export function openReply(credentials: WeChatCredentials, openid: string, answer: string): string | undefined {
  const envelope = elements(answer)
  const { Encrypt = '', MsgSignature, TimeStamp = '', Nonce = '' } = envelope
  if (MsgSignature !== signatureOver([credentials.token, TimeStamp, Nonce, Encrypt])) return undefined
  const reply = elements(decrypt(credentials, Encrypt) ?? '')
  return reply.ToUserName === openid && reply.MsgType === 'text' ? reply.Content : undefined
}

function elements(xml: string): Record<string, string> {
  try {
    const { xml: root } = parser.parse(xml) as { xml?: unknown }
    return typeof root === 'object' && root !== null ? (root as Record<string, string>) : {}
  } catch {
    return {}
  }
}
