// As much of DER (ITU-T X.690) as a certificate needs.

import { concatBytes, utf8 } from '../../lib/bytes.ts'

/** Tag, length, value. */
export function der(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const value = concatBytes(...parts)
  const { length } = value
  const lengthBytes = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return concatBytes(Uint8Array.of(tag, ...lengthBytes), value)
}

export const sequence = (...parts: Uint8Array[]): Uint8Array => der(0x30, ...parts)
export const set = (...parts: Uint8Array[]): Uint8Array => der(0x31, ...parts)
export const octets = (value: Uint8Array): Uint8Array => der(0x04, value)
export const bits = (value: Uint8Array): Uint8Array => der(0x03, Uint8Array.of(0), value)
export const text = (value: string): Uint8Array => der(0x0c, utf8(value))
export const printableText = (value: string): Uint8Array => der(0x13, utf8(value))
export const utcTime = (value: string): Uint8Array => der(0x17, utf8(value))
export const generalizedTime = (value: string): Uint8Array => der(0x18, utf8(value))
export const boolean = (value: boolean): Uint8Array => der(0x01, Uint8Array.of(value ? 0xff : 0))

/** A positive integer, big-endian, with a leading zero where the first bit would be a sign. */
export function positiveInteger(value: Uint8Array): Uint8Array {
  const significant = value.subarray(
    Math.max(
      0,
      value.findIndex(byte => byte !== 0),
    ),
  )
  return (significant[0] ?? 0) & 0x80 ? der(0x02, Uint8Array.of(0), significant) : der(0x02, significant)
}

/** An object identifier in dotted form. */
export function identifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const arc of rest) {
    const groups = [arc & 0x7f]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return der(0x06, Uint8Array.from(bytes))
}
