import { decodeFirstCbor } from '../../../lib/cbor.ts'
import { WebAuthnError } from './error.ts'

/**
 * The first CBOR item of `bytes` and its length, by the strict decoder: no duplicate keys, no indefinite or
 * non-canonical lengths, no unsorted keys, no tags.
 * @throws {WebAuthnError} webauthn_malformed
 */
export function decodeItem(bytes: Uint8Array): { value: unknown; length: number } {
  try {
    return decodeFirstCbor(bytes)
  } catch (cause) {
    throw new WebAuthnError('webauthn_malformed', { cause })
  }
}

/**
 * The map that `bytes` hold from the first byte to the last.
 * @throws {WebAuthnError} webauthn_malformed
 */
export function decodeWholeMap(bytes: Uint8Array): ReadonlyMap<unknown, unknown> {
  const { value, length } = decodeItem(bytes)
  if (!(value instanceof Map) || length !== bytes.length) throw new WebAuthnError('webauthn_malformed')
  return value
}
