import { CtapError, type MakeCredentialResult } from '../../hid/index.ts'
import { encodeCbor } from '../../lib/cbor.ts'

/** What the relying party wants to know of the make of the key (WebAuthn section 5.4.7). */
export type AttestationConveyance = 'none' | 'indirect' | 'direct' | 'enterprise'

// WebAuthn section 6.1: RP ID hash 32, flags 1, counter 4; section 6.5.1: AAGUID 16, length 2, credential id.
const flagsOffset = 32
const aaguidOffset = 37
const lengthOffset = aaguidOffset + 16
const idOffset = lengthOffset + 2
const attestedFlag = 0x40

export interface AttestedCredential {
  readonly id: Uint8Array
  /** A COSE_Key, and behind it the extensions if any. */
  readonly publicKey: Uint8Array
}

/**
 * The attested credential data in `authData`.
 * @throws {CtapError} `key_protocol` when there is none.
 */
export function attestedCredential(authData: Uint8Array): AttestedCredential {
  const attested = authData.length >= idOffset && ((authData[flagsOffset] ?? 0) & attestedFlag) !== 0
  const length = attested ? new DataView(authData.buffer, authData.byteOffset).getUint16(lengthOffset) : 0
  if (length === 0 || authData.length <= idOffset + length) {
    throw new CtapError('key_protocol', 'the security key made a credential without an id')
  }
  return { id: authData.slice(idOffset, idOffset + length), publicKey: authData.subarray(idOffset + length) }
}

const isSelfAttestation = ({ fmt, attStmt, authData }: MakeCredentialResult): boolean =>
  fmt === 'packed' && !attStmt.has('x5c') && authData.subarray(aaguidOffset, lengthOffset).every(byte => byte === 0)

/**
 * The attestation object (WebAuthn section 6.5.4). With `none`, a statement that could tell this key from others is
 * replaced (section 5.1.3, "none"); the AAGUID stays, as of Level 3.
 */
export function attestationObject(result: MakeCredentialResult, conveyance: AttestationConveyance): Uint8Array {
  const keep = conveyance !== 'none' || isSelfAttestation(result)
  return encodeCbor(
    new Map<string, string | MakeCredentialResult['attStmt'] | Uint8Array>([
      ['fmt', keep ? result.fmt : 'none'],
      ['attStmt', keep ? result.attStmt : new Map()],
      ['authData', result.authData],
    ]),
  )
}
