import { maxCredentialLength } from '../../../contract/webauthn.ts'
import { fromBase64url } from '../../../lib/base64url.ts'
import { demand, WebAuthnError } from './error.ts'

/** What both ceremonies share of PublicKeyCredential.toJSON() (WebAuthn Level 3 section 5.1). */
interface CredentialJson {
  id: string
  rawId: string
  type: string
  response: object
}

/**
 * Checks the envelope before anything in it is decoded: at most 16 KiB as JSON, the members that every credential
 * has, and `id` equal to `rawId`.
 * @returns the credential id
 * @throws {WebAuthnError} webauthn_too_large, webauthn_malformed, webauthn_raw_id_mismatch or
 * webauthn_credential_id_length
 */
export function openEnvelope(credential: CredentialJson): Uint8Array {
  demand(jsonLength(credential) <= maxCredentialLength, 'webauthn_too_large')
  demand(isObject(credential) && isObject(credential.response), 'webauthn_malformed')
  demand(credential.type === 'public-key', 'webauthn_malformed')
  const rawId = bytesOf(credential.rawId)
  demand(typeof credential.id === 'string', 'webauthn_malformed')
  demand(credential.id === credential.rawId, 'webauthn_raw_id_mismatch')
  demand(rawId.length >= 1 && rawId.length <= 1023, 'webauthn_credential_id_length')
  return rawId
}

/**
 * The bytes of a base64url member.
 * @throws {WebAuthnError} webauthn_malformed, when it is no text or not canonical base64url
 */
export function bytesOf(text: unknown): Uint8Array {
  try {
    if (typeof text === 'string') return fromBase64url(text)
  } catch (cause) {
    throw new WebAuthnError('webauthn_malformed', { cause })
  }
  throw new WebAuthnError('webauthn_malformed')
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null

function jsonLength(value: unknown): number {
  try {
    return JSON.stringify(value)?.length ?? 0
  } catch (cause) {
    throw new WebAuthnError('webauthn_malformed', { cause })
  }
}
