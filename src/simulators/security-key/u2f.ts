// https://fidoalliance.org/specs/fido-u2f-v1.2-ps-20170411/fido-u2f-raw-message-formats-v1.2-ps-20170411.html
// The token's side of U2F, which CTAP 2.1 section 10 calls CTAP1.

import { concatBytes, utf8 } from '../../lib/bytes.ts'
import { generateKeyPair, pointOf, signWith } from './algorithms.ts'
import { flag, uint32 } from './authenticator-data.ts'
import { credProtect, type StoredCredential } from './credentials.ts'
import type { KeyState } from './key-state.ts'

const instruction = { register: 0x01, authenticate: 0x02, version: 0x03 } as const
const control = { checkOnly: 0x07, enforcePresence: 0x03, dontEnforcePresence: 0x08 } as const
/** ISO 7816-4. */
const statusWord = {
  noError: 0x9000,
  wrongLength: 0x6700,
  conditionsNotSatisfied: 0x6985,
  commandNotAllowed: 0x6986,
  wrongData: 0x6a80,
  wrongParameters: 0x6a86,
  instructionNotSupported: 0x6d00,
  classNotSupported: 0x6e00,
} as const
const es256 = -7
const keyHandleLength = 32
const parameterLength = 32

type TakeTouch = () => boolean

/** A request without its framing. */
interface Command {
  readonly p1: number
  readonly data: Uint8Array
}

/** Thrown to answer with a status word alone. */
class StatusWordError extends Error {
  readonly word: number

  constructor(word: number) {
    super(`U2F status word 0x${word.toString(16)}`)
    this.name = 'StatusWordError'
    this.word = word
  }
}

const word = (value: number) => Uint8Array.of(value >> 8, value & 0xff)

/** The answer to an APDU of extended length: its data, and a status word of two bytes. */
export function answerU2f(state: KeyState, apdu: Uint8Array, takeTouch: TakeTouch): Uint8Array {
  try {
    return concatBytes(run(state, apdu, takeTouch), word(statusWord.noError))
  } catch (error) {
    if (error instanceof StatusWordError) return word(error.word)
    throw error
  }
}

function run(state: KeyState, apdu: Uint8Array, takeTouch: TakeTouch): Uint8Array {
  const [cla, ins, p1 = 0] = apdu
  if (apdu.length < 4) throw new StatusWordError(statusWord.wrongLength)
  if (cla !== 0) throw new StatusWordError(statusWord.classNotSupported)
  if (!Object.values(instruction).some(known => known === ins)) {
    throw new StatusWordError(statusWord.instructionNotSupported)
  }
  const command = { p1, data: dataOf(apdu.subarray(4)) }
  if (ins === instruction.version) return version(command)
  if (ins === instruction.register) return register(allowed(state), command, takeTouch)
  return authenticate(allowed(state), command, takeTouch)
}

/** CTAP 2.1 section 7.2.4: U2F, which has no user verification, is off where that is always needed. */
function allowed(state: KeyState): KeyState {
  if (state.settings.alwaysUv) throw new StatusWordError(statusWord.commandNotAllowed)
  return state
}

/** What follows the four bytes of the header: a zero byte, two bytes of length, the data, and Le or nothing. */
function dataOf(body: Uint8Array): Uint8Array {
  if (body.length === 0) return body
  const [zero, high = 0, low = 0] = body
  if (zero !== 0 || body.length < 3) throw new StatusWordError(statusWord.wrongLength)
  const length = (high << 8) | low
  // Three bytes alone are an Le: there is no data.
  if (body.length === 3) return new Uint8Array()
  const expected = body.length - 3 - length
  if (expected !== 0 && expected !== 2) throw new StatusWordError(statusWord.wrongLength)
  return body.subarray(3, 3 + length)
}

function version({ data }: Command): Uint8Array {
  if (data.length !== 0) throw new StatusWordError(statusWord.wrongLength)
  return utf8('U2F_V2')
}

function requireTouch(takeTouch: TakeTouch): void {
  if (!takeTouch()) throw new StatusWordError(statusWord.conditionsNotSatisfied)
}

/** Section 4.1 and 4.3: challenge parameter, application parameter. */
function register(state: KeyState, { data }: Command, takeTouch: TakeTouch): Uint8Array {
  if (data.length !== 2 * parameterLength) throw new StatusWordError(statusWord.wrongLength)
  const challenge = data.slice(0, parameterLength)
  const application = data.slice(parameterLength)
  requireTouch(takeTouch)
  const { random, credentials, attestationKey } = state
  const credential: StoredCredential = {
    id: random.bytes(keyHandleLength),
    rpIdHash: application,
    key: generateKeyPair(es256, random),
    user: undefined,
    discoverable: false,
    protection: credProtect.optional,
  }
  credentials.add(credential)
  const point = pointOf(credential.key)
  const signed = concatBytes(Uint8Array.of(0x00), application, challenge, credential.id, point)
  return concatBytes(
    Uint8Array.of(0x05),
    point,
    Uint8Array.of(credential.id.length),
    credential.id,
    attestationKey.certificate,
    signWith(attestationKey.key, signed),
  )
}

/** Section 5.1 to 5.4: challenge parameter, application parameter, length of the key handle, key handle. */
function authenticate(state: KeyState, { p1, data }: Command, takeTouch: TakeTouch): Uint8Array {
  const handle = data.subarray(2 * parameterLength + 1)
  if (data.length < 2 * parameterLength + 1 || handle.length !== data[2 * parameterLength]) {
    throw new StatusWordError(statusWord.wrongLength)
  }
  const isKnownControl = Object.values(control).some(value => value === p1)
  if (!isKnownControl) throw new StatusWordError(statusWord.wrongParameters)
  const challenge = data.slice(0, parameterLength)
  const application = data.slice(parameterLength, 2 * parameterLength)
  const credential = state.credentials.named(application, [handle]).find(isUsable)
  if (!credential) throw new StatusWordError(statusWord.wrongData)
  if (p1 === control.checkOnly) throw new StatusWordError(statusWord.conditionsNotSatisfied)
  const isPresent = p1 === control.enforcePresence
  if (isPresent) requireTouch(takeTouch)
  const counter = uint32(++state.signatureCounter)
  const presence = Uint8Array.of(isPresent ? flag.userPresent : 0)
  const signature = signWith(credential.key, concatBytes(application, presence, counter, challenge))
  return concatBytes(presence, counter, signature)
}

/** U2F signs with ES256 alone, and verifies nobody. */
const isUsable = ({ key, protection }: StoredCredential) =>
  key.algorithm === es256 && protection !== credProtect.required
