import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { toBase64url } from '../../lib/base64url.ts'
import { CborError, type CborMap, decodeFirstCbor } from '../../lib/cbor.ts'

// RFC 9053 section 7: the labels and the curves of COSE keys.
const label = { kty: 1, alg: 3, crv: -1, x: -2, y: -3, n: -1, e: -2 } as const
const curves: ReadonlyMap<unknown, readonly [kty: string, crv: string]> = new Map([
  [1, ['EC', 'P-256']],
  [2, ['EC', 'P-384']],
  [3, ['EC', 'P-521']],
  [6, ['OKP', 'Ed25519']],
  [7, ['OKP', 'Ed448']],
])
const rsa = 3

export interface CredentialPublicKey {
  /** The COSE algorithm identifier. */
  readonly algorithm: number
  /** DER of SubjectPublicKeyInfo; undefined for a key of a kind that is not known here. */
  readonly spki: Uint8Array | undefined
}

function bytesAt(cose: CborMap, at: number): string | undefined {
  const value = cose.get(at)
  return value instanceof Uint8Array ? toBase64url(value) : undefined
}

function jwkOf(cose: CborMap): JsonWebKey | undefined {
  const [x, y] = [bytesAt(cose, label.x), bytesAt(cose, label.y)]
  if (cose.get(label.kty) === rsa) {
    const [n, e] = [bytesAt(cose, label.n), bytesAt(cose, label.e)]
    return n && e ? { kty: 'RSA', n, e } : undefined
  }
  const curve = curves.get(cose.get(label.crv))
  if (!curve || !x) return undefined
  const [kty, crv] = curve
  if (kty === 'OKP') return { kty, crv, x }
  return y ? { kty, crv, x, y } : undefined
}

function spkiOf(cose: CborMap): Uint8Array | undefined {
  const key = jwkOf(cose)
  if (!key) return undefined
  try {
    return new Uint8Array(createPublicKey({ key, format: 'jwk' }).export({ format: 'der', type: 'spki' }))
  } catch {
    return undefined
  }
}

/**
 * The credential public key that `bytes` begin with, as getPublicKey() and getPublicKeyAlgorithm() give it (WebAuthn
 * section 5.2.1.1). What is wrong with it is for the server to say: undefined where it can't be read at all.
 * @param bytes a COSE_Key, and after it the extensions if any.
 */
export function credentialPublicKey(bytes: Uint8Array): CredentialPublicKey | undefined {
  try {
    const { value } = decodeFirstCbor(bytes)
    const algorithm = value instanceof Map ? value.get(label.alg) : undefined
    if (!(value instanceof Map) || typeof algorithm !== 'number') return undefined
    return { algorithm, spki: spkiOf(value) }
  } catch (error) {
    if (error instanceof CborError) return undefined
    throw error
  }
}
