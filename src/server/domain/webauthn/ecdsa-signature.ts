/**
 * Whether `bytes` are exactly the DER of an ECDSA signature (RFC 3279 section 2.2.3, WebAuthn Level 3 section 6.5.5):
 * SEQUENCE { INTEGER r, INTEGER s }, both positive, with the shortest lengths and nothing before, between or behind.
 */
export function isDerEcdsaSignature(bytes: Uint8Array): boolean {
  // P-521 signatures have up to 139 bytes; only those over 127 need, and may have, the long form 0x81.
  const long = bytes[1] === 0x81
  const body = long ? 3 : 2
  const length = bytes[body - 1] ?? 0
  if (bytes[0] !== 0x30 || length !== bytes.length - body) return false
  if (long ? length < 0x80 : length >= 0x80) return false
  const s = endOfPositiveInteger(bytes, body)
  return endOfPositiveInteger(bytes, s) === bytes.length
}

/** The index behind the positive INTEGER of at most 127 bytes at `at`, or -1 when there is none in DER. */
function endOfPositiveInteger(bytes: Uint8Array, at: number): number {
  const length = bytes[at + 1] ?? 0
  const first = bytes[at + 2] ?? 0
  const end = at + 2 + length
  if (bytes[at] !== 0x02 || length === 0 || length >= 0x80 || end > bytes.length) return -1
  if (first >= 0x80) return -1
  if (first === 0 && (bytes[at + 3] ?? 0) < 0x80) return -1
  return end
}
