import { concatBytes } from '../../../../lib/bytes.ts'
import { demand } from '../error.ts'
import { verifyAttestationSignature } from './signature.ts'
import {
  type Attestation,
  bytesMember,
  certificatesMember,
  clientDataHash,
  demandMembers,
  type VerifiedStatement,
} from './statement.ts'

const es256 = -7

/**
 * FIDO U2F attestation, one certificate on P-256 over a registration message of U2F: WebAuthn Level 3 section 8.6.
 * @throws {WebAuthnError}
 */
export function verifyFidoU2f(attestation: Attestation): VerifiedStatement {
  const { rpIdHash, credential, key } = attestation
  demandMembers(attestation, 'sig', 'x5c')
  const signature = bytesMember(attestation, 'sig')
  const chain = certificatesMember(attestation, 1)
  demand(key.algorithm === es256, 'webauthn_attestation_algorithm_mismatch')
  const { x = '', y = '' } = key.jwk
  const point = [Uint8Array.of(0x04), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
  const signed = concatBytes(Uint8Array.of(0x00), rpIdHash, clientDataHash(attestation), credential.id, ...point)
  verifyAttestationSignature(es256, chain[0].publicKey, signed, signature)
  return { type: 'basic', chain }
}
