// Attestation: WebAuthn Level 3 section 7.1 steps 21–24, with a verifier for each format of section 8.

import type { X509Certificate } from 'node:crypto'
import { demand } from '../error.ts'
import { verifyAndroidKey } from './android-key.ts'
import { verifyApple } from './apple.ts'
import { leadsToRoot } from './chain.ts'
import { verifyFidoU2f } from './fido-u2f.ts'
import { verifyPacked } from './packed.ts'
import { askSecondOpinion } from './second-opinion.ts'
import type { Attestation, AttestationType, VerifiedStatement } from './statement.ts'
import { verifyTpm } from './tpm.ts'

/** Section 8.7: no statement. */
function verifyNone({ statement }: Attestation): VerifiedStatement {
  demand(statement.size === 0, 'webauthn_attestation_malformed')
  return { type: 'none', chain: [] }
}

const verifiers: ReadonlyMap<string, (attestation: Attestation) => VerifiedStatement> = new Map([
  ['none', verifyNone],
  ['packed', verifyPacked],
  ['tpm', verifyTpm],
  ['android-key', verifyAndroidKey],
  ['fido-u2f', verifyFidoU2f],
  ['apple', verifyApple],
])

/**
 * Verifies an attestation statement, and with `trustedRoots` that it leads to one of them.
 * @param trustedRoots root certificates, or single attestation certificates, one of which must vouch for the
 * credential. Left out, the statement is data, not proof.
 * @throws {WebAuthnError} webauthn_attestation_unsupported for another format; webauthn_attestation_malformed,
 * webauthn_attestation_algorithm_mismatch, webauthn_attestation_signature_invalid, webauthn_attestation_invalid,
 * webauthn_signature_malformed, webauthn_certificate_malformed or webauthn_certificate_invalid for a statement that
 * does not hold; webauthn_attestation_missing or webauthn_attestation_untrusted for one without a root
 */
export async function verifyAttestation(
  attestation: Attestation,
  trustedRoots?: readonly X509Certificate[],
): Promise<AttestationType> {
  const verify = verifiers.get(attestation.format)
  demand(verify !== undefined, 'webauthn_attestation_unsupported')
  const verified = verify(attestation)
  if (!trustedRoots) return verified.type
  demand(verified.chain.length > 0, 'webauthn_attestation_missing')
  demand(leadsToRoot(verified.chain, trustedRoots), 'webauthn_attestation_untrusted')
  await askSecondOpinion(attestation, verified)
  return verified.type
}
