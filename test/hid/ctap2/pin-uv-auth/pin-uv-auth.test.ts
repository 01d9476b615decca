import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encapsulate } from '../../../../src/hid/ctap2/pin-uv-auth/key-agreement.ts'
import { sharedSecret } from '../../../../src/hid/ctap2/pin-uv-auth/shared-secret.ts'
import { permissionMask, pinUvAuthToken } from '../../../../src/hid/ctap2/pin-uv-auth/token.ts'
import { concatBytes, fromHex, toHex, utf8 } from '../../../../src/lib/bytes.ts'
import type { CborValue } from '../../../../src/lib/cbor.ts'
import { seededRandom } from '../../../support/seeded-random.ts'

// Computed apart, with Python's cryptography: our private key is 01 02 … 20, the key's 41 42 … 60.
const ours = {
  private: fromHex('0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20'),
  x: '515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf375dca515ad0a6c3b4035f',
  y: '4536be3a50f318fbf9a5475902a221502bef0d57e08c53b2cc0a56f17d9f9354',
}
const theirs = {
  x: '261efbd3550cf068ef013ed7366ba32f5d6fe557b4b2abce8ade58cba168a55e',
  y: '1788a0b29a56a6abec4084c0c96bd3dcbca6b507f35dbea9e985708479d8bdc9',
}
const iv = fromHex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff')
const pinHash = fromHex('03ac674216f3e15c761ee1a5e255f067')
const vectors = [
  {
    protocol: 1,
    encrypted: 'c68966e396c9c020b500a0d241587385',
    mac: '343a5ae8104b621c8cc272450c8a08be',
    tokenMac: '6297b77508a1a30ea4dfadd8f847c31b',
  },
  {
    protocol: 2,
    encrypted: `${toHex(iv)}070b51e21363df64810534d21eacbc3e`,
    mac: 'e2939753b143ba9dcfb7883c9eeb123e17ed5fd55d0be8573a7bf0d2c96a28a5',
    tokenMac: '6297b77508a1a30ea4dfadd8f847c31b49aba45de10a79daf721d3f7ec112a24',
  },
] as const

const cose = (members: Partial<Record<number, CborValue>> = {}) =>
  new Map<number, CborValue>(
    Object.entries({ 1: 2, 3: -25, [-1]: 1, [-2]: fromHex(theirs.x), [-3]: fromHex(theirs.y), ...members }).flatMap(
      ([label, value]) => (value === undefined ? [] : [[Number(label), value] as const]),
    ),
  )

/** Gives these in turn. */
function scripted(...draws: Uint8Array[]) {
  return { bytes: (length: number) => draws.shift() ?? new Uint8Array(length) }
}

describe.each(vectors)('protocol $protocol', ({ protocol, encrypted, mac, tokenMac }) => {
  const agreed = () => encapsulate(protocol, cose(), scripted(ours.private, protocol === 2 ? iv : new Uint8Array()))

  test('agrees on the secret, and tells our key as COSE', () => {
    const { platformKey, secret } = agreed()
    expect([...platformKey]).toEqual([
      [1, 2],
      [3, -25],
      [-1, 1],
      [-2, fromHex(ours.x)],
      [-3, fromHex(ours.y)],
    ])
    expect(toHex(secret.encrypt(pinHash))).toBe(encrypted)
    expect(toHex(secret.authenticate(utf8('message')))).toBe(mac)
  })

  test('decrypts what the key encrypted', () => {
    expect(agreed().secret.decrypt(fromHex(encrypted))).toEqual(pinHash)
  })

  test('a token authenticates a message, and shows nothing of itself', () => {
    const token = pinUvAuthToken(
      protocol,
      Uint8Array.from({ length: 32 }, (_, index) => index),
    )
    expect(toHex(token.authenticate(utf8('message')))).toBe(tokenMac)
    expect(JSON.stringify(token)).toBe(`{"protocol":${protocol}}`)
  })

  test('encrypts and decrypts whole blocks, and each time anew in protocol 2', () => {
    const random = seededRandom('blocks')
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.integer({ min: 1, max: 8 }), (z, blocks) => {
        const secret = sharedSecret(protocol, z, random)
        const plaintext = random.bytes(16 * blocks)
        const [first, second] = [secret.encrypt(plaintext), secret.encrypt(plaintext)]
        expect(secret.decrypt(first)).toEqual(plaintext)
        expect(toHex(first) === toHex(second)).toBe(protocol === 1)
        expect(first.length).toBe(plaintext.length + (protocol === 1 ? 0 : 16))
      }),
    )
  })

  test('no other length is decrypted, and no part of a block encrypted', () => {
    const { secret } = agreed()
    const least = protocol === 1 ? 16 : 32
    for (let length = 0; length < 100; length++) {
      const decrypt = () => secret.decrypt(new Uint8Array(length))
      if (length >= least && length % 16 === 0) expect(decrypt()).toHaveLength(length - least + 16)
      else expect(decrypt).toThrow(expect.objectContaining({ code: 'key_protocol' }))
      if (length % 16 !== 0) expect(() => secret.encrypt(new Uint8Array(length))).toThrow(RangeError)
    }
  })

  test.each<[string, CborValue | undefined]>([
    ['nothing', undefined],
    ['no map', fromHex(theirs.x)],
    ['another type', cose({ 1: 1 })],
    ['another curve', cose({ [-1]: 2 })],
    ['no x', cose({ [-2]: undefined })],
    ['a text for y', cose({ [-3]: theirs.y })],
    ['a short x', cose({ [-2]: fromHex(theirs.x).slice(1) })],
    ['a long y', cose({ [-3]: concatBytes(Uint8Array.of(0), fromHex(theirs.y)) })],
    ['a point off the curve', cose({ [-3]: fromHex(theirs.x) })],
    ['zeros', cose({ [-2]: new Uint8Array(32), [-3]: new Uint8Array(32) })],
    ['coordinates beyond the field', cose({ [-2]: new Uint8Array(32).fill(0xff) })],
  ])('a key that is %s is refused', (_, key) => {
    expect(() => encapsulate(protocol, key, seededRandom('key'))).toThrow(
      expect.objectContaining({ code: 'key_protocol' }),
    )
  })

  test('a draw that is no private key is drawn again', () => {
    const order = fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
    const { platformKey } = encapsulate(protocol, cose(), scripted(new Uint8Array(32), order, ours.private))
    expect(platformKey.get(-2)).toEqual(fromHex(ours.x))
  })
})

describe('a token', () => {
  const accepted = (protocol: 1 | 2) =>
    Array.from({ length: 100 }, (_, length) => length).filter(length => {
      try {
        return pinUvAuthToken(protocol, new Uint8Array(length))
      } catch (error) {
        expect(error).toMatchObject({ code: 'key_protocol' })
        return false
      }
    })

  test('has 32 bytes, or in protocol 1 also 16', () => expect([accepted(1), accepted(2)]).toEqual([[16, 32], [32]]))

  test('of 16 bytes authenticates', () => {
    const token = pinUvAuthToken(1, fromHex('000102030405060708090a0b0c0d0e0f'))
    expect(toHex(token.authenticate(utf8('message')))).toBe('a3e24a124c1900e52c406c42351252b0')
  })

  test('has permissions as bits', () => {
    expect([permissionMask(['mc']), permissionMask(['ga']), permissionMask(['mc', 'ga', 'ga'])]).toEqual([1, 2, 3])
  })
})
