import { demand } from './error.ts'
import { decodeWholeMap } from './strict-cbor.ts'

/** The three members of an attestation object. */
export interface AttestationObject {
  readonly format: string
  readonly statement: ReadonlyMap<unknown, unknown>
  /** The authenticator data as they were signed. */
  readonly authenticatorData: Uint8Array
}

/**
 * Reads an attestation object (WebAuthn Level 3 section 6.5.4): a map of `fmt`, `attStmt` and `authData`. Clients put
 * it together, some of them in another order than the canonical one; nothing signs it, so the order may be any. What
 * it holds once it may not hold twice, and its end is the last byte.
 * @throws {WebAuthnError} webauthn_attestation_object_malformed, or as {@link decodeWholeMap} does
 */
export function parseAttestationObject(bytes: Uint8Array): AttestationObject {
  const malformed = 'webauthn_attestation_object_malformed'
  const members = decodeWholeMap(bytes, malformed, false)
  const format = members.get('fmt')
  const statement: unknown = members.get('attStmt')
  const authenticatorData = members.get('authData')
  demand(members.size === 3 && typeof format === 'string', malformed)
  demand(statement instanceof Map && authenticatorData instanceof Uint8Array, malformed)
  return { format, statement, authenticatorData }
}
