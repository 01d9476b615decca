// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#authenticatorGetInfo
// Section 6.4.

import type { CborMap } from '../../lib/cbor.ts'
import type { CallOptions, Channel } from '../ctaphid/channel.ts'
import { largestPayload } from '../ctaphid/framing.ts'
import {
  callCtap2,
  ctap2Command,
  defaultMaxMessageSize,
  malformed,
  optionalNumber,
  requiredBytes,
  texts,
} from './command.ts'

const aaguidLength = 16

export interface AuthenticatorInfo {
  /** `FIDO_2_0`, `FIDO_2_1`, `U2F_V2` … */
  readonly versions: readonly string[]
  readonly extensions: readonly string[]
  /** 16 bytes: the model. */
  readonly aaguid: Uint8Array
  /** `rk`, `up`, `uv`, `clientPin` …: an absent option is not supported, but for `up`, whose default is true. */
  readonly options: ReadonlyMap<string, boolean>
  /** The longest request in bytes, command byte included. */
  readonly maxMsgSize: number
  readonly pinUvAuthProtocols: readonly number[]
  readonly maxCredentialCountInList: number | undefined
  /** Bytes. */
  readonly maxCredentialIdLength: number | undefined
  readonly transports: readonly string[]
  /** COSE identifiers; empty when the key does not say. */
  readonly algorithms: readonly number[]
  /** Unicode code points. */
  readonly minPinLength: number | undefined
  readonly firmwareVersion: number | undefined
  /** Whether the key gives no token by PIN until the PIN is changed. */
  readonly forcePinChange?: boolean | undefined
  /** How often to let the user try a finger before the PIN is asked for. */
  readonly preferredPlatformUvAttempts?: number | undefined
  /** Bits, as the FIDO registry names the ways of verification: 0x02 a finger. */
  readonly uvModality?: number | undefined
  /** By name (`FIDO`, `FIPS-CMVP-2` …) their level. */
  readonly certifications?: ReadonlyMap<string, number> | undefined
  /** About how many more credentials the key keeps. */
  readonly remainingDiscoverableCredentials?: number | undefined
  readonly attestationFormats?: readonly string[] | undefined
  /** Whether a reset wants a long touch (CTAP 2.2). */
  readonly longTouchForReset?: boolean | undefined
  /** The whole answer, members that this program does not know included. */
  readonly members: CborMap
}

function booleans(value: unknown): Map<string, boolean> {
  const options = new Map<string, boolean>()
  if (!(value instanceof Map)) return options
  for (const [name, on] of value) if (typeof name === 'string' && typeof on === 'boolean') options.set(name, on)
  return options
}

function levels(value: unknown): Map<string, number> | undefined {
  if (!(value instanceof Map)) return undefined
  const certifications = new Map<string, number>()
  for (const [name, level] of value) {
    if (typeof name === 'string' && typeof level === 'number') certifications.set(name, level)
  }
  return certifications
}

/** A limit, which the specification has greater than zero: a key that says otherwise says nothing. */
function limit(members: CborMap, key: number): number | undefined {
  const value = optionalNumber(members, key)
  return value !== undefined && value > 0 ? value : undefined
}

const flag = (members: CborMap, key: number): boolean => members.get(key) === true

function algorithms(value: unknown): number[] {
  if (!Array.isArray(value)) return []
  return value.flatMap(item => {
    const alg = item instanceof Map ? item.get('alg') : undefined
    return typeof alg === 'number' ? [alg] : []
  })
}

/**
 * Asks the key what it is and can (section 6.4).
 * @throws {CtapError} `key_protocol` when the answer lacks versions or a 16-byte AAGUID; see also {@link callCtap2}.
 */
export async function getInfo(channel: Channel, options: CallOptions = {}): Promise<AuthenticatorInfo> {
  const members = await callCtap2(channel, ctap2Command.getInfo, undefined, options)
  const versions = texts(members, 0x01)
  if (versions.length === 0) throw malformed('no versions')
  const aaguid = requiredBytes(members, 0x03)
  if (aaguid.length !== aaguidLength) throw malformed(`an AAGUID of ${aaguid.length} bytes`)
  const protocols = members.get(0x06)
  return {
    versions,
    extensions: texts(members, 0x02),
    aaguid,
    options: booleans(members.get(0x04)),
    // A key may be ready for more than a message carries.
    maxMsgSize: Math.min(limit(members, 0x05) ?? defaultMaxMessageSize, largestPayload),
    pinUvAuthProtocols: Array.isArray(protocols) ? protocols.filter(item => typeof item === 'number') : [],
    maxCredentialCountInList: limit(members, 0x07),
    maxCredentialIdLength: limit(members, 0x08),
    transports: texts(members, 0x09),
    algorithms: algorithms(members.get(0x0a)),
    minPinLength: optionalNumber(members, 0x0d),
    firmwareVersion: optionalNumber(members, 0x0e),
    forcePinChange: flag(members, 0x0c),
    preferredPlatformUvAttempts: optionalNumber(members, 0x11),
    uvModality: optionalNumber(members, 0x12),
    certifications: levels(members.get(0x13)),
    remainingDiscoverableCredentials: optionalNumber(members, 0x14),
    attestationFormats: members.has(0x16) ? texts(members, 0x16) : undefined,
    longTouchForReset: flag(members, 0x18),
    members,
  }
}
