// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html
// Section 8.1: a request is a command byte and, mostly, a CBOR map; an answer is a status byte and, mostly, a CBOR map.

import { concatBytes } from '../../lib/bytes.ts'
import { CborError, type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../lib/cbor.ts'
import type { CallOptions, Channel } from '../ctaphid/channel.ts'
import { command } from '../ctaphid/constants.ts'
import { CtapError } from '../errors.ts'
import { statusError } from './status.ts'

/** Section 6: the authenticator API's command bytes. */
export const ctap2Command = {
  makeCredential: 0x01,
  getAssertion: 0x02,
  getInfo: 0x04,
  clientPin: 0x06,
  reset: 0x07,
  getNextAssertion: 0x08,
  selection: 0x0b,
} as const

/** Section 6.4: what a key takes at least, when its getInfo does not say. */
export const defaultMaxMessageSize = 1024

/** How long the request with these parameters is, in bytes, command byte included. */
export const encodedSize = (parameters: CborMap): number => 1 + encodeCbor(parameters).length

/**
 * Sends a CTAP2 command and gives the map that the key answers, an empty one where it answers none. Keys in use do not
 * all sort their keys, so the answer's CBOR need not be canonical; a key given twice is refused all the same.
 * @throws {CtapError} for a status other than 0x00, `key_protocol` for an answer that is no CBOR map,
 * `key_request_too_large` when the request has more than `maxMessageSize` bytes.
 */
export async function callCtap2(
  channel: Channel,
  kind: number,
  parameters: CborMap | undefined,
  options: CallOptions & { readonly maxMessageSize?: number } = {},
): Promise<CborMap> {
  const request = concatBytes(Uint8Array.of(kind), parameters ? encodeCbor(parameters) : new Uint8Array())
  const limit = options.maxMessageSize ?? defaultMaxMessageSize
  if (request.length > limit) {
    throw new CtapError(
      'key_request_too_large',
      `a request of ${request.length} bytes; the security key takes ${limit}`,
    )
  }
  const answer = await channel.call(command.cbor, request, options)
  const status = answer[0]
  if (status === undefined) throw malformed('an empty answer')
  if (status !== 0) throw statusError(status)
  if (answer.length === 1) return new Map()
  return decodeMap(answer.subarray(1))
}

function decodeMap(bytes: Uint8Array): CborMap {
  let value: CborValue
  try {
    value = decodeCbor(bytes, { canonical: false })
  } catch (error) {
    if (error instanceof CborError) throw malformed(error.message, error)
    throw error
  }
  if (!(value instanceof Map)) throw malformed('an answer that is no map')
  return value
}

export const malformed = (what: string, cause?: unknown): CtapError =>
  new CtapError('key_protocol', `the security key sent ${what}`, {}, { cause })

/** The bytes under `key`. @throws {CtapError} `key_protocol` when there are none. */
export function requiredBytes(map: CborMap, key: number | string): Uint8Array {
  const value = map.get(key)
  if (value instanceof Uint8Array) return value
  throw malformed(`an answer without bytes under ${key}`)
}

export function optionalBytes(map: CborMap, key: number | string): Uint8Array | undefined {
  const value = map.get(key)
  return value instanceof Uint8Array ? value : undefined
}

export function optionalNumber(map: CborMap, key: number | string): number | undefined {
  const value = map.get(key)
  return typeof value === 'number' ? value : undefined
}

/** The texts in the array under `key`; none where it is absent. */
export function texts(map: CborMap, key: number): string[] {
  const value = map.get(key)
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}

/** A map of those entries that have a value. */
export function presentEntries<K extends string | number>(
  entries: readonly (readonly [K, CborValue | undefined])[],
): CborMap {
  return new Map(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])))
}
