import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { credentialPublicKey } from '../../../src/auth/webauthn/public-key.ts'
import { fromBase64url } from '../../../src/lib/base64url.ts'
import { concatBytes } from '../../../src/lib/bytes.ts'
import { encodeCbor } from '../../../src/lib/cbor.ts'

const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).publicKey

function coseOf(key: KeyObject, algorithm: number, kty: number, curve: number | undefined): Uint8Array {
  const jwk = key.export({ format: 'jwk' })
  const labels = { x: -2, y: -3, n: -1, e: -2 } as const
  const members = Object.entries(labels).flatMap(([name, label]) => {
    const value = jwk[name]
    return typeof value === 'string' ? [[label, fromBase64url(value)] as const] : []
  })
  return encodeCbor(
    new Map<number, number | Uint8Array>([
      [1, kty],
      [3, algorithm],
      ...(curve === undefined ? [] : [[-1, curve] as const]),
      ...members,
    ]),
  )
}

const cases = [
  { name: 'ES256', key: ec('P-256'), algorithm: -7, kty: 2, curve: 1 },
  { name: 'ES384', key: ec('P-384'), algorithm: -35, kty: 2, curve: 2 },
  { name: 'ES512', key: ec('P-521'), algorithm: -36, kty: 2, curve: 3 },
  { name: 'Ed25519', key: generateKeyPairSync('ed25519').publicKey, algorithm: -8, kty: 1, curve: 6 },
  { name: 'Ed448', key: generateKeyPairSync('ed448').publicKey, algorithm: -53, kty: 1, curve: 7 },
  { name: 'RS256', key: generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey, algorithm: -257, kty: 3 },
]

describe('the credential public key', () => {
  it.each(cases)('of $name is told as SubjectPublicKeyInfo', ({ key, algorithm, kty, curve }) => {
    const cose = coseOf(key, algorithm, kty, curve)
    const told = credentialPublicKey(cose)
    expect(told?.algorithm).toBe(algorithm)
    const read = createPublicKey({ key: Buffer.from(told?.spki ?? []), format: 'der', type: 'spki' })
    expect(read.equals(key)).toBe(true)
    // Extensions may follow.
    expect(credentialPublicKey(concatBytes(cose, Uint8Array.of(0xa0)))).toEqual(told)
  })

  it('of a kind that is not known here is left out; its algorithm is not', () => {
    const odd = (members: readonly (readonly [number, number | Uint8Array])[]) => encodeCbor(new Map(members))
    expect(
      credentialPublicKey(
        odd([
          [1, 9],
          [3, -999],
        ]),
      ),
    ).toEqual({ algorithm: -999, spki: undefined })
    const offCurve = odd([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, new Uint8Array(32)],
      [-3, new Uint8Array(32)],
    ])
    expect(credentialPublicKey(offCurve)).toEqual({ algorithm: -7, spki: undefined })
    expect(
      credentialPublicKey(
        odd([
          [1, 3],
          [3, -257],
        ]),
      ),
    ).toEqual({ algorithm: -257, spki: undefined })
  })

  it.each([
    ['no CBOR', Uint8Array.of(0xff)],
    ['no map', Uint8Array.of(0x01)],
    ['no algorithm', encodeCbor(new Map([[1, 2]]))],
  ])('of %s is not told', (_, bytes) => expect(credentialPublicKey(bytes)).toBeUndefined())
})
