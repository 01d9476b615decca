// DER (X.690 sections 8 and 10), as much of it as attestation certificates need. Certificates come from strangers:
// each is read here, strictly, before OpenSSL sees it.

import { demand } from '../error.ts'

/** One element: identifier octets as tag class, form and number, and what is inside. */
export interface DerElement {
  readonly tagClass: 'universal' | 'application' | 'context' | 'private'
  readonly constructed: boolean
  readonly tagNumber: number
  readonly content: Uint8Array
  /** The whole element, its head included. */
  readonly encoded: Uint8Array
}

export const universal = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  null: 5,
  objectIdentifier: 6,
  enumerated: 10,
  sequence: 16,
  set: 17,
} as const

const tagClasses = ['universal', 'application', 'context', 'private'] as const
const malformed = 'webauthn_certificate_malformed'
// Android's tags go up to 724; four bytes of tag number are more than anybody has.
const longestTagNumber = 4

/**
 * The elements that `bytes` hold, one behind the other, from the first byte to the last.
 * @throws {WebAuthnError} webauthn_certificate_malformed
 */
export function readElements(bytes: Uint8Array): DerElement[] {
  const elements: DerElement[] = []
  for (let at = 0; at < bytes.length; ) {
    const element = readElement(bytes, at)
    elements.push(element)
    at += element.encoded.length
  }
  return elements
}

/**
 * The one element that `bytes` are.
 * @throws {WebAuthnError} webauthn_certificate_malformed
 */
export function readWhole(bytes: Uint8Array): DerElement {
  const element = readElement(bytes, 0)
  demand(element.encoded.length === bytes.length, malformed)
  return element
}

function readElement(bytes: Uint8Array, start: number): DerElement {
  const lead = byteAt(bytes, start)
  let at = start + 1
  let tagNumber = lead & 0x1f
  if (tagNumber === 0x1f) {
    const tag = readTagNumber(bytes, at)
    tagNumber = tag.number
    at = tag.end
  }
  const { length, end } = readLength(bytes, at)
  demand(length <= bytes.length - end, malformed)
  return {
    tagClass: tagClasses[lead >> 6] ?? 'universal',
    constructed: (lead & 0x20) !== 0,
    tagNumber,
    content: bytes.subarray(end, end + length),
    encoded: bytes.subarray(start, end + length),
  }
}

/** Section 8.1.2.4: numbers from 31 on, in groups of seven bits without leading zeros. */
function readTagNumber(bytes: Uint8Array, start: number): { number: number; end: number } {
  let number = 0
  demand(byteAt(bytes, start) !== 0x80, malformed)
  for (let at = start; at < start + longestTagNumber; at++) {
    const byte = byteAt(bytes, at)
    number = (number << 7) | (byte & 0x7f)
    if (byte < 0x80) {
      demand(number >= 31, malformed)
      return { number, end: at + 1 }
    }
  }
  demand(false, malformed)
}

/** Sections 8.1.3 and 10.1: definite, and as short as can be. */
function readLength(bytes: Uint8Array, at: number): { length: number; end: number } {
  const lead = byteAt(bytes, at)
  if (lead < 0x80) return { length: lead, end: at + 1 }
  if (lead === 0x81) {
    const length = byteAt(bytes, at + 1)
    demand(length >= 0x80, malformed)
    return { length, end: at + 2 }
  }
  // What is read here is never longer than 64 KiB.
  demand(lead === 0x82, malformed)
  const length = (byteAt(bytes, at + 1) << 8) | byteAt(bytes, at + 2)
  demand(length >= 0x100, malformed)
  return { length, end: at + 3 }
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]
  demand(byte !== undefined, malformed)
  return byte
}

/** Whether `element` is the universal type `tagNumber`, in the form that DER gives it. */
export const isUniversal = (element: DerElement | undefined, tagNumber: number): element is DerElement =>
  element?.tagClass === 'universal' &&
  element.tagNumber === tagNumber &&
  element.constructed === (tagNumber === universal.sequence || tagNumber === universal.set)

/** Whether `element` is `[tagNumber] EXPLICIT` something. */
export const isTagged = (element: DerElement | undefined, tagNumber: number): element is DerElement =>
  element?.tagClass === 'context' && element.constructed && element.tagNumber === tagNumber

/**
 * What is inside a universal type.
 * @throws {WebAuthnError} webauthn_certificate_malformed, when `element` is another, or missing
 */
export function contentOf(element: DerElement | undefined, tagNumber: number): Uint8Array {
  demand(isUniversal(element, tagNumber), malformed)
  return element.content
}

/**
 * The elements of a SEQUENCE or a SET.
 * @throws {WebAuthnError} webauthn_certificate_malformed
 */
export const itemsOf = (
  element: DerElement | undefined,
  tagNumber: typeof universal.sequence | typeof universal.set = universal.sequence,
): DerElement[] => readElements(contentOf(element, tagNumber))

/**
 * A BOOLEAN: DER has one byte for true (section 11.1).
 * @throws {WebAuthnError} webauthn_certificate_malformed
 */
export function booleanOf(element: DerElement | undefined): boolean {
  const [value, ...more] = contentOf(element, universal.boolean)
  demand(more.length === 0 && (value === 0x00 || value === 0xff), malformed)
  return value === 0xff
}

/**
 * An INTEGER of 0 to 2³¹ − 1.
 * @throws {WebAuthnError} webauthn_certificate_malformed
 */
export function smallIntegerOf(element: DerElement | undefined): number {
  const bytes = unsignedIntegerOf(element)
  const value = bytes.subarray(0, 5).reduce((sum, byte) => sum * 256 + byte, 0)
  demand(value <= 0x7fff_ffff, malformed)
  return value
}

/**
 * The bytes of an INTEGER that is not negative, without a leading zero, unless it is zero.
 * @throws {WebAuthnError} webauthn_certificate_malformed
 */
export function unsignedIntegerOf(element: DerElement | undefined): Uint8Array {
  const bytes = contentOf(element, universal.integer)
  const [first = 0, second] = bytes
  demand(bytes.length > 0 && first < 0x80, malformed)
  if (first !== 0 || second === undefined) return bytes
  demand(second >= 0x80, malformed)
  return bytes.subarray(1)
}

/**
 * An OBJECT IDENTIFIER in dots (section 8.19); arcs have up to 31 bits.
 * @throws {WebAuthnError} webauthn_certificate_malformed
 */
export function objectIdentifierOf(element: DerElement | undefined): string {
  const bytes = contentOf(element, universal.objectIdentifier)
  const arcs: number[] = []
  let arc = 0
  let fresh = true
  demand(bytes.length > 0 && (bytes.at(-1) ?? 0) < 0x80, malformed)
  for (const byte of bytes) {
    demand(!fresh || byte !== 0x80, malformed)
    arc = arc * 128 + (byte & 0x7f)
    demand(arc <= 0x7fff_ffff, malformed)
    fresh = byte < 0x80
    if (!fresh) continue
    arcs.push(arc)
    arc = 0
  }
  const [head = 0, ...rest] = arcs
  const first = Math.min(2, Math.floor(head / 40))
  return [first, head - first * 40, ...rest].join('.')
}
