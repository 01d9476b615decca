import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPossiblePin, minimumPinLength, paddedPin, pinHash } from '../../../src/hid/ctap2/pin.ts'
import { isCtapError } from '../../../src/hid/errors.ts'
import { toHex, utf8 } from '../../../src/lib/bytes.ts'

describe('a new PIN', () => {
  test('is padded with zeros to 64 bytes', () => {
    expect(toHex(paddedPin('1234', undefined))).toBe(`31323334${'00'.repeat(60)}`)
    expect(paddedPin('x'.repeat(63), undefined)).toEqual(Uint8Array.of(...utf8('x'.repeat(63)), 0))
  })

  test('is normalised to NFC', () => {
    expect(paddedPin('A\u030angstro\u0308m', undefined)).toEqual(paddedPin('\u00c5ngstr\u00f6m', undefined))
    expect(toHex(paddedPin('A\u030aA\u030aA\u030aA\u030a', 4)).slice(0, 18)).toBe('c385c385c385c38500')
  })

  test.each<[string, string, number | undefined, number]>([
    ['of three characters', '123', undefined, 4],
    ['of none', '', undefined, 4],
    ['shorter than the key wants', '12345', 6, 6],
    ['whose characters are few, though its bytes are not', '虎符虎', undefined, 4],
    ['of three, each of two UTF-16 units', '😀😀😀', undefined, 4],
    ['that is short once it is normalised', 'A\u030aA\u030a', undefined, 4],
    ['of 64 bytes', 'x'.repeat(64), undefined, 4],
    ['of 22 characters with 66 bytes', '虎'.repeat(22), undefined, 4],
    ['that ends with a NUL', '1234\u0000', undefined, 4],
    ['with half a surrogate pair', '1234\ud83d', undefined, 4],
    ['for a key that wants more than it takes', 'x'.repeat(62), 1000, 63],
    ['for a key that wants fewer than the specification', '123', -1, 4],
  ])('%s is against the policy', (_, pin, least, minimumPinLength) => {
    expect(() => paddedPin(pin, least)).toThrow(
      expect.objectContaining({ code: 'key_pin_policy', details: { minimumPinLength } }),
    )
  })

  test('may be any other Unicode', () => {
    expect(paddedPin('虎符虎符', undefined).subarray(0, 12)).toEqual(utf8('虎符虎符'))
    expect(paddedPin('😀😀😀😀', undefined).subarray(0, 16)).toEqual(utf8('😀😀😀😀'))
  })

  test('is padded or refused, whatever it is, and told to nobody', () => {
    const unit = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.string({ minLength: 50, maxLength: 80 }),
    )
    fc.assert(
      fc.property(unit, fc.option(fc.integer(), { nil: undefined }), (pin, least) => {
        try {
          const padded = paddedPin(pin, least)
          expect(new TextDecoder('utf-8', { ignoreBOM: true }).decode(padded).replace(/\0*$/, '')).toBe(
            pin.normalize('NFC'),
          )
        } catch (error) {
          if (!isCtapError(error, 'key_pin_policy')) throw error
          expect(error.details.minimumPinLength).toBe(minimumPinLength(least))
        }
      }),
    )
  })
})

test('a PIN is remembered as half of its SHA-256, after NFC', () => {
  expect(toHex(pinHash('1234'))).toBe('03ac674216f3e15c761ee1a5e255f067')
  expect(pinHash('A\u030angs')).toEqual(pinHash('\u00c5ngs'))
})

test.each<[string, boolean]>([
  ['', false],
  ['123', false],
  ['1234', true],
  ['虎符', true],
  ['x'.repeat(63), true],
  ['x'.repeat(64), false],
])('%j may be a PIN that a key has: %s', (pin, possible) => expect(isPossiblePin(pin)).toBe(possible))
