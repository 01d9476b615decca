// Client data: WebAuthn Level 3 section 5.8.1, checked as in section 7.1 steps 5–11 and section 7.2 steps 8–14.

import { isUtf8 } from 'node:buffer'
import { toBase64url } from '../../../lib/base64url.ts'
import { demand, WebAuthnError } from './error.ts'

const maxClientDataLength = 4096

/** What the client data of a ceremony must say. */
export interface ExpectedClientData {
  challenge: Uint8Array
  /** Origins that may use this server, as `https://host[:port]`. */
  origins: readonly string[]
  /**
   * Origins of pages that may hold a frame of another origin in which a ceremony runs. Where there are none, no
   * ceremony runs in such a frame.
   */
  topOrigins?: readonly string[]
}

/**
 * Verifies the client data of a ceremony of `type`.
 * @throws {WebAuthnError} webauthn_client_data_malformed, webauthn_type_mismatch, webauthn_challenge_mismatch,
 * webauthn_origin_not_allowed, webauthn_cross_origin or webauthn_top_origin_not_allowed
 */
export function verifyClientData(
  bytes: Uint8Array,
  type: 'webauthn.create' | 'webauthn.get',
  expected: ExpectedClientData,
): void {
  const data = parseClientData(bytes)
  demand(typeof data.type === 'string', 'webauthn_client_data_malformed')
  demand(data.type === type, 'webauthn_type_mismatch')
  demand(typeof data.challenge === 'string', 'webauthn_client_data_malformed')
  demand(data.challenge === toBase64url(expected.challenge), 'webauthn_challenge_mismatch')
  demand(typeof data.origin === 'string', 'webauthn_client_data_malformed')
  demand(expected.origins.includes(data.origin), 'webauthn_origin_not_allowed')

  const { crossOrigin, topOrigin } = data
  demand(crossOrigin === undefined || typeof crossOrigin === 'boolean', 'webauthn_client_data_malformed')
  demand(topOrigin === undefined || typeof topOrigin === 'string', 'webauthn_client_data_malformed')
  if (crossOrigin !== true && topOrigin === undefined) return
  const topOrigins = expected.topOrigins ?? []
  demand(topOrigin === undefined || topOrigins.includes(topOrigin), 'webauthn_top_origin_not_allowed')
  demand(topOrigins.length > 0, 'webauthn_cross_origin')
}

function parseClientData(bytes: Uint8Array): Record<string, unknown> {
  demand(bytes.length <= maxClientDataLength && isUtf8(bytes), 'webauthn_client_data_malformed')
  // "UTF-8 decode" takes a byte order mark away.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('utf8')
    .replace(/^\ufeff/, '')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new WebAuthnError('webauthn_client_data_malformed', { cause })
  }
  demand(typeof value === 'object' && value !== null, 'webauthn_client_data_malformed')
  // JSON.parse keeps the last of two members of one name; another reader may keep the first.
  demand(countMembers(text) === Object.keys(value).length, 'webauthn_client_data_malformed')
  return value as Record<string, unknown>
}

const code = {
  quote: 0x22,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const

/** How many members the outermost object of `text` has, duplicates included. `text` is known to be valid JSON. */
function countMembers(text: string): number {
  let depth = 0
  let members = 0
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === code.quote) at = endOfString(text, at)
    else if (character === code.openBrace || character === code.openBracket) depth++
    else if (character === code.closeBrace || character === code.closeBracket) depth--
    else if (character === code.colon && depth === 1) members++
  }
  return members
}

/** Where the string ends that begins at `start`: the index of the first quotation mark that no backslash escapes. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

/** Whether an odd number of backslashes stands before `at`. */
function isEscaped(text: string, at: number): boolean {
  let first = at
  while (text.charCodeAt(first - 1) === code.backslash) first--
  return (at - first) % 2 === 1
}
