// CTAP2 canonical CBOR: https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#ctap2-canonical-cbor-encoding-form
// A subset of RFC 8949: integers, byte and text strings, arrays, maps, booleans and null; definite lengths, shortest
// heads, sorted keys. No tags, floats or undefined. Every byte is read once, so that time is linear in the input.

import { concatBytes } from './bytes.ts'

export type CborKey = number | bigint | string
export type CborValue = number | bigint | string | boolean | null | Uint8Array | CborValue[] | CborMap
export type CborMap = Map<CborKey, CborValue>

export type CborErrorCode =
  | 'truncated'
  | 'trailing_bytes'
  | 'too_long'
  | 'too_deep'
  | 'indefinite_length'
  | 'not_minimal'
  | 'unsorted_keys'
  | 'duplicate_key'
  | 'key_type'
  | 'invalid_utf8'
  | 'unsupported'
  | 'out_of_range'

/** Bytes that are no CTAP2 CBOR, or a value that has no encoding. `offset` is where in the input, where there is one. */
export class CborError extends Error {
  readonly code: CborErrorCode
  readonly offset: number | undefined

  constructor(code: CborErrorCode, what: string, offset?: number) {
    super(offset === undefined ? `CBOR: ${what}` : `CBOR: ${what} at byte ${offset}`)
    this.name = 'CborError'
    this.code = code
    this.offset = offset
  }
}

export interface CborDecodeOptions {
  /** Whether unsorted keys and longer heads than needed are refused (CTAP 2.1 section 8). Default: true. */
  readonly canonical?: boolean
  /** How many bytes are read at most. Default: 65536. */
  readonly maxBytes?: number
  /** How many arrays and maps may lie within each other. Default: 8; CTAP messages need 4. */
  readonly maxDepth?: number
}

const defaultMaxBytes = 65_536
const defaultMaxDepth = 8
const major = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const
const simple = { false: 0xf4, true: 0xf5, null: 0xf6 } as const
const largestUnsigned = 0xffff_ffff_ffff_ffffn
const textEncoder = new TextEncoder()
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** The head of an item: 1, 2, 3, 5 or 9 bytes, the fewest that hold `argument` (RFC 8949 section 4.2.1). */
function encodeHead(type: number, argument: number | bigint): Uint8Array {
  const lead = type << 5
  if (argument < 24) return Uint8Array.of(lead | Number(argument))
  const size = argument <= 0xff ? 1 : argument <= 0xffff ? 2 : argument <= 0xffff_ffff ? 4 : 8
  const head = new Uint8Array(1 + size)
  const view = new DataView(head.buffer)
  head[0] = lead | (24 + Math.log2(size))
  if (size === 1) view.setUint8(1, Number(argument))
  else if (size === 2) view.setUint16(1, Number(argument))
  else if (size === 4) view.setUint32(1, Number(argument))
  else view.setBigUint64(1, BigInt(argument))
  return head
}

function encodeInteger(value: number | bigint): Uint8Array {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new CborError('out_of_range', `${value} is no safe integer`)
  }
  const argument = value < 0 ? -1n - BigInt(value) : value
  if (argument > largestUnsigned) throw new CborError('out_of_range', 'an integer of more than 64 bits')
  return encodeHead(value < 0 ? major.negative : major.unsigned, argument)
}

function encodeText(text: string): Uint8Array[] {
  if (/\p{Surrogate}/u.test(text)) throw new CborError('invalid_utf8', 'a text with half a surrogate pair')
  const bytes = textEncoder.encode(text)
  return [encodeHead(major.text, bytes.length), bytes]
}

