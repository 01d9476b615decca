import { createCipheriv } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../../../src/lib/bytes.ts'
import { systemRandom } from '../../../../src/lib/random.ts'
import {
  decodeEncodingAesKey,
  decryptMessage,
  encryptMessage,
  sign,
  verifySignature,
} from '../../../../src/server/providers/wechat/message-crypto.ts'

// The samples that WeChat publishes with its documentation. Each was also reproduced with openssl or with Python's
// hashlib and cryptography.
const sampleKey = decodeEncodingAesKey('abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG')
const encryptionSample = {
  appId: 'wxb11529c136998cb6',
  random: 'aaaabbbbccccdddd',
  text: '我是中文abcd123',
  encrypted: 'jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==',
}
const pushSample = {
  appId: 'wx2c2769f8efd9abc2',
  token: 'spamtest',
  timestamp: '1410349438',
  nonce: '298025754',
  signature: '003fee52ecc56afb46c00b5c7721be87860ce785',
  encrypted:
    'mfBCs65c67CeJw22u4VT2TD73q5H06+ocrAIxswCaeZ/d/Lw0msSZFHY0teqgSYiI1zR2gD2DKrB3TIrmX/liNSDrGqS8jSI/WPeKB5VPr7Ezr7gomZAyGCwJSgT1TRFWPfONGJMxuj2nk4faTuspAuVIFQ6SHwZuJBZC7mcJp7Cgr9cUhATQWDbOPaE7ukZBTV2YqyzH+UI2AK+J1S47cE79k1RX8t0hcTz/O0hlK8DGXKnvYv88qKQcI7z4iaajqHfRVZKBNyOODabs+It+ZfM3dWTeFcPgDbGtIEnpt/EDtuuA/zMvtkaKdHdswPnVZQ+xdwbYr3ldGvfT8HlEYEgkgKaThxTFobVlwzu2ZkXCjicbP3xdr15Iq48ObgzPpqYuZ3IEoyggZDKClquk0u0orMck4GTF/XyE8yGzc4=',
}
const replySample = {
  appId: 'wx134c8103faa5a59e',
  token: 'AAAAA',
  timestamp: '1713424427',
  nonce: '415670741',
  random: '999951349e8ee746',
  signature: '03e0812039325c2712ef5f0f980fd14c70d6e307',
  text: '<xml><demo_resp>[CDATA[good luck]]</demo_resp></xml>',
  encrypted:
    'hE8R6mGXHkJJjU72KxzKUd1GEkKJaEZq7vRL8XgK3o+00k8JGq6+pZJUIlTSyhsX+bxIBQ72g3GyvDdIZcr6+3HAZbSvPT9t/o11MI7d6WELwqrGd7jMnV0zv3Zc9Nq7',
}

/** The padded plaintext `blocks`, encrypted without any framing of ours. */
function encryptRaw(blocks: Uint8Array): string {
  const cipher = createCipheriv('aes-256-cbc', sampleKey, sampleKey.subarray(0, 16)).setAutoPadding(false)
  return Buffer.concat([cipher.update(blocks), cipher.final()]).toString('base64')
}

/** 16 bytes, the length of `text`, the text and the appid, padded with `padding` to `size` bytes. */
function frame(text: string, appId: string, padding: number[], length = Buffer.byteLength(text)): Uint8Array {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(length)
  return Buffer.concat([Buffer.alloc(16, 1), size, utf8(text), utf8(appId), Buffer.from(padding)])
}

const refused = (reason: string) => expect.objectContaining({ name: 'WeChatPushRefused', reason })

describe('the documented samples', () => {
  it('encrypts to the published bytes', () => {
    const { appId, random, text, encrypted } = encryptionSample
    expect(encryptMessage(sampleKey, { bytes: () => utf8(random) }, appId, text)).toBe(encrypted)
    expect(decryptMessage(sampleKey, appId, encrypted)).toBe(text)
  })

  it('verifies and decrypts the published push', () => {
    const { appId, token, timestamp, nonce, signature, encrypted } = pushSample
    expect(() => verifySignature(signature, token, timestamp, nonce, encrypted)).not.toThrow()
    const xml = decryptMessage(sampleKey, appId, encrypted)
    expect(xml).toContain('<FromUserName><![CDATA[oyORnuP8q7ou2gfYjqLzSIWZf0rs]]></FromUserName>')
    expect(xml.endsWith('<MsgId>6057404712141979648</MsgId>\n</xml>')).toBe(true)
  })

  it('seals and signs the published reply, under a key of zeros', () => {
    const { appId, token, timestamp, nonce, random, signature, text, encrypted } = replySample
    const key = decodeEncodingAesKey('A'.repeat(43))
    expect(encryptMessage(key, { bytes: () => utf8(random) }, appId, text)).toBe(encrypted)
    expect(sign(token, timestamp, nonce, encrypted)).toBe(signature)
  })
})

