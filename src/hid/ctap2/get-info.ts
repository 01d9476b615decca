// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#authenticatorGetInfo
// Section 6.4.

import type { CborMap } from '../../lib/cbor.ts'
import type { CallOptions, Channel } from '../ctaphid/channel.ts'
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
  readonly minPinLength: number | undefined
  readonly firmwareVersion: number | undefined
  /** The whole answer, members that this program does not know included. */
  readonly members: CborMap
}

function booleans(value: unknown): Map<string, boolean> {
  const options = new Map<string, boolean>()
  if (!(value instanceof Map)) return options
  for (const [name, on] of value) if (typeof name === 'string' && typeof on === 'boolean') options.set(name, on)
  return options
}

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
    maxMsgSize: optionalNumber(members, 0x05) ?? defaultMaxMessageSize,
    pinUvAuthProtocols: Array.isArray(protocols) ? protocols.filter(item => typeof item === 'number') : [],
    maxCredentialCountInList: optionalNumber(members, 0x07),
    maxCredentialIdLength: optionalNumber(members, 0x08),
    transports: texts(members, 0x09),
    algorithms: algorithms(members.get(0x0a)),
    minPinLength: optionalNumber(members, 0x0d),
    firmwareVersion: optionalNumber(members, 0x0e),
    members,
  }
}
