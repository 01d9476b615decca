import { createECDH, createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { toBase64url } from '../../lib/base64url.ts'
import { type CborMap, encodeCbor } from '../../lib/cbor.ts'
import type { Random } from '../../lib/random.ts'

const coordinateLength = 32

/** A P-256 key pair. */
export interface Es256Key {
  readonly privateKey: KeyObject
  /** 32 bytes each. */
  readonly x: Uint8Array
  readonly y: Uint8Array
}

/** Makes a key pair from 32 random bytes; bytes that are no private key (a chance of 2^-32) are drawn again. */
export function generateEs256Key(random: Random): Es256Key {
  for (;;) {
    const secret = random.bytes(coordinateLength)
    const ecdh = createECDH('prime256v1')
    try {
      ecdh.setPrivateKey(secret)
    } catch {
      continue
    }
    const point = new Uint8Array(ecdh.getPublicKey())
    const x = point.slice(1, 1 + coordinateLength)
    const y = point.slice(1 + coordinateLength)
    const jwk = { kty: 'EC', crv: 'P-256', x: toBase64url(x), y: toBase64url(y), d: toBase64url(secret) }
    return { privateKey: createPrivateKey({ key: jwk, format: 'jwk' }), x, y }
  }
}

/** ECDSA with SHA-256, DER form. */
export const signEs256 = (key: Es256Key, data: Uint8Array): Uint8Array =>
  new Uint8Array(sign('sha256', data, key.privateKey))

/** The public key as a COSE_Key (RFC 9053 section 7.1.1): kty EC2, alg ES256, crv P-256, x, y. */
export function coseKey(key: Es256Key): Uint8Array {
  const map: CborMap = new Map<number, number | Uint8Array>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, key.x],
    [-3, key.y],
  ])
  return encodeCbor(map)
}
