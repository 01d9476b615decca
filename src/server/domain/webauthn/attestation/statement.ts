import { hash } from 'node:crypto'
import { concatBytes } from '../../../../lib/bytes.ts'
import type { AttestedCredential } from '../authenticator-data.ts'
import type { VerificationKey } from '../cose-key.ts'
import { demand } from '../error.ts'
import { type AttestationCertificate, parseCertificate } from './certificate.ts'

/** An attestation object whose authenticator data have been read and checked, with the client data beside it. */
export interface Attestation {
  readonly format: string
  readonly statement: ReadonlyMap<unknown, unknown>
  /** The authenticator data as they were signed. */
  readonly authenticatorData: Uint8Array
  /** The client data as they were hashed. */
  readonly clientData: Uint8Array
  readonly rpIdHash: Uint8Array
  readonly credential: AttestedCredential
  readonly key: VerificationKey
}

/** Section 6.5.4: who vouches for the credential, if the statement is to be believed. */
export type AttestationType = 'none' | 'self' | 'basic' | 'attca' | 'anonca'

/** A statement that has been verified. */
export interface VerifiedStatement {
  readonly type: AttestationType
  /** The certificates, the attestation certificate first; empty without any. */
  readonly chain: readonly AttestationCertificate[]
}

/** The longest chain that is read. Android's have five certificates, others up to three. */
export const longestChain = 6

/** SHA-256 of the client data. */
export const clientDataHash = ({ clientData }: Attestation): Buffer => hash('sha256', clientData, 'buffer')

/** Authenticator data and the hash of the client data: what most statements sign ("attToBeSigned"). */
export const signedBytes = (attestation: Attestation): Uint8Array =>
  concatBytes(attestation.authenticatorData, clientDataHash(attestation))

/** @throws {WebAuthnError} webauthn_attestation_malformed, unless the statement has these members and no other. */
export function demandMembers({ statement }: Attestation, ...names: string[]): void {
  const isComplete = statement.size === names.length && names.every(name => statement.has(name))
  demand(isComplete, 'webauthn_attestation_malformed')
}

/** @throws {WebAuthnError} webauthn_attestation_malformed, when the member is no byte string. */
export function bytesMember({ statement }: Attestation, name: string): Uint8Array {
  const value = statement.get(name)
  demand(value instanceof Uint8Array, 'webauthn_attestation_malformed')
  return value
}

/**
 * The certificates of `x5c`, the attestation certificate first.
 * @throws {WebAuthnError} webauthn_attestation_malformed when it is no list of 1 to `most` items, or as
 * {@link parseCertificate} does
 */
export function certificatesMember(
  { statement }: Attestation,
  most = longestChain,
): [AttestationCertificate, ...AttestationCertificate[]] {
  const value = statement.get('x5c')
  demand(Array.isArray(value) && value.length >= 1 && value.length <= most, 'webauthn_attestation_malformed')
  const [first, ...rest] = value
  return [parseCertificate(first), ...rest.map(parseCertificate)]
}

const aaguidExtension = '1.3.6.1.4.1.45724.1.1.4'

/**
 * What packed and TPM attestation certificates have in common (sections 8.2.1 and 8.3.1): version 3, no authority,
 * and where they name a model, the credential's.
 * @throws {WebAuthnError} webauthn_certificate_invalid
 */
export function demandEndEntity(certificate: AttestationCertificate, aaguid: Uint8Array): void {
  const invalid = 'webauthn_certificate_invalid'
  demand(certificate.version === 3, invalid)
  demand(certificate.basicConstraints?.ca === false, invalid)
  const model = certificate.extensions.get(aaguidExtension)
  if (!model) return
  // The AAGUID is wrapped in two octet strings: the extension's own, and this.
  const wrapped = concatBytes(Uint8Array.of(0x04, 0x10), aaguid)
  demand(!model.critical && Buffer.from(wrapped).equals(model.value), invalid)
}
