// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#u2f-interop
// Section 7: what U2F answers, in the form that CTAP2 would give it.

import { createHash } from 'node:crypto'
import { concatBytes, utf8 } from '../../lib/bytes.ts'
import { type CborMap, type CborValue, encodeCbor } from '../../lib/cbor.ts'
import type { GetAssertionResult } from '../ctap2/get-assertion.ts'
import type { MakeCredentialResult } from '../ctap2/make-credential.ts'
import type { U2fAuthentication, U2fRegistration } from './messages.ts'

/** COSE's number of ECDSA with P-256 and SHA-256, all that U2F has. */
export const es256 = -7
const coordinateLength = 32
const attestedAndPresent = 0x41
const present = 0x01
const aaguidLength = 16

/** The application parameter of `rpId`: its SHA-256, 32 bytes. */
export const applicationOf = (rpId: string): Uint8Array =>
  new Uint8Array(createHash('sha256').update(utf8(rpId)).digest())

function bigEndian(value: number, length: 2 | 4): Uint8Array {
  const view = new DataView(new ArrayBuffer(length))
  if (length === 2) view.setUint16(0, value)
  else view.setUint32(0, value)
  return new Uint8Array(view.buffer)
}

/** A public key of 65 bytes as a COSE key (RFC 9053 section 7.1.1). */
const coseKey = (publicKey: Uint8Array): Uint8Array =>
  encodeCbor(
    new Map<number, number | Uint8Array>([
      [1, 2],
      [3, es256],
      [-1, 1],
      [-2, publicKey.subarray(1, 1 + coordinateLength)],
      [-3, publicKey.subarray(1 + coordinateLength)],
    ]),
  )

/** Section 7.2: a registration as a credential with the attestation `fido-u2f`. */
export function credentialFrom(registration: U2fRegistration, application: Uint8Array): MakeCredentialResult {
  const { publicKey, keyHandle, certificate, signature } = registration
  const authData = concatBytes(
    application,
    Uint8Array.of(attestedAndPresent),
    bigEndian(0, 4),
    new Uint8Array(aaguidLength),
    bigEndian(keyHandle.length, 2),
    keyHandle,
    coseKey(publicKey),
  )
  const attStmt: CborMap = new Map<string, CborValue>([
    ['sig', signature],
    ['x5c', [certificate]],
  ])
  return { fmt: 'fido-u2f', authData, attStmt }
}

/** Section 7.3: an authentication as an assertion. Of the user presence byte, bit 0 counts. */
export function assertionFrom(
  authentication: U2fAuthentication,
  application: Uint8Array,
  credentialId: Uint8Array,
): GetAssertionResult {
  const flags = Uint8Array.of(authentication.userPresence & present)
  return {
    credentialId,
    authData: concatBytes(application, flags, bigEndian(authentication.counter, 4)),
    signature: authentication.signature,
    userHandle: undefined,
    numberOfCredentials: 1,
  }
}
