/** Unpadded base64url (RFC 4648 section 5) of `bytes`. */
export const toBase64url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')

/**
 * The bytes of an unpadded base64url text.
 * @throws {TypeError} when `text` has another character, padding, a length that no bytes encode to, or non-zero
 * trailing bits: every byte string has exactly one accepted text.
 */
export const fromBase64url = (text: string): Uint8Array => new Uint8Array(bufferFromBase64url(text))

/**
 * The same as a Buffer, whose memory may be part of a larger one: for what is read and let go.
 * @throws {TypeError} as {@link fromBase64url} does
 */
export function bufferFromBase64url(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url')
  // Decoding is lenient, encoding is not: only the one text of these bytes comes back as it was.
  if (bytes.toString('base64url') !== text) throw new TypeError('not canonical base64url')
  return bytes
}
