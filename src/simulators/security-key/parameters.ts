// Reading the CBOR of a request: each function gives the value in its type, or throws the status that says what is
// wrong with it.

import { CborError, type CborMap, type CborValue, decodeCbor } from '../../lib/cbor.ts'
import { StatusError, status } from './status.ts'

const hashLength = 32

export function required<T>(value: T | undefined): T {
  if (value === undefined) throw new StatusError(status.missingParameter)
  return value
}

export const optional = <T>(value: CborValue | undefined, as: (value: CborValue) => T): T | undefined =>
  value === undefined ? undefined : as(value)

const wrongType = () => new StatusError(status.unexpectedType)

export function asMap(value: CborValue): CborMap {
  if (value instanceof Map) return value
  throw wrongType()
}

export function asArray(value: CborValue): CborValue[] {
  if (Array.isArray(value)) return value
  throw wrongType()
}

export function asBytes(value: CborValue): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw wrongType()
}

export function asText(value: CborValue): string {
  if (typeof value === 'string') return value
  throw wrongType()
}

export function asInteger(value: CborValue): number {
  if (typeof value === 'number') return value
  throw wrongType()
}

export function asUnsigned(value: CborValue): number {
  const number = asInteger(value)
  if (number < 0) throw wrongType()
  return number
}

/** 32 bytes. */
export function asHash(value: CborValue): Uint8Array {
  const bytes = asBytes(value)
  if (bytes.length !== hashLength) throw wrongType()
  return bytes
}

export const optionalBytes = (value: CborValue | undefined): Uint8Array | undefined => optional(value, asBytes)

/** The map that a request's body is. */
export function parameters(body: Uint8Array): CborMap {
  try {
    return asMap(decodeCbor(body))
  } catch (error) {
    if (error instanceof CborError) throw new StatusError(status.invalidCbor)
    throw error
  }
}
