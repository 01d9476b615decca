import { hash } from 'node:crypto'
import { equalBytes } from '../../../../lib/bytes.ts'
import { demand } from '../error.ts'
import { contentOf, isTagged, itemsOf, readWhole, universal } from './der.ts'
import {
  type Attestation,
  certificatesMember,
  demandMembers,
  signedBytes,
  type VerifiedStatement,
} from './statement.ts'

const nonceExtension = '1.2.840.113635.100.8.2'

/**
 * Apple anonymous attestation, a certificate made for this credential and this ceremony: WebAuthn Level 3 section 8.8.
 * @throws {WebAuthnError}
 */
export function verifyApple(attestation: Attestation): VerifiedStatement {
  const { statement, key } = attestation
  // Older devices also name the algorithm, of the credential: nothing else signs.
  const named = statement.has('alg')
  demandMembers(attestation, 'x5c', ...(named ? ['alg'] : []))
  demand(!named || statement.get('alg') === key.algorithm, 'webauthn_attestation_algorithm_mismatch')
  const chain = certificatesMember(attestation)
  const extension = chain[0].extensions.get(nonceExtension)
  demand(extension !== undefined, 'webauthn_certificate_invalid')
  const [wrapped, ...rest] = itemsOf(readWhole(extension.value))
  demand(isTagged(wrapped, 1) && rest.length === 0, 'webauthn_certificate_malformed')
  const nonce = contentOf(readWhole(wrapped.content), universal.octetString)
  demand(equalBytes(nonce, hash('sha256', signedBytes(attestation), 'buffer')), 'webauthn_attestation_invalid')
  demand(chain[0].publicKey.equals(key.key), 'webauthn_attestation_invalid')
  return { type: 'anonca', chain }
}
