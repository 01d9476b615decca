import { maxCredentialLength } from '../../../contract/webauthn.ts'
import { bufferFromBase64url } from '../../../lib/base64url.ts'
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
 * @throws {WebAuthnError} webauthn_too_large, webauthn_malformed (also for more than 16 levels), webauthn_raw_id_mismatch or
 * webauthn_credential_id_length
 */
export function openEnvelope(credential: CredentialJson): Uint8Array {
  demand(isSurelyShort(credential) || jsonLength(credential) <= maxCredentialLength, 'webauthn_too_large')
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
export const bytesOf = (text: unknown): Uint8Array => new Uint8Array(bufferOf(text))

/**
 * The same, in memory that may be part of a larger piece: for what is read and let go.
 * @throws {WebAuthnError} as {@link bytesOf} does
 */
export function bufferOf(text: unknown): Buffer {
  try {
    if (typeof text === 'string') return bufferFromBase64url(text)
  } catch (cause) {
    throw new WebAuthnError('webauthn_malformed', { cause })
  }
  throw new WebAuthnError('webauthn_malformed')
}

// A character of a string becomes at most six of JSON (`\\u001f`); a number, true, false or null has at most 25, and
// quotes, colon and comma are four.
const longestCharacter = 6
const longestAtom = 25
const punctuation = 4
const deepest = 3

/** The most characters that `value` can have as JSON; Infinity where only writing it would tell. */
function mostJsonLength(value: unknown, depth: number): number {
  if (typeof value === 'string') return value.length * longestCharacter + punctuation
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'bigint' ? Number.POSITIVE_INFINITY : longestAtom + punctuation
  }
  if (depth === deepest || Array.isArray(value) || 'toJSON' in value) return Number.POSITIVE_INFINITY
  let length = punctuation
  for (const name of Object.keys(value)) {
    length += name.length * longestCharacter + punctuation + mostJsonLength(Reflect.get(value, name), depth + 1)
  }
  return length
}

/** Whether a credential is within its limit for certain: adding up lengths takes less than writing JSON. */
const isSurelyShort = (credential: unknown): boolean => mostJsonLength(credential, 0) <= maxCredentialLength

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null

/** Extensions have a few levels. To write many takes the square of their number, because each is looked for above it. */
const deepestJson = 16

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some(member => isDeeperThan(levels - 1, member))
}

function jsonLength(value: unknown): number {
  demand(!isDeeperThan(deepestJson, value), 'webauthn_malformed')
  try {
    return JSON.stringify(value)?.length ?? 0
  } catch (cause) {
    throw new WebAuthnError('webauthn_malformed', { cause })
  }
}
