// Groups of four; of a last group of two or three, the bits that belong to no byte are zero.
const canonical = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$/

/** Unpadded base64url (RFC 4648 section 5) of `bytes`. */
export const toBase64url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')

/**
 * The bytes of an unpadded base64url text.
 * @throws {TypeError} when `text` has another character, padding, a length that no bytes encode to, or non-zero
 * trailing bits: every byte string has exactly one accepted text.
 */
export function fromBase64url(text: string): Uint8Array {
  if (!canonical.test(text)) throw new TypeError('not canonical base64url')
  return new Uint8Array(Buffer.from(text, 'base64url'))
}
