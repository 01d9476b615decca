import { utf8 } from '../../lib/bytes.ts'

/** CCDToString (WebAuthn section 5.8.1.2). */
function quoted(text: string): string {
  let quote = '"'
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    if (character === '"' || character === '\\') quote += `\\${character}`
    else if (point >= 0x20) quote += character
    else quote += `\\u${point.toString(16).padStart(4, '0')}`
  }
  return `${quote}"`
}

/**
 * The client data of a ceremony, in the order that lets verifiers do without a JSON parser (WebAuthn section 5.8.1.1).
 * @param challenge base64url, as the options have it.
 * @returns UTF-8.
 */
export const clientDataJson = (
  type: 'webauthn.create' | 'webauthn.get',
  challenge: string,
  origin: string,
): Uint8Array =>
  utf8(`{"type":${quoted(type)},"challenge":${quoted(challenge)},"origin":${quoted(origin)},"crossOrigin":false}`)
