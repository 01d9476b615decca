import type { WebAuthnProblemCode } from '../../../contract/webauthn-problems.ts'
import { CborError, type CborErrorCode, decodeFirstCbor } from '../../../lib/cbor.ts'
import { demand, WebAuthnError } from './error.ts'

/** CTAP 2.1 section 8: no message nests deeper. */
const maxDepth = 4

const codes: Partial<Record<CborErrorCode, WebAuthnProblemCode>> = {
  duplicate_key: 'webauthn_cbor_duplicate_key',
  indefinite_length: 'webauthn_cbor_indefinite_length',
  not_minimal: 'webauthn_cbor_not_canonical',
  unsorted_keys: 'webauthn_cbor_not_canonical',
}

/**
 * The first CBOR item of `bytes` and its length, by the strict decoder.
 * @param canonical whether keys must be sorted and heads as short as can be
 * @throws {WebAuthnError} webauthn_cbor_duplicate_key, webauthn_cbor_indefinite_length, webauthn_cbor_not_canonical
 * (unsorted keys, longer heads than needed), or webauthn_cbor_malformed (cut short, tags, floats, more than 4 levels …)
 */
export function decodeItem(bytes: Uint8Array, canonical = true): { value: unknown; length: number } {
  try {
    return decodeFirstCbor(bytes, { maxDepth, canonical })
  } catch (cause) {
    const code = cause instanceof CborError ? codes[cause.code] : undefined
    throw new WebAuthnError(code ?? 'webauthn_cbor_malformed', { cause })
  }
}

/**
 * The map that `bytes` hold from the first byte to the last.
 * @param otherwise the code for an item that is no map
 * @param canonical as for {@link decodeItem}
 * @throws {WebAuthnError} as {@link decodeItem} does, webauthn_trailing_bytes or `otherwise`
 */
export function decodeWholeMap(
  bytes: Uint8Array,
  otherwise: WebAuthnProblemCode = 'webauthn_cbor_malformed',
  canonical = true,
): ReadonlyMap<unknown, unknown> {
  const { value, length } = decodeItem(bytes, canonical)
  demand(value instanceof Map, otherwise)
  demand(length === bytes.length, 'webauthn_trailing_bytes')
  return value
}