function encodeMap(map: CborMap, depth: number, into: Uint8Array[]): void {
  const entries = [...map].map(([key, value]) => {
    if (typeof key !== 'string' && typeof key !== 'number' && typeof key !== 'bigint') {
      throw new CborError('key_type', 'a map key that is neither integer nor text')
    }
    return { key: typeof key === 'string' ? concatBytes(...encodeText(key)) : encodeInteger(key), value }
  })
  // With shortest heads, the order of CTAP 2.1 section 8 (major type, length, bytes) is that of the encoded keys' bytes.
  entries.sort((a, b) => compareBytes(a.key, b.key))
  into.push(encodeHead(major.map, entries.length))
  let previous: Uint8Array | undefined
  for (const { key, value } of entries) {
    if (previous && compareBytes(previous, key) === 0) throw new CborError('duplicate_key', 'a map key given twice')
    previous = key
    into.push(key)
    encodeInto(value, depth, into)
  }
}

function encodeInto(value: CborValue, depth: number, into: Uint8Array[]): void {
  if (typeof value === 'number' || typeof value === 'bigint') into.push(encodeInteger(value))
  else if (typeof value === 'string') into.push(...encodeText(value))
  else if (value === null) into.push(Uint8Array.of(simple.null))
  else if (typeof value === 'boolean') into.push(Uint8Array.of(value ? simple.true : simple.false))
  else if (value instanceof Uint8Array) into.push(encodeHead(major.bytes, value.length), value)
  else if (depth === 0) throw new CborError('too_deep', `more than ${defaultMaxDepth} levels`)
  else if (Array.isArray(value)) {
    into.push(encodeHead(major.array, value.length))
    for (const item of value) encodeInto(item, depth - 1, into)
  } else if (value instanceof Map) encodeMap(value, depth - 1, into)
  else throw new CborError('unsupported', `a value of type ${typeof value}`)
}

/**
 * The CTAP2 canonical encoding of `value` (CTAP 2.1 section 8): map keys sorted, integers and lengths as short as can
 * be. Integers are safe numbers or bigints of up to 64 bits.
 * @throws {CborError} for what the form has no place for: fractions, lone surrogates, a key given twice (1 and 1n),
 * more than 8 levels.
 */
export function encodeCbor(value: CborValue): Uint8Array {
  const parts: Uint8Array[] = []
  encodeInto(value, defaultMaxDepth, parts)
  return concatBytes(...parts)
}

class Reader {
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private readonly canonical: boolean
  offset = 0

