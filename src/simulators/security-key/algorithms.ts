// The algorithms that credentials may be made for (RFC 9053 sections 2 and 7, RFC 8812 section 2, RFC 9864 section 2.2).

import { createECDH, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { fromBase64url, toBase64url } from '../../lib/base64url.ts'
import { concatBytes } from '../../lib/bytes.ts'
import { type CborMap, encodeCbor } from '../../lib/cbor.ts'
import type { Random } from '../../lib/random.ts'
import * as asn1 from './der.ts'

/** A key pair for one COSE algorithm. */
export interface KeyPair {
  readonly algorithm: number
  readonly privateKey: KeyObject
  /** The hash that the data is signed by; null where the algorithm has its own. */
  readonly hash: string | null
  /** The members of the public COSE_Key. */
  readonly cose: CborMap
}

interface Curve {
  readonly name: string
  readonly cose: number
  readonly jwk: string
  readonly hash: string
  /** Of a coordinate, in bytes. */
  readonly length: number
  /** The bits of the first byte that a private key may have. */
  readonly mask: number
}

interface Edwards {
  readonly cose: number
  readonly identifier: string
  readonly length: number
}

const curves = new Map<number, Curve>([
  [-7, { name: 'prime256v1', cose: 1, jwk: 'P-256', hash: 'sha256', length: 32, mask: 0xff }],
  [-35, { name: 'secp384r1', cose: 2, jwk: 'P-384', hash: 'sha384', length: 48, mask: 0xff }],
  [-36, { name: 'secp521r1', cose: 3, jwk: 'P-521', hash: 'sha512', length: 66, mask: 0x01 }],
])
const edwards = new Map<number, Edwards>([
  [-8, { cose: 6, identifier: '1.3.101.112', length: 32 }],
  [-53, { cose: 7, identifier: '1.3.101.113', length: 57 }],
])
const rs256 = -257
const kty = { okp: 1, ec2: 2, rsa: 3 } as const

const coordinate = (jwk: { readonly [name: string]: unknown }, name: string): Uint8Array =>
  fromBase64url(String(jwk[name]))

/** Makes a key pair from random bytes; bytes that are no private key (for P-256, a chance of 2^-32) are drawn again. */
function ellipticKey(algorithm: number, curve: Curve, random: Random): KeyPair {
  for (;;) {
    const secret = random.bytes(curve.length)
    secret[0] = (secret[0] ?? 0) & curve.mask
    const ecdh = createECDH(curve.name)
    try {
      ecdh.setPrivateKey(secret)
    } catch {
      continue
    }
    const point = new Uint8Array(ecdh.getPublicKey())
    const x = point.slice(1, 1 + curve.length)
    const y = point.slice(1 + curve.length)
    const jwk = { kty: 'EC', crv: curve.jwk, x: toBase64url(x), y: toBase64url(y), d: toBase64url(secret) }
    const cose: CborMap = new Map<number, number | Uint8Array>([
      [1, kty.ec2],
      [3, algorithm],
      [-1, curve.cose],
      [-2, x],
      [-3, y],
    ])
    return { algorithm, privateKey: createPrivateKey({ key: jwk, format: 'jwk' }), hash: curve.hash, cose }
  }
}

/** RFC 8410 section 7: the seed, as PKCS #8. */
function edwardsKey(algorithm: number, curve: Edwards, random: Random): KeyPair {
  const seed = asn1.octets(asn1.octets(random.bytes(curve.length)))
  const pkcs8 = asn1.sequence(asn1.der(0x02, Uint8Array.of(0)), asn1.sequence(asn1.identifier(curve.identifier)), seed)
  const privateKey = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
  const cose: CborMap = new Map<number, number | Uint8Array>([
    [1, kty.okp],
    [3, algorithm],
    [-1, curve.cose],
    [-2, coordinate(createPublicKey(privateKey).export({ format: 'jwk' }), 'x')],
  ])
  return { algorithm, privateKey, hash: null, cose }
}

/** 2048 bits of node's own: primes can't be drawn from a `Random`. */
function rsaKey(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = publicKey.export({ format: 'jwk' })
  const cose: CborMap = new Map<number, number | Uint8Array>([
    [1, kty.rsa],
    [3, rs256],
    [-1, coordinate(jwk, 'n')],
    [-2, coordinate(jwk, 'e')],
  ])
  return { algorithm: rs256, privateKey, hash: 'sha256', cose }
}

/** Makes a key pair for a COSE algorithm: -7, -8 (Ed25519), -35, -36, -53 (Ed448) or -257. @throws {RangeError} */
export function generateKeyPair(algorithm: number, random: Random): KeyPair {
  const curve = curves.get(algorithm)
  if (curve) return ellipticKey(algorithm, curve, random)
  const twisted = edwards.get(algorithm)
  if (twisted) return edwardsKey(algorithm, twisted, random)
  if (algorithm === rs256) return rsaKey()
  throw new RangeError(`no such algorithm: ${algorithm}`)
}

/** DER for ECDSA (WebAuthn section 6.5.5), the bare signature for the others. */
export const signWith = (key: KeyPair, data: Uint8Array): Uint8Array =>
  new Uint8Array(sign(key.hash, data, key.privateKey))

/** The public key as an encoded COSE_Key. */
export const coseKey = (key: KeyPair): Uint8Array => encodeCbor(key.cose)

/** The 65 bytes of an uncompressed point (SEC 1 section 2.3.3) of an ES256 key. @throws {RangeError} for another's. */
export function pointOf({ cose }: KeyPair): Uint8Array {
  const x = cose.get(-2)
  const y = cose.get(-3)
  if (!(x instanceof Uint8Array && y instanceof Uint8Array)) throw new RangeError('not a point')
  return concatBytes(Uint8Array.of(0x04), x, y)
}
