import { toHex } from './bytes.ts'
import type { CborValue } from './cbor.ts'

/**
 * A CBOR value in diagnostic notation (RFC 8949 section 8): nothing of it is lost, and people can read it. Text is
 * quoted as in JSON; byte strings are in hexadecimal.
 */
export function cborDiagnostic(value: CborValue): string {
  if (value instanceof Uint8Array) return `h'${toHex(value)}'`
  if (Array.isArray(value)) return `[${value.map(cborDiagnostic).join(', ')}]`
  if (value instanceof Map) {
    return `{${[...value].map(([key, held]) => `${cborDiagnostic(key)}: ${cborDiagnostic(held)}`).join(', ')}}`
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