  constructor(bytes: Uint8Array, canonical: boolean) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.canonical = canonical
  }

  private fail(code: CborErrorCode, what: string, offset = this.offset): never {
    throw new CborError(code, what, offset)
  }

  private take(length: number): number {
    const start = this.offset
    if (length > this.bytes.length - start) this.fail('truncated', `${length} bytes expected`, start)
    this.offset = start + length
    return start
  }

  /** Reads a head's argument, of 0, 1, 2, 4 or 8 bytes behind the lead byte. */
  private argument(information: number, start: number): number | bigint {
    if (information < 24) return information
    if (information === 31) this.fail('indefinite_length', 'an indefinite length', start)
    if (information > 27) this.fail('unsupported', 'a reserved head', start)
    const size = 1 << (information - 24)
    const at = this.take(size)
    let value: number | bigint
    if (size === 1) value = this.view.getUint8(at)
    else if (size === 2) value = this.view.getUint16(at)
    else if (size === 4) value = this.view.getUint32(at)
    else value = this.view.getBigUint64(at)
    const least = size === 1 ? 24 : size === 2 ? 0x100 : size === 4 ? 0x1_0000 : 0x1_0000_0000
    if (this.canonical && value < least) this.fail('not_minimal', 'a longer head than needed', start)
    return typeof value === 'bigint' && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
  }

  /** A length or count: each unit takes at least `unit` bytes, so one that cannot fit is refused before any work. */
  private length(argument: number | bigint, unit: number, start: number): number {
    if (argument > (this.bytes.length - this.offset) / unit) this.fail('truncated', 'a length beyond the end', start)
    return Number(argument)
  }

  value(depth: number): CborValue {
    const start = this.take(1)
    const lead = this.bytes[start] ?? 0
    const type = lead >> 5
    if (type === major.simple) return this.simpleValue(lead, start)
    if (type === major.tag) this.fail('unsupported', 'a tag', start)
    const argument = this.argument(lead & 0x1f, start)
    if (type === major.unsigned) return argument
    if (type === major.negative) return this.negative(argument)
    if (type === major.bytes) {
      const length = this.length(argument, 1, start)
      const at = this.take(length)
      return this.bytes.slice(at, at + length)
    }
    if (type === major.text) return this.text(this.length(argument, 1, start))
    if (depth === 0) this.fail('too_deep', 'nested too deeply', start)
    return type === major.array
      ? this.array(this.length(argument, 1, start), depth - 1)
      : this.map(this.length(argument, 2, start), depth - 1)
  }

  private simpleValue(lead: number, start: number): boolean | null {
    if (lead === simple.false) return false
    if (lead === simple.true) return true
    if (lead === simple.null) return null
    if (lead === 0xff) this.fail('indefinite_length', 'a break', start)
    return this.fail('unsupported', 'a float, undefined or unassigned simple value', start)
  }

  private negative(argument: number | bigint): number | bigint {
    const value = -1n - BigInt(argument)
    return value >= Number.MIN_SAFE_INTEGER ? Number(value) : value
  }

  private text(length: number): string {
    const at = this.take(length)
    try {
      return textDecoder.decode(this.bytes.subarray(at, at + length))
    } catch {
      return this.fail('invalid_utf8', 'invalid UTF-8', at)
    }
  }

  private array(length: number, depth: number): CborValue[] {
    const items: CborValue[] = []
    for (let index = 0; index < length; index++) items.push(this.value(depth))
    return items
  }

  private map(length: number, depth: number): CborMap {
    const map: CborMap = new Map()
    let previous: Uint8Array | undefined
    for (let index = 0; index < length; index++) {
      const start = this.offset
      const key = this.value(0)
      if (typeof key !== 'number' && typeof key !== 'bigint' && typeof key !== 'string') {
        this.fail('key_type', 'a map key that is neither integer nor text', start)
      }
      if (map.has(key)) this.fail('duplicate_key', 'a map key given twice', start)
      const encoded = this.bytes.subarray(start, this.offset)
      if (this.canonical && previous && compareBytes(previous, encoded) > 0) {
        this.fail('unsorted_keys', 'map keys out of order', start)
      }
      previous = encoded
      map.set(key, this.value(depth))
    }
    return map
  }
}

/**
 * The first item of `bytes` and how many bytes it took, whatever follows: a COSE key with extensions behind it in
 * authenticator data (WebAuthn section 6.5.1).
 * @throws {CborError} as {@link decodeCbor} does, except for trailing bytes.
 */
export function decodeFirstCbor(
  bytes: Uint8Array,
  options: CborDecodeOptions = {},
): { value: CborValue; length: number } {
  const { canonical = true, maxBytes = defaultMaxBytes, maxDepth = defaultMaxDepth } = options
  if (bytes.length > maxBytes) throw new CborError('too_long', `${bytes.length} bytes, of at most ${maxBytes}`)
  const reader = new Reader(bytes, canonical)
  const value = reader.value(maxDepth)
  return { value, length: reader.offset }
}

/**
 * The one item that `bytes` encode (CTAP 2.1 section 8). Integers come as numbers where these are safe, as bigints
 * beyond; maps as `Map`, their keys integers or texts.
 * @throws {CborError} for indefinite lengths, tags, floats, undefined, keys given twice, invalid UTF-8, trailing or
 * missing bytes, too much depth or length; and, unless `canonical` is false, for unsorted keys and longer heads than
 * needed.
 */
export function decodeCbor(bytes: Uint8Array, options: CborDecodeOptions = {}): CborValue {
  const { value, length } = decodeFirstCbor(bytes, options)
  if (length !== bytes.length) throw new CborError('trailing_bytes', 'bytes behind the item', length)
  return value
}
