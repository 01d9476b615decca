import { createHash } from 'node:crypto'
import { concatBytes, equalBytes } from '../../../../lib/bytes.ts'
import { demand } from '../error.ts'
import { type AttestationCertificate, readName } from './certificate.ts'
import { type DerElement, isTagged, itemsOf, objectIdentifierOf, readElements, readWhole } from './der.ts'
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
import { parseCertification, parsePublicArea } from './tpm-structures.ts'

/**
 * TPM attestation of an RSA or ECC key: WebAuthn Level 3 section 8.3.
 * @throws {WebAuthnError}
 */
export function verifyTpm(attestation: Attestation): VerifiedStatement {
  const { statement, credential, key } = attestation
  demandMembers(attestation, 'ver', 'alg', 'x5c', 'sig', 'certInfo', 'pubArea')
  const algorithm = statement.get('alg')
  demand(statement.get('ver') === '2.0' && typeof algorithm === 'number', 'webauthn_attestation_malformed')
  const signature = bytesMember(attestation, 'sig')
  const certInfo = bytesMember(attestation, 'certInfo')
  const pubArea = bytesMember(attestation, 'pubArea')
  const chain = certificatesMember(attestation)
  const { publicKey, nameHash, nameAlgorithm } = parsePublicArea(pubArea)
  const { extraData, name } = parseCertification(certInfo)
  demand(publicKey.equals(key.key), 'webauthn_attestation_invalid')
  const hashName = verifyAttestationSignature(algorithm, chain[0].publicKey, certInfo, signature)
  demand(hashName !== null, 'webauthn_attestation_algorithm_mismatch')
  demand(equalBytes(extraData, digest(hashName, signedBytes(attestation))), 'webauthn_attestation_invalid')
  demand(equalBytes(name, concatBytes(nameAlgorithm, digest(nameHash, pubArea))), 'webauthn_attestation_invalid')
  demandEndEntity(chain[0], credential.aaguid)
  demandIdentityKeyCertificate(chain[0])
  return { type: 'attca', chain }
}

const digest = (name: string, data: Uint8Array): Uint8Array => createHash(name).update(data).digest()

const extension = { alternativeName: '2.5.29.17', extendedKeyUsage: '2.5.29.37' }
const identityKeyPurpose = '2.23.133.8.3'
// TCG EK Credential Profile section 3.1.2: manufacturer, model and version.
const tpmAttributes = ['2.23.133.2.1', '2.23.133.2.2', '2.23.133.2.3']
const directoryName = 4

/** Section 8.3.1: no subject; the TPM is named in the alternative name, and the key's use is attestation. */
function demandIdentityKeyCertificate({ subject, extensions }: AttestationCertificate): void {
  const invalid = 'webauthn_certificate_invalid'
  demand(subject.length === 0, invalid)
  const alternative = extensions.get(extension.alternativeName)
  const usage = extensions.get(extension.extendedKeyUsage)
  demand(alternative !== undefined && usage !== undefined, invalid)
  const attributes = itemsOf(readWhole(alternative.value)).flatMap(directoryAttributes)
  demand(
    tpmAttributes.every(type => attributes.some(attribute => attribute.type === type && attribute.value !== '')),
    invalid,
  )
  const purposes = itemsOf(readWhole(usage.value)).map(objectIdentifierOf)
  demand(purposes.includes(identityKeyPurpose), invalid)
}

const directoryAttributes = (generalName: DerElement) =>
  isTagged(generalName, directoryName) ? readElements(generalName.content).flatMap(readName) : []
