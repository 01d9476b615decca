// WebAuthn section 6.1.

import { createHash } from 'node:crypto'
import { concatBytes } from '../../lib/bytes.ts'
import { type CborMap, encodeCbor } from '../../lib/cbor.ts'

export const flag = { userPresent: 0x01, userVerified: 0x04, attested: 0x40, extensions: 0x80 } as const

/** What the key learnt of the person in a ceremony. */
export interface Evidence {
  readonly isPresent: boolean
  readonly isVerified: boolean
}

export const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

/** Big-endian, 4 bytes. */
export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

export interface AuthenticatorDataParts {
  readonly rpIdHash: Uint8Array
  readonly evidence: Evidence
  readonly counter: number
  /** AAGUID, credential id and public key, put together. */
  readonly attested?: Uint8Array
  readonly extensions?: CborMap
}

export function authenticatorData({ rpIdHash, evidence, counter, attested, extensions }: AuthenticatorDataParts) {
  const flags =
    (evidence.isPresent ? flag.userPresent : 0) |
    (evidence.isVerified ? flag.userVerified : 0) |
    (attested ? flag.attested : 0) |
    (extensions ? flag.extensions : 0)
  return concatBytes(
    rpIdHash,
    Uint8Array.of(flags),
    uint32(counter),
    attested ?? new Uint8Array(),
    extensions ? encodeCbor(extensions) : new Uint8Array(),
  )
}
