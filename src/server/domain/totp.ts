import { verifySync } from 'otplib'

const stepSeconds = 30

/**
 * The 30-second step whose code `code` is, at most one step before or after `now` (RFC 6238 section 5.2), or
 * `undefined`.
 * @param secret 20 bytes
 * @param code six digits
 * @param now milliseconds since the Unix epoch
 */
export function matchTotpStep(secret: Uint8Array, code: string, now: number): number | undefined {
  const result = verifySync({
    secret,
    token: code,
    epoch: Math.floor(now / 1000),
    period: stepSeconds,
    epochTolerance: stepSeconds,
  })
  return result.valid && 'timeStep' in result ? result.timeStep : undefined
}

const base32Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Unpadded base32 (RFC 4648 section 6) of a 20-byte secret: 32 characters. */
export function base32(bytes: Uint8Array): string {
  let text = ''
  let buffer = 0
  let bits = 0
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += base32Alphabet[(buffer >> bits) & 31]
    }
  }
  return text
}

/** The key URI that authenticator apps scan; what equals their defaults is left out, so that the QR code stays small. */
export const totpUri = (issuer: string, username: string, secret: string): string =>
  `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(username)}?secret=${secret}&issuer=${encodeURIComponent(issuer)}`
