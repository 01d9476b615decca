// What a request's CBOR must hold (CTAP 2.1 sections 6.1 and 6.2), or the status that says what is wrong with it.

import { CborError, type CborMap, type CborValue, decodeCbor } from '../../lib/cbor.ts'

export const status = {
  ok: 0x00,
  invalidCommand: 0x01,
  unexpectedType: 0x11,
  invalidCbor: 0x12,
  missingParameter: 0x14,
  limitExceeded: 0x15,
  excluded: 0x19,
  unsupportedAlgorithm: 0x26,
  denied: 0x27,
  storeFull: 0x28,
  invalidOption: 0x2c,
  keepaliveCancel: 0x2d,
  noCredentials: 0x2e,
  userActionTimeout: 0x2f,
  notAllowed: 0x30,
  pinNotSet: 0x35,
  requestTooLarge: 0x39,
} as const

/** Thrown to answer with a status alone. */
export class StatusError extends Error {
  readonly status: number

  constructor(code: number) {
    super(`CTAP status 0x${code.toString(16)}`)
    this.name = 'StatusError'
    this.status = code
  }
}

export interface MakeCredentialRequest {
  readonly clientDataHash: Uint8Array
  readonly rpId: string
  readonly user: { readonly id: Uint8Array; readonly name?: string; readonly displayName?: string }
  readonly algorithms: readonly number[]
  readonly excludeList: readonly Uint8Array[]
  readonly options: ReadonlyMap<string, boolean>
  readonly pinUvAuthParam: Uint8Array | undefined
}

export interface GetAssertionRequest {
  readonly rpId: string
  readonly clientDataHash: Uint8Array
  readonly allowList: readonly Uint8Array[] | undefined
  readonly options: ReadonlyMap<string, boolean>
  readonly pinUvAuthParam: Uint8Array | undefined
}

/** What getInfo says of this key: bytes of a request, credentials in a list, bytes of a credential id. */
export const limits = { request: 2048, credentialsInList: 16, credentialId: 32 } as const

const hashLength = 32

function required(value: CborValue | undefined): CborValue {
  if (value === undefined) throw new StatusError(status.missingParameter)
  return value
}

const wrongType = () => new StatusError(status.unexpectedType)

function asMap(value: CborValue): CborMap {
  if (value instanceof Map) return value
  throw wrongType()
}

function asArray(value: CborValue): CborValue[] {
  if (Array.isArray(value)) return value
  throw wrongType()
}

function asBytes(value: CborValue): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw wrongType()
}

function asText(value: CborValue): string {
  if (typeof value === 'string') return value
  throw wrongType()
}

function asHash(value: CborValue): Uint8Array {
  const bytes = asBytes(value)
  if (bytes.length !== hashLength) throw wrongType()
  return bytes
}

function credentialIds(value: CborValue): Uint8Array[] {
  const list = asArray(value)
  if (list.length > limits.credentialsInList) throw new StatusError(status.limitExceeded)
  return list.flatMap(item => {
    const descriptor = asMap(item)
    const id = asBytes(required(descriptor.get('id')))
    if (id.length > limits.credentialId) throw new StatusError(status.limitExceeded)
    return asText(required(descriptor.get('type'))) === 'public-key' ? [id] : []
  })
}

function optionsOf(value: CborValue | undefined): Map<string, boolean> {
  const options = new Map<string, boolean>()
  if (value === undefined) return options
  for (const [name, on] of asMap(value)) {
    if (typeof name !== 'string' || typeof on !== 'boolean') throw wrongType()
    options.set(name, on)
  }
  return options
}

const optionalBytes = (value: CborValue | undefined) => (value === undefined ? undefined : asBytes(value))

function parameters(body: Uint8Array): CborMap {
  try {
    return asMap(decodeCbor(body))
  } catch (error) {
    if (error instanceof CborError) throw new StatusError(status.invalidCbor)
    throw error
  }
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

/** @throws {StatusError} */
export function readMakeCredential(body: Uint8Array): MakeCredentialRequest {
  const map = parameters(body)
  const algorithms = asArray(required(map.get(4))).flatMap(item => {
    const alg = required(asMap(item).get('alg'))
    if (typeof alg !== 'number') throw wrongType()
    return asText(required(asMap(item).get('type'))) === 'public-key' ? [alg] : []
  })
  return {
    clientDataHash: asHash(required(map.get(1))),
    rpId: asText(required(asMap(required(map.get(2))).get('id'))),
    user: userOf(required(map.get(3))),
    algorithms,
    excludeList: credentialIds(map.get(5) ?? []),
    options: optionsOf(map.get(7)),
    pinUvAuthParam: optionalBytes(map.get(8)),
  }
}

/** @throws {StatusError} */
export function readGetAssertion(body: Uint8Array): GetAssertionRequest {
  const map = parameters(body)
  const allowList = map.get(3)
  return {
    rpId: asText(required(map.get(1))),
    clientDataHash: asHash(required(map.get(2))),
    allowList: allowList === undefined ? undefined : credentialIds(allowList),
    options: optionsOf(map.get(5)),
    pinUvAuthParam: optionalBytes(map.get(6)),
  }
}
