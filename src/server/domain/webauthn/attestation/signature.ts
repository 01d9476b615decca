import { constants, type KeyObject, verify } from 'node:crypto'
import { isDerEcdsaSignature } from '../ecdsa-signature.ts'
import { demand } from '../error.ts'

interface SignatureAlgorithm {
  readonly keyType: 'ec' | 'rsa' | 'ed25519' | 'ed448'
  /** OpenSSL's name of the curve, where the key type has several. */
  readonly curve?: string
  /** null where the algorithm has its own. */
  readonly hash: 'sha1' | 'sha256' | 'sha384' | 'sha512' | null
  readonly pss?: true
}

/** COSE algorithm identifiers (IANA "COSE Algorithms") with which attestation keys sign. */
const algorithms: ReadonlyMap<unknown, readonly SignatureAlgorithm[]> = new Map<number, readonly SignatureAlgorithm[]>([
  [-7, [{ keyType: 'ec', curve: 'prime256v1', hash: 'sha256' }]],
  [-35, [{ keyType: 'ec', curve: 'secp384r1', hash: 'sha384' }]],
  [-36, [{ keyType: 'ec', curve: 'secp521r1', hash: 'sha512' }]],
  [
    -8,
    [
      { keyType: 'ed25519', hash: null },
      { keyType: 'ed448', hash: null },
    ],
  ],
  [-53, [{ keyType: 'ed448', hash: null }]],
  [-37, [{ keyType: 'rsa', hash: 'sha256', pss: true }]],
  [-38, [{ keyType: 'rsa', hash: 'sha384', pss: true }]],
  [-39, [{ keyType: 'rsa', hash: 'sha512', pss: true }]],
  [-257, [{ keyType: 'rsa', hash: 'sha256' }]],
  [-258, [{ keyType: 'rsa', hash: 'sha384' }]],
  [-259, [{ keyType: 'rsa', hash: 'sha512' }]],
  [-65535, [{ keyType: 'rsa', hash: 'sha1' }]],
])

/**
 * Verifies a signature by the key of an attestation certificate.
 * @param algorithm the statement's COSE algorithm identifier
 * @returns the name of the hash that the algorithm employs, null for EdDSA
 * @throws {WebAuthnError} webauthn_attestation_algorithm_mismatch when the key is of another kind than `algorithm`
 * names, webauthn_signature_malformed for an ECDSA signature that is no DER, or
 * webauthn_attestation_signature_invalid
 */
export function verifyAttestationSignature(
  algorithm: unknown,
  key: KeyObject,
  data: Uint8Array,
  signature: Uint8Array,
): SignatureAlgorithm['hash'] {
  const { asymmetricKeyType, asymmetricKeyDetails } = key
  const found = algorithms
    .get(algorithm)
    ?.find(({ keyType, curve }) => keyType === asymmetricKeyType && curve === asymmetricKeyDetails?.namedCurve)
  demand(found !== undefined, 'webauthn_attestation_algorithm_mismatch')
  demand(found.keyType !== 'ec' || isDerEcdsaSignature(signature), 'webauthn_signature_malformed')
  const verifyKey = found.pss ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: pssSaltLength } : key
  demand(verify(found.hash, data, verifyKey, signature), 'webauthn_attestation_signature_invalid')
  return found.hash
}

/** RFC 8230 section 2: the salt is as long as the hash. */
const pssSaltLength = constants.RSA_PSS_SALTLEN_DIGEST
