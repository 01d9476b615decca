import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'
import { concatBytes, equalBytes, utf8 } from '../../../lib/bytes.ts'
import type { Random } from '../../../lib/random.ts'
import { WeChatError, WeChatPushRefused } from '../../domain/ports/wechat-error.ts'

// WeChat, "Message Encryption and Decryption" (消息加解密说明), the security mode (安全模式).

const blockLength = 32
const prefixLength = 16
const lengthLength = 4

/**
 * The AES-256 key that an EncodingAESKey stands for.
 * @param encodingAesKey 43 characters of the base64 alphabet
 * @returns 32 bytes
 * @throws {WeChatError} `wechat_configuration`, without the key, when it is malformed
 */
export function decodeEncodingAesKey(encodingAesKey: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]{43}$/.test(encodingAesKey)) {
    throw new WeChatError('wechat_configuration', 'a WeChat EncodingAESKey has 43 characters, letters and digits')
  }
  return new Uint8Array(Buffer.from(`${encodingAesKey}=`, 'base64'))
}

/**
 * WeChat's signature: SHA-1 over the parts, sorted and joined. For the callback check the parts are token, timestamp
 * and nonce; for messages (`msg_signature`) also the encrypted text.
 * @returns 40 lower-case hexadecimal digits
 */
export const sign = (...parts: string[]): string =>
  createHash('sha1')
    .update([...parts].sort().join(''))
    .digest('hex')

/**
 * Compares in constant time what a request carries with what `parts` sign to.
 * @throws {WeChatPushRefused} `signature` when they differ
 */
export function verifySignature(signature: string, ...parts: string[]): void {
  if (!equalBytes(utf8(signature), utf8(sign(...parts)))) throw new WeChatPushRefused('signature')
}

/**
 * Encrypts `xml` for `appId`: AES-256-CBC with IV = key[0:16] over 16 random bytes ‖ uint32 length, big-endian ‖ xml ‖
 * appid, PKCS#7-padded to blocks of 32 bytes.
 * @param key 32 bytes
 * @returns base64
 */
export function encryptMessage(key: Uint8Array, random: Random, appId: string, xml: string): string {
  const content = utf8(xml)
  const length = new Uint8Array(lengthLength)
  new DataView(length.buffer).setUint32(0, content.length)
  const message = concatBytes(random.bytes(prefixLength), length, content, utf8(appId))
  const padding = blockLength - (message.length % blockLength)
  const padded = concatBytes(message, new Uint8Array(padding).fill(padding))
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  return Buffer.concat([cipher.update(padded), cipher.final()]).toString('base64')
}

/**
 * The reverse of {@link encryptMessage}. Call it only on text whose signature holds.
 * @param key 32 bytes
 * @throws {WeChatPushRefused} `encryption` when the text is no such message under this key; `appid` when it is one
 * for another official account
 */
export function decryptMessage(key: Uint8Array, appId: string, encrypted: string): string {
  const message = withoutPadding(decryptBlocks(key, encrypted))
  const start = prefixLength + lengthLength
  if (message.length < start) throw new WeChatPushRefused('encryption')
  const length = new DataView(message.buffer, message.byteOffset).getUint32(prefixLength)
  if (length > message.length - start) throw new WeChatPushRefused('encryption')
  if (!equalBytes(message.subarray(start + length), utf8(appId))) throw new WeChatPushRefused('appid')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(message.subarray(start, start + length))
  } catch {
    throw new WeChatPushRefused('encryption')
  }
}

function decryptBlocks(key: Uint8Array, encrypted: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encrypted) || encrypted.length % 4 !== 0) {
    throw new WeChatPushRefused('encryption')
  }
  const ciphertext = Buffer.from(encrypted, 'base64')
  if (ciphertext.length === 0 || ciphertext.length % blockLength !== 0) throw new WeChatPushRefused('encryption')
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  return new Uint8Array(Buffer.concat([decipher.update(ciphertext), decipher.final()]))
}

function withoutPadding(padded: Uint8Array): Uint8Array {
  const padding = padded[padded.length - 1] ?? 0
  const end = padded.length - padding
  if (padding < 1 || padding > blockLength || !padded.subarray(end).every(byte => byte === padding)) {
    throw new WeChatPushRefused('encryption')
  }
  return padded.subarray(0, end)
}
