// Attestation statements: WebAuthn Level 3 section 8. `none` and self attestation are verified here; statements with
// certificates are read here, strictly, and then verified by fido2-lib.

import { hash, X509Certificate } from 'node:crypto'
import { concatBytes } from '../../../lib/bytes.ts'
import type { Attestation } from './attestation-object.ts'
import { verifyCertifiedStatement } from './certified-attestation.ts'
import { isValidSignature } from './cose-key.ts'
import { isDerEcdsaSignature } from './ecdsa-signature.ts'
import { demand, WebAuthnError } from './error.ts'

/** Section 6.5.4: who vouches for the credential, if the statement is to be believed. */
export type AttestationType = 'none' | 'self' | 'basic' | 'attca' | 'anonca'

interface CertifiedFormat {
  type: AttestationType
  /** The members that a statement has, all of them and no other. */
  members: Readonly<Record<string, 'bytes' | 'certificates' | 'integer' | 'text'>>
  longestChain: number
}

const certifiedFormats: ReadonlyMap<string, CertifiedFormat> = new Map<string, CertifiedFormat>([
  // Section 8.2.
  ['packed', { type: 'basic', longestChain: 8, members: { alg: 'integer', sig: 'bytes', x5c: 'certificates' } }],
  // Section 8.3.
  [
    'tpm',
    {
      type: 'attca',
      longestChain: 8,
      members: {
        ver: 'text',
        alg: 'integer',
        x5c: 'certificates',
        sig: 'bytes',
        certInfo: 'bytes',
        pubArea: 'bytes',
      },
    },
  ],
  // Section 8.6: exactly one certificate.
  ['fido-u2f', { type: 'basic', longestChain: 1, members: { x5c: 'certificates', sig: 'bytes' } }],
  // Section 8.8.
  ['apple', { type: 'anonca', longestChain: 8, members: { x5c: 'certificates' } }],
])

/**
 * Verifies an attestation statement: section 7.1, steps 21 and 22; with `trustedRoots` also steps 23 and 24.
 * @param trustedRoots root certificates, or single attestation certificates, one of which must vouch for the
 * credential. Left out, the statement is data, not proof.
 * @throws {WebAuthnError} webauthn_attestation_unsupported, webauthn_attestation_invalid or
 * webauthn_attestation_untrusted
 */
export async function verifyAttestation(
  attestation: Attestation,
  trustedRoots?: readonly X509Certificate[],
): Promise<AttestationType> {
  const { format, statement } = attestation
  if (format === 'none') {
    // Section 8.7.
    demand(statement.size === 0, 'webauthn_attestation_invalid')
    demand(trustedRoots === undefined, 'webauthn_attestation_untrusted')
    return 'none'
  }
  if (format === 'packed' && !statement.has('x5c')) {
    verifySelfAttestation(attestation)
    demand(trustedRoots === undefined, 'webauthn_attestation_untrusted')
    return 'self'
  }
  const certified = certifiedFormats.get(format)
  demand(certified !== undefined, 'webauthn_attestation_unsupported')
  const chain = readStatement(statement, certified)
  demandUsableKey(chain, statement)
  await verifyCertifiedStatement(attestation)
  demand(trustedRoots === undefined || leadsToRoot(chain, trustedRoots), 'webauthn_attestation_untrusted')
  return certified.type
}

/** Section 8.2, "If x5c is not present, self attestation is in use". */
function verifySelfAttestation({ statement, authenticatorData, clientData, key }: Attestation): void {
  const signature = statement.get('sig')
  demand(statement.size === 2, 'webauthn_attestation_invalid')
  demand(statement.get('alg') === key.algorithm, 'webauthn_attestation_invalid')
  demand(signature instanceof Uint8Array, 'webauthn_attestation_invalid')
  const signed = concatBytes(authenticatorData, hash('sha256', clientData, 'buffer'))
  demand(isValidSignature(key, signed, signature), 'webauthn_attestation_invalid')
}

/** Checks the syntax of a statement; returns its certificates, the attestation certificate first. */
function readStatement(statement: ReadonlyMap<unknown, unknown>, format: CertifiedFormat): X509Certificate[] {
  const members = Object.entries(format.members)
  demand(statement.size === members.length, 'webauthn_attestation_invalid')
  let chain: X509Certificate[] = []
  for (const [name, kind] of members) {
    const value = statement.get(name)
    if (kind === 'bytes') demand(value instanceof Uint8Array, 'webauthn_attestation_invalid')
    else if (kind === 'integer') demand(typeof value === 'number', 'webauthn_attestation_invalid')
    else if (kind === 'text') demand(typeof value === 'string', 'webauthn_attestation_invalid')
    else {
      demand(Array.isArray(value) && value.length >= 1, 'webauthn_attestation_invalid')
      demand(value.length <= format.longestChain, 'webauthn_attestation_invalid')
      chain = value.map(parseCertificate)
    }
  }
  return chain
}

function parseCertificate(bytes: unknown): X509Certificate {
  demand(bytes instanceof Uint8Array, 'webauthn_attestation_invalid')
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(bytes)
  } catch (cause) {
    throw new WebAuthnError('webauthn_attestation_invalid', { cause })
  }
  // X509Certificate reads PEM too, and overlooks what follows a certificate.
  demand(certificate.raw.equals(bytes), 'webauthn_attestation_invalid')
  return certificate
}

const rsaAlgorithms: readonly unknown[] = [-257, -258, -259, -65535]

/**
 * What fido2-lib does not ask: whether the certificate's key is of the kind that `alg` names, strong enough, and the
 * ECDSA signature strict DER. Certificates on other curves than P-256 it cannot verify.
 */
function demandUsableKey([certificate]: X509Certificate[], statement: ReadonlyMap<unknown, unknown>): void {
  const algorithm = statement.get('alg')
  const signature = statement.get('sig')
  const key = publicKeyOf(certificate)
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  const usable =
    key.asymmetricKeyType === 'ec'
      ? namedCurve === 'prime256v1' && (algorithm === undefined || algorithm === -7)
      : key.asymmetricKeyType === 'rsa' && (modulusLength ?? 0) >= 2048 && rsaAlgorithms.includes(algorithm)
  demand(usable, 'webauthn_attestation_invalid')
  const der = !(signature instanceof Uint8Array) || key.asymmetricKeyType !== 'ec' || isDerEcdsaSignature(signature)
  demand(der, 'webauthn_attestation_invalid')
}

function publicKeyOf(certificate: X509Certificate | undefined): X509Certificate['publicKey'] {
  try {
    if (certificate) return certificate.publicKey
  } catch (cause) {
    throw new WebAuthnError('webauthn_attestation_invalid', { cause })
  }
  throw new WebAuthnError('webauthn_attestation_invalid')
}

/**
 * Whether each certificate is signed by the next, up to one that is trusted or signed by a trusted root. Periods of
 * validity are not looked at: keys are sold and used for longer than their certificates say.
 */
function leadsToRoot(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): boolean {
  for (const [index, certificate] of chain.entries()) {
    if (roots.some(root => root.raw.equals(certificate.raw))) return true
    if (roots.some(root => isIssuedBy(certificate, root))) return true
    const issuer = chain[index + 1]
    if (!issuer || !isIssuedBy(certificate, issuer)) return false
  }
  return false
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(publicKeyOf(issuer))
}
