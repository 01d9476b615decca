// https://fidoalliance.org/specs/fido-u2f-v1.2-ps-20170411/fido-u2f-raw-message-formats-v1.2-ps-20170411.html
// Sections 4 to 6: what goes into the three requests, and what comes out of their answers.

import { concatBytes } from '../../lib/bytes.ts'
import { CtapError } from '../errors.ts'
import { type CommandApdu, instruction } from './apdu.ts'
import { sequenceLength } from './der.ts'

/** Section 5.1, the control byte. */
export const control = { checkOnly: 0x07, enforceUserPresence: 0x03, dontEnforceUserPresence: 0x08 } as const

const reserved = 0x05
const publicKeyLength = 65
const uncompressed = 0x04
const counterLength = 4
/** A key handle's length is one byte. */
export const longestKeyHandle = 255

/** The challenge parameter and the application parameter, 32 bytes each. */
export interface U2fParameters {
  readonly challenge: Uint8Array
  readonly application: Uint8Array
}

export interface U2fRegistration {
  /** A point of P-256, uncompressed: 65 bytes. */
  readonly publicKey: Uint8Array
  /** 1 to 255 bytes. */
  readonly keyHandle: Uint8Array
  /** X.509 in DER. */
  readonly certificate: Uint8Array
  /** ECDSA in DER. */
  readonly signature: Uint8Array
}

export interface U2fAuthentication {
  /** Bit 0: a person was there. */
  readonly userPresence: number
  readonly counter: number
  /** ECDSA in DER. */
  readonly signature: Uint8Array
}

/** Section 4.1. */
export const registrationRequest = ({ challenge, application }: U2fParameters): CommandApdu => ({
  instruction: instruction.register,
  data: concatBytes(challenge, application),
})

/** Section 5.1. `keyHandle` has up to 255 bytes. */
export const authenticationRequest = (
  controlByte: number,
  { challenge, application }: U2fParameters,
  keyHandle: Uint8Array,
): CommandApdu => ({
  instruction: instruction.authenticate,
  p1: controlByte,
  data: concatBytes(challenge, application, Uint8Array.of(keyHandle.length), keyHandle),
})

/** Section 6.1. */
export const versionRequest: CommandApdu = { instruction: instruction.version }

const malformed = (what: string) => new CtapError('key_protocol', `the security key sent ${what}`)

/** Section 4.3. @throws {CtapError} `key_protocol` for anything that is not exactly that */
export function readRegistration(bytes: Uint8Array): U2fRegistration {
  const handleAt = 1 + publicKeyLength + 1
  const handleLength = bytes[handleAt - 1]
  if (bytes[0] !== reserved || bytes[1] !== uncompressed || handleLength === undefined) {
    throw malformed('a registration that does not begin as one')
  }
  if (handleLength === 0) throw malformed('a registration without a key handle')
  const rest = bytes.subarray(handleAt + handleLength)
  const certificateLength = sequenceLength(rest)
  if (certificateLength === undefined) throw malformed('a registration without a whole certificate')
  const signature = rest.slice(certificateLength)
  if (sequenceLength(signature) !== signature.length) throw malformed('a registration that does not end as one')
  return {
    publicKey: bytes.slice(1, 1 + publicKeyLength),
    keyHandle: bytes.slice(handleAt, handleAt + handleLength),
    certificate: rest.slice(0, certificateLength),
    signature,
  }
}

/** Section 5.4. @throws {CtapError} `key_protocol` for anything that is not exactly that */
export function readAuthentication(bytes: Uint8Array): U2fAuthentication {
  const signature = bytes.slice(1 + counterLength)
  if (sequenceLength(signature) !== signature.length) throw malformed('an authentication that is none')
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return { userPresence: view.getUint8(0), counter: view.getUint32(1), signature }
}
