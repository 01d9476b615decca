// Authenticator data: WebAuthn Level 3 section 6.1, and attested credential data: section 6.5.1.

import { hash } from 'node:crypto'
import { demand } from './error.ts'
import { decodeItem, decodeWholeMap } from './strict-cbor.ts'

const flag = { up: 0x01, uv: 0x04, be: 0x08, bs: 0x10, at: 0x40, ed: 0x80 }

/** The new credential inside authenticator data. */
export interface AttestedCredential {
  /** 16 bytes. */
  aaguid: Uint8Array
  /** 1 to 1023 bytes. */
  id: Uint8Array
  /** The COSE key, byte for byte as the authenticator wrote it. */
  publicKey: Uint8Array
  /** The same key, decoded. */
  coseKey: unknown
}

export interface AuthenticatorData {
  /** SHA-256 of the RP ID, 32 bytes. */
  rpIdHash: Uint8Array
  userPresent: boolean
  userVerified: boolean
  backupEligible: boolean
  backupState: boolean
  signCount: number
  attested: AttestedCredential | undefined
  extensions: ReadonlyMap<unknown, unknown> | undefined
}

/**
 * Reads authenticator data to its last byte (section 6.1): what the AT and ED flags announce must be there, and
 * nothing else.
 * @throws {WebAuthnError} webauthn_authenticator_data_malformed, webauthn_trailing_bytes,
 * webauthn_extensions_invalid or webauthn_credential_id_length, or for CBOR as {@link decodeItem} does
 */
export function parseAuthenticatorData(bytes: Uint8Array): AuthenticatorData {
  demand(bytes.length >= 37, 'webauthn_authenticator_data_malformed')
  const flags = bytes[32] ?? 0
  let rest = bytes.subarray(37)

  let attested: AttestedCredential | undefined
  if (flags & flag.at) {
    attested = parseAttestedCredential(rest)
    rest = rest.subarray(18 + attested.id.length + attested.publicKey.length)
  }
  let extensions: ReadonlyMap<unknown, unknown> | undefined
  if (flags & flag.ed) {
    demand(rest.length > 0, 'webauthn_extensions_invalid')
    extensions = decodeWholeMap(rest, 'webauthn_extensions_invalid')
  } else demand(rest.length === 0, 'webauthn_trailing_bytes')

  return {
    rpIdHash: bytes.subarray(0, 32),
    userPresent: (flags & flag.up) !== 0,
    userVerified: (flags & flag.uv) !== 0,
    backupEligible: (flags & flag.be) !== 0,
    backupState: (flags & flag.bs) !== 0,
    signCount: readUint32(bytes, 33),
    attested,
    extensions,
  }
}

/**
 * Sections 7.1 steps 14–17 and 7.2 steps 15–18: the relying party, the user's presence and verification, and a backup
 * state only where a backup is possible.
 * @throws {WebAuthnError} webauthn_rp_id_mismatch, webauthn_user_not_present, webauthn_user_not_verified or
 * webauthn_backup_flags_invalid
 */
export function verifyAuthenticatorData(
  data: AuthenticatorData,
  expected: { rpId: string; userVerification: 'required' | 'preferred' | 'discouraged' },
): void {
  demand(isHashOf(data.rpIdHash, expected.rpId), 'webauthn_rp_id_mismatch')
  demand(data.userPresent, 'webauthn_user_not_present')
  demand(data.userVerified || expected.userVerification !== 'required', 'webauthn_user_not_verified')
  demand(data.backupEligible || !data.backupState, 'webauthn_backup_flags_invalid')
}

function parseAttestedCredential(bytes: Uint8Array): AttestedCredential {
  demand(bytes.length >= 18, 'webauthn_authenticator_data_malformed')
  const length = ((bytes[16] ?? 0) << 8) | (bytes[17] ?? 0)
  demand(length >= 1 && length <= 1023, 'webauthn_credential_id_length')
  demand(bytes.length > 18 + length, 'webauthn_authenticator_data_malformed')
  const key = decodeItem(bytes.subarray(18 + length))
  return {
    aaguid: bytes.subarray(0, 16),
    id: bytes.subarray(18, 18 + length),
    publicKey: bytes.subarray(18 + length, 18 + length + key.length),
    coseKey: key.value,
  }
}

/** Big-endian. */
const readUint32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0

/** A server has one RP ID: its hash is kept. */
let hashed = { text: '', digest: hash('sha256', '', 'buffer') }

function isHashOf(digest: Uint8Array, text: string): boolean {
  if (hashed.text !== text) hashed = { text, digest: hash('sha256', text, 'buffer') }
  return hashed.digest.equals(digest)
}
