// What a request's CBOR must hold (CTAP 2.1 sections 6.1 and 6.2), or the status that says what is wrong with it.

import type { CborMap, CborValue } from '../../lib/cbor.ts'
import {
  asArray,
  asBytes,
  asHash,
  asInteger,
  asMap,
  asText,
  asUnsigned,
  optional,
  optionalBytes,
  parameters,
  required,
} from './parameters.ts'
import type { RequestLimits } from './settings.ts'
import { StatusError, status } from './status.ts'

/** What both ceremonies say of user verification. */
export interface Authorisation {
  readonly clientDataHash: Uint8Array
  readonly rpId: string
  readonly options: ReadonlyMap<string, boolean>
  readonly pinUvAuthParam: Uint8Array | undefined
  readonly pinUvAuthProtocol: number | undefined
}

export interface MakeCredentialRequest extends Authorisation {
  readonly user: { readonly id: Uint8Array; readonly name?: string; readonly displayName?: string }
  readonly algorithms: readonly number[]
  readonly excludeList: readonly Uint8Array[]
  readonly credProtect: number | undefined
  readonly enterpriseAttestation: number | undefined
}

export interface GetAssertionRequest extends Authorisation {
  /** Undefined where none is given, and where it is empty. */
  readonly allowList: readonly Uint8Array[] | undefined
}

function credentialIds(value: CborValue, limits: RequestLimits): Uint8Array[] {
  const list = asArray(value)
  if (list.length > (limits.credentialsInList ?? list.length)) throw new StatusError(status.limitExceeded)
  return list.flatMap(item => {
    const descriptor = asMap(item)
    const id = asBytes(required(descriptor.get('id')))
    if (id.length > (limits.credentialId ?? id.length)) throw new StatusError(status.limitExceeded)
    return asText(required(descriptor.get('type'))) === 'public-key' ? [id] : []
  })
}

function optionsOf(value: CborValue | undefined): Map<string, boolean> {
  const options = new Map<string, boolean>()
  for (const [name, on] of asMap(value ?? new Map())) {
    if (typeof name !== 'string' || typeof on !== 'boolean') throw new StatusError(status.unexpectedType)
    options.set(name, on)
  }
  return options
}

function userOf(value: CborValue): MakeCredentialRequest['user'] {
  const user = asMap(value)
  const name = user.get('name')
  const displayName = user.get('displayName')
  return {
    id: asBytes(required(user.get('id'))),
    ...(name === undefined ? {} : { name: asText(name) }),
    ...(displayName === undefined ? {} : { displayName: asText(displayName) }),
  }
}

/** Section 12.1. */
function credProtectOf(extensions: CborMap): number | undefined {
  const level = optional(extensions.get('credProtect'), asUnsigned)
  if (level !== undefined && ![1, 2, 3].includes(level)) throw new StatusError(status.invalidOption)
  return level
}

/** @throws {StatusError} */
export function readMakeCredential(body: Uint8Array, limits: RequestLimits): MakeCredentialRequest {
  const map = parameters(body)
  const algorithms = asArray(required(map.get(4))).flatMap(item => {
    const alg = asInteger(required(asMap(item).get('alg')))
    return asText(required(asMap(item).get('type'))) === 'public-key' ? [alg] : []
  })
  return {
    clientDataHash: asHash(required(map.get(1))),
    rpId: asText(required(asMap(required(map.get(2))).get('id'))),
    user: userOf(required(map.get(3))),
    algorithms,
    excludeList: credentialIds(map.get(5) ?? [], limits),
    credProtect: credProtectOf(asMap(map.get(6) ?? new Map())),
    options: optionsOf(map.get(7)),
    pinUvAuthParam: optionalBytes(map.get(8)),
    pinUvAuthProtocol: optional(map.get(9), asUnsigned),
    enterpriseAttestation: optional(map.get(10), asUnsigned),
  }
}

/** @throws {StatusError} */
export function readGetAssertion(body: Uint8Array, limits: RequestLimits): GetAssertionRequest {
  const map = parameters(body)
  const allowList = optional(map.get(3), asArray)
  return {
    rpId: asText(required(map.get(1))),
    clientDataHash: asHash(required(map.get(2))),
    allowList: allowList?.length ? credentialIds(allowList, limits) : undefined,
    options: optionsOf(map.get(5)),
    pinUvAuthParam: optionalBytes(map.get(6)),
    pinUvAuthProtocol: optional(map.get(7), asUnsigned),
  }
}
