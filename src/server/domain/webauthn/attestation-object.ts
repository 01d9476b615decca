import type { AttestedCredential } from './authenticator-data.ts'
import type { VerificationKey } from './cose-key.ts'
import { demand } from './error.ts'
import { decodeWholeMap } from './strict-cbor.ts'

/** An attestation object whose authenticator data has been read and checked. */
export interface Attestation {
  format: string
  statement: ReadonlyMap<unknown, unknown>
  /** The authenticator data as they were signed. */
  authenticatorData: Uint8Array
  /** The client data as they were hashed. */
  clientData: Uint8Array
  rpIdHash: Uint8Array
  credential: AttestedCredential
  key: VerificationKey
}

/**
 * Reads an attestation object (WebAuthn Level 3 section 6.5.4): a map of `fmt`, `attStmt` and `authData`.
 * @throws {WebAuthnError} webauthn_malformed
 */
export function parseAttestationObject(
  bytes: Uint8Array,
): Pick<Attestation, 'format' | 'statement' | 'authenticatorData'> {
  const members = decodeWholeMap(bytes)
  const format = members.get('fmt')
  const statement = members.get('attStmt')
  const authenticatorData = members.get('authData')
  demand(members.size === 3, 'webauthn_malformed')
  demand(typeof format === 'string' && statement instanceof Map, 'webauthn_malformed')
  demand(authenticatorData instanceof Uint8Array, 'webauthn_malformed')
  return { format, statement: statement as ReadonlyMap<unknown, unknown>, authenticatorData }
}
