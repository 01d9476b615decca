import { equalBytes } from '../../../../lib/bytes.ts'
import { demand } from '../error.ts'
import {
  contentOf,
  type DerElement,
  isTagged,
  isUniversal,
  itemsOf,
  readWhole,
  smallIntegerOf,
  universal,
} from './der.ts'
import { verifyAttestationSignature } from './signature.ts'
import {
  type Attestation,
  bytesMember,
  certificatesMember,
  clientDataHash,
  demandMembers,
  signedBytes,
  type VerifiedStatement,
} from './statement.ts'

// Android's "key attestation extension data schema": tags of an AuthorizationList, and values of two of them.
const keyDescriptionExtension = '1.3.6.1.4.1.11129.2.1.17'
const authorization = { purpose: 1, allApplications: 600, origin: 702 }
const purposeSign = 2
const originGenerated = 0

/**
 * Android key attestation: WebAuthn Level 3 section 8.4. The key may be guarded by software or by hardware: both lists
 * of authorizations are looked at.
 * @throws {WebAuthnError}
 */
export function verifyAndroidKey(attestation: Attestation): VerifiedStatement {
  const { statement, key } = attestation
  demandMembers(attestation, 'alg', 'sig', 'x5c')
  const algorithm = statement.get('alg')
  demand(typeof algorithm === 'number', 'webauthn_attestation_malformed')
  const signature = bytesMember(attestation, 'sig')
  const chain = certificatesMember(attestation)
  demand(algorithm === key.algorithm, 'webauthn_attestation_algorithm_mismatch')
  verifyAttestationSignature(algorithm, chain[0].publicKey, signedBytes(attestation), signature)
  demand(chain[0].publicKey.equals(key.key), 'webauthn_attestation_invalid')
  const extension = chain[0].extensions.get(keyDescriptionExtension)
  demand(extension !== undefined, 'webauthn_certificate_invalid')
  const { challenge, authorizations } = readKeyDescription(extension.value)
  demand(equalBytes(challenge, clientDataHash(attestation)), 'webauthn_attestation_invalid')
  const ofTag = (tag: number) => authorizations.filter(item => isTagged(item, tag)).map(item => readWhole(item.content))
  demand(ofTag(authorization.allApplications).length === 0, 'webauthn_attestation_invalid')
  const origins = ofTag(authorization.origin).map(smallIntegerOf)
  const purposes = ofTag(authorization.purpose).flatMap(set => itemsOf(set, universal.set).map(smallIntegerOf))
  // Devices state both. The specification's own example (section 16.14) states neither, and is valid.
  demand(
    origins.every(origin => origin === originGenerated),
    'webauthn_attestation_invalid',
  )
  demand(
    purposes.every(purpose => purpose === purposeSign),
    'webauthn_attestation_invalid',
  )
  return { type: 'basic', chain }
}

/** KeyDescription: versions and security levels, the challenge, a unique id, and the two lists of authorizations. */
function readKeyDescription(value: Uint8Array): { challenge: Uint8Array; authorizations: DerElement[] } {
  const [version, level, keyMintVersion, keyMintLevel, challenge, uniqueId, software, hardware] = itemsOf(
    readWhole(value),
  )
  const isDescription =
    isUniversal(version, universal.integer) &&
    isUniversal(level, universal.enumerated) &&
    isUniversal(keyMintVersion, universal.integer) &&
    isUniversal(keyMintLevel, universal.enumerated) &&
    isUniversal(uniqueId, universal.octetString)
  demand(isDescription, 'webauthn_certificate_malformed')
  return {
    challenge: contentOf(challenge, universal.octetString),
    authorizations: [...itemsOf(software), ...itemsOf(hardware)],
  }
}