describe('keys', () => {
  it.each(['', 'short', 'A'.repeat(42), 'A'.repeat(44), `${'A'.repeat(42)}=`, `${'A'.repeat(42)}!`])(
    'refuses %j without quoting it',
    key => {
      expect(() => decodeEncodingAesKey(key)).toThrow(expect.objectContaining({ code: 'wechat_configuration' }))
      expect(() => decodeEncodingAesKey(key || 'none')).not.toThrow(/A{42}/)
    },
  )

  it('has 32 bytes', () => expect(sampleKey).toHaveLength(32))
})

describe('messages', () => {
  it('come back as they went in, whatever they say', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), text => {
        const encrypted = encryptMessage(sampleKey, systemRandom, 'wx0123456789abcdef', text)
        expect(Buffer.from(encrypted, 'base64').length % 32).toBe(0)
        expect(decryptMessage(sampleKey, 'wx0123456789abcdef', encrypted)).toBe(text)
      }),
    )
  })

  it('refuses a message for another account', () => {
    const encrypted = encryptMessage(sampleKey, systemRandom, 'wx0123456789abcdef', 'x')
    for (const appId of ['wx0123456789abcdee', 'wx0123456789abcde', 'wx0123456789abcdef0', '']) {
      expect(() => decryptMessage(sampleKey, appId, encrypted)).toThrow(refused('appid'))
    }
  })

  it('refuses another key', () => {
    const encrypted = encryptMessage(sampleKey, systemRandom, 'wx0123456789abcdef', 'x'.repeat(100))
    const other = decodeEncodingAesKey('jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C')
    expect(() => decryptMessage(other, 'wx0123456789abcdef', encrypted)).toThrow(
      expect.objectContaining({ name: 'WeChatPushRefused' }),
    )
  })

  it('accepts a whole block of padding, and none but complete padding', () => {
    // 16 + 4 + 26 + 18 bytes are two blocks.
    const text = 'x'.repeat(26)
    const decrypt = (padding: number[]) =>
      decryptMessage(sampleKey, 'wx0123456789abcdef', encryptRaw(frame(text, 'wx0123456789abcdef', padding)))
    expect(decrypt(Array<number>(32).fill(32))).toBe(text)
    expect(() => decrypt(Array<number>(32).fill(0))).toThrow(refused('encryption'))
    expect(() => decrypt([...Array<number>(31).fill(32), 33])).toThrow(refused('encryption'))
    expect(() => decrypt([7, ...Array<number>(31).fill(32)])).toThrow(refused('encryption'))
    expect(() => decrypt([...Array<number>(31).fill(255), 255])).toThrow(refused('encryption'))
  })

  it('refuses a length beyond the message', () => {
    const raw = (length: number) =>
      encryptRaw(frame('x'.repeat(26), 'wx0123456789abcdef', Array<number>(32).fill(32), length))
    expect(() => decryptMessage(sampleKey, 'wx0123456789abcdef', raw(45))).toThrow(refused('encryption'))
    expect(() => decryptMessage(sampleKey, 'wx0123456789abcdef', raw(0xffff_ffff))).toThrow(refused('encryption'))
    expect(() => decryptMessage(sampleKey, 'wx0123456789abcdef', raw(44))).toThrow(refused('appid'))
  })

  it.each([
    ['nothing', ''],
    ['no base64', '!!!!'],
    ['base64 without its padding', 'YWJj'.repeat(10).concat('YQ')],
    ['16 bytes', Buffer.alloc(16).toString('base64')],
    ['48 bytes', Buffer.alloc(48).toString('base64')],
    ['padding and nothing else', encryptRaw(new Uint8Array(32).fill(32))],
    ['less than its own header', encryptRaw(Buffer.concat([Buffer.alloc(12), Buffer.alloc(20, 20)]))],
  ])('refuses %s', (_name, encrypted) => {
    expect(() => decryptMessage(sampleKey, 'wx0123456789abcdef', encrypted)).toThrow(refused('encryption'))
  })

  it('refuses text that is no UTF-8', () => {
    const bytes = frame('\u0001'.repeat(26), 'wx0123456789abcdef', Array<number>(32).fill(32))
    bytes.set([0xff, 0xfe], 25)
    expect(() => decryptMessage(sampleKey, 'wx0123456789abcdef', encryptRaw(bytes))).toThrow(refused('encryption'))
  })
})
