// Credential public keys: COSE keys (RFC 9052 section 7, RFC 9053 section 7, RFC 8230) as WebAuthn Level 3 sections
// 5.8.5 and 6.5.1.1 narrow them: `alg` is there, points are uncompressed, and nothing optional is.

import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'
import { toBase64url } from '../../../lib/base64url.ts'
import { isDerEcdsaSignature } from './ecdsa-signature.ts'
import { isEdwardsPoint } from './edwards-curve.ts'
import { demand, WebAuthnError } from './error.ts'
import { decodeWholeMap } from './strict-cbor.ts'

/** A public key that is ready to verify signatures. */
export interface VerificationKey {
  /** COSE algorithm identifier. */
  algorithm: number
  key: KeyObject
  jwk: JsonWebKey
  /** Name of the hash for node:crypto; null where the algorithm has its own. */
  hash: string | null
  ecdsa: boolean
}

interface Curve {
  id: number
  name: string
  /** Bytes of a coordinate. */
  size: number
}

interface Algorithm {
  kty: 'OKP' | 'EC2' | 'RSA'
  hash: string | null
  curves: readonly Curve[]
}

const keyType = { OKP: 1, EC2: 2, RSA: 3 }
const label = { kty: 1, alg: 3, crv: -1, x: -2, y: -3, n: -1, e: -2 }
const ed25519: Curve = { id: 6, name: 'Ed25519', size: 32 }
const ed448: Curve = { id: 7, name: 'Ed448', size: 57 }

/** COSE algorithm identifiers (IANA "COSE Algorithms") that a credential may use. */
const algorithms: ReadonlyMap<unknown, Algorithm> = new Map<number, Algorithm>([
  [-7, { kty: 'EC2', hash: 'sha256', curves: [{ id: 1, name: 'P-256', size: 32 }] }],
  [-35, { kty: 'EC2', hash: 'sha384', curves: [{ id: 2, name: 'P-384', size: 48 }] }],
  [-36, { kty: 'EC2', hash: 'sha512', curves: [{ id: 3, name: 'P-521', size: 66 }] }],
  [-8, { kty: 'OKP', hash: null, curves: [ed25519, ed448] }],
  [-53, { kty: 'OKP', hash: null, curves: [ed448] }],
  [-257, { kty: 'RSA', hash: 'sha256', curves: [] }],
])

/** ES256, EdDSA, RS256, ES384, ES512 and Ed448: what this server can verify, the usual ones first. */
export const supportedAlgorithms: readonly number[] = [-7, -8, -257, -35, -36, -53]

const leastModulusBits = 2048
const mostModulusBits = 8192
const exponent65537 = 'AQAB'

/**
 * The key that a decoded COSE key describes.
 * @throws {WebAuthnError} webauthn_key_invalid, webauthn_key_off_curve, webauthn_rsa_key_short or
 * webauthn_rsa_exponent_invalid
 */
export function importCoseKey(cose: unknown): VerificationKey {
  demand(cose instanceof Map, 'webauthn_key_invalid')
  const members: ReadonlyMap<unknown, unknown> = cose
  const id = members.get(label.alg)
  const algorithm = algorithms.get(id)
  demand(typeof id === 'number' && algorithm !== undefined, 'webauthn_key_invalid')
  demand(members.get(label.kty) === keyType[algorithm.kty], 'webauthn_key_invalid')
  const jwk = algorithm.kty === 'RSA' ? rsaJwk(members) : curveJwk(members, algorithm)
  return { algorithm: id, key: keyObject(jwk), jwk, hash: algorithm.hash, ecdsa: algorithm.kty === 'EC2' }
}

/**
 * Whether `signature` over `data` was made with the private key of `key` (WebAuthn Level 3 section 6.5.5).
 * @throws {WebAuthnError} webauthn_signature_malformed for an ECDSA signature that is no DER
 */
export function isValidSignature(key: VerificationKey, data: Uint8Array, signature: Uint8Array): boolean {
  demand(!key.ecdsa || isDerEcdsaSignature(signature), 'webauthn_signature_malformed')
  return verify(key.hash, data, key.key, signature)
}

const generationSize = 512

interface ImportedKey {
  readonly publicKey: Buffer
  readonly key: VerificationKey
}

let young = new Map<string, ImportedKey>()
let old = new Map<string, ImportedKey>()

/**
 * The key of a stored credential. At least the 512 used last are kept, and at most 1024, by credential id and key
 * bytes, because importing one takes longer than verifying a signature: 512 new ones make one generation, and of the
 * one before only those that are used again stay.
 * @throws {WebAuthnError} as {@link importCoseKey} does, or webauthn_malformed
 */
export function credentialKey(id: Uint8Array, publicKey: Uint8Array): VerificationKey {
  const name = Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1')
  const recent = young.get(name)
  if (recent?.publicKey.equals(publicKey)) return recent.key
  const known = old.get(name)
  const imported = known?.publicKey.equals(publicKey)
    ? known
    : { publicKey: Buffer.from(publicKey), key: importCoseKey(decodeWholeMap(publicKey)) }
  young.set(name, imported)
  if (young.size >= generationSize) {
    old = young
    young = new Map()
  }
  return imported.key
}

function curveJwk(members: ReadonlyMap<unknown, unknown>, { kty, curves }: Algorithm): JsonWebKey {
  const curve = curves.find(({ id }) => id === members.get(label.crv))
  demand(curve !== undefined, 'webauthn_key_invalid')
  const x = coordinate(members.get(label.x), curve)
  if (kty === 'EC2') {
    demand(members.size === 5, 'webauthn_key_invalid')
    const y = coordinate(members.get(label.y), curve)
    return { kty: 'EC', crv: curve.name, x: toBase64url(x), y: toBase64url(y) }
  }
  demand(members.size === 4, 'webauthn_key_invalid')
  demand(isEdwardsPoint(curve.name, x), 'webauthn_key_off_curve')
  return { kty: 'OKP', crv: curve.name, x: toBase64url(x) }
}

function coordinate(value: unknown, { size }: Curve): Uint8Array {
  demand(value instanceof Uint8Array && value.length === size, 'webauthn_key_invalid')
  return value
}

function rsaJwk(members: ReadonlyMap<unknown, unknown>): JsonWebKey {
  const n = members.get(label.n)
  const e = members.get(label.e)
  demand(members.size === 4, 'webauthn_key_invalid')
  demand(n instanceof Uint8Array && e instanceof Uint8Array, 'webauthn_key_invalid')
  const leading = n[0] ?? 0
  demand(leading !== 0, 'webauthn_key_invalid')
  const bits = n.length * 8 - Math.clz32(leading) + 24
  demand(bits <= mostModulusBits, 'webauthn_key_invalid')
  demand(bits >= leastModulusBits, 'webauthn_rsa_key_short')
  demand(toBase64url(e) === exponent65537, 'webauthn_rsa_exponent_invalid')
  return { kty: 'RSA', n: toBase64url(n), e: exponent65537 }
}

/** OpenSSL refuses an EC point whose coordinates are out of range or that is not on its curve. */
function keyObject(jwk: JsonWebKey): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch (cause) {
    throw new WebAuthnError(jwk.kty === 'EC' ? 'webauthn_key_off_curve' : 'webauthn_key_invalid', { cause })
  }
}
