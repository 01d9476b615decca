import { isValidSignature } from '../cose-key.ts'
import { demand } from '../error.ts'
import type { AttestationCertificate } from './certificate.ts'
import { verifyAttestationSignature } from './signature.ts'
import {
  type Attestation,
  bytesMember,
  certificatesMember,
  demandEndEntity,
  demandMembers,
  signedBytes,
  type VerifiedStatement,
} from './statement.ts'

/**
 * Packed attestation, by certificate or by the credential itself: WebAuthn Level 3 section 8.2.
 * @throws {WebAuthnError}
 */
export function verifyPacked(attestation: Attestation): VerifiedStatement {
  const { statement, credential, key } = attestation
  const isCertified = statement.has('x5c')
  demandMembers(attestation, 'alg', 'sig', ...(isCertified ? ['x5c'] : []))
  const algorithm = statement.get('alg')
  const signature = bytesMember(attestation, 'sig')
  demand(typeof algorithm === 'number', 'webauthn_attestation_malformed')
  if (!isCertified) {
    demand(algorithm === key.algorithm, 'webauthn_attestation_algorithm_mismatch')
    demand(isValidSignature(key, signedBytes(attestation), signature), 'webauthn_attestation_signature_invalid')
    return { type: 'self', chain: [] }
  }
  const chain = certificatesMember(attestation)
  // TPMs alone still sign with SHA-1.
  demand(algorithm !== -65535, 'webauthn_attestation_algorithm_mismatch')
  verifyAttestationSignature(algorithm, chain[0].publicKey, signedBytes(attestation), signature)
  demandEndEntity(chain[0], credential.aaguid)
  demandSubject(chain[0])
  return { type: 'basic', chain }
}

const subjectAttributes = { country: '2.5.4.6', organization: '2.5.4.10', unit: '2.5.4.11', commonName: '2.5.4.3' }

/** Section 8.2.1. */
function demandSubject({ subject }: AttestationCertificate): void {
  const values = (wanted: string) => subject.filter(({ type }) => type === wanted).map(({ value }) => value)
  const isComplete =
    values(subjectAttributes.country).some(country => /^[A-Z]{2}$/.test(country)) &&
    values(subjectAttributes.organization).some(Boolean) &&
    values(subjectAttributes.unit).includes('Authenticator Attestation') &&
    values(subjectAttributes.commonName).some(Boolean)
  demand(isComplete, 'webauthn_certificate_invalid')
}
