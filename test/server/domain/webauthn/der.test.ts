import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  booleanOf,
  isTagged,
  itemsOf,
  objectIdentifierOf,
  readElements,
  readWhole,
  smallIntegerOf,
} from '../../../../src/server/domain/webauthn/attestation/der.ts'
import { WebAuthnError } from '../../../../src/server/domain/webauthn/index.ts'
import { integer, octets, oid, sequence } from '../../../support/der.ts'

const bytes = (hex: string) => Buffer.from(hex, 'hex')
const malformed = expect.objectContaining({ code: 'webauthn_certificate_malformed' })

test.each([
  ['nothing', ''],
  ['a tag alone', '30'],
  ['a length beyond the end', '3001'],
  ['an indefinite length', '30800000'],
  ['a long length where a short one does', '30810100'],
  ['a length of two bytes where one does', `308200ff${'00'.repeat(255)}`],
  ['a length of three bytes', `3083010000${'00'.repeat(65_536)}`],
  ['a byte behind', '300000'],
  ['a tag number with a leading zero', 'bf801f00'],
  ['a high tag number below 31', 'bf1e00'],
  ['a tag number without end', 'bfffffffffff'],
])('%s is malformed', (_, hex) => {
  expect(() => readWhole(bytes(hex))).toThrow(malformed)
})

test('high tag numbers are read', () => {
  expect(isTagged(readWhole(bytes('bf853e00')), 702)).toBe(true)
  expect(isTagged(readWhole(bytes('bf843e00')), 702)).toBe(false)
})

test.each(['0.0', '1.2.840.113549.1.1.11', '2.5.29.19', '2.100.3', '1.3.6.1.4.1.11129.2.1.17'])('%s', dotted => {
  expect(objectIdentifierOf(readWhole(oid(dotted)))).toBe(dotted)
})

test.each(['0600', '0680', '06028001', '060681808080807f', '060187', '04012a'])('%s is no object identifier', hex => {
  expect(() => objectIdentifierOf(readWhole(bytes(hex)))).toThrow(malformed)
})

test.each([
  ['020100', 0],
  ['02017f', 127],
  ['02020080', 128],
  ['02047fffffff', 0x7fff_ffff],
])('%s is the integer %i', (hex, value) => {
  expect(smallIntegerOf(readWhole(bytes(hex)))).toBe(value)
})

test.each(['0200', '0201ff', '0202007f', '02050080000000', '020500ffffffff', '0a0101', '2203020101'])(
  '%s is no small integer that is not negative',
  hex => {
    expect(() => smallIntegerOf(readWhole(bytes(hex)))).toThrow(malformed)
  },
)

test('of booleans there are two', () => {
  expect([booleanOf(readWhole(bytes('0101ff'))), booleanOf(readWhole(bytes('010100')))]).toEqual([true, false])
  for (const hex of ['010101', '0100', '0102ffff']) expect(() => booleanOf(readWhole(bytes(hex)))).toThrow(malformed)
})

test('what is a sequence and what is not', () => {
  expect(itemsOf(readWhole(sequence(integer(1), octets())))).toHaveLength(2)
  expect(() => itemsOf(readWhole(octets()))).toThrow(malformed)
  expect(() => itemsOf(undefined)).toThrow(malformed)
})

test('any bytes are elements one behind the other, or malformed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), input => {
      try {
        const elements = readElements(input)
        expect(Buffer.concat(elements.map(({ encoded }) => encoded))).toEqual(Buffer.from(input))
      } catch (error) {
        expect(error).toBeInstanceOf(WebAuthnError)
      }
    }),
    { numRuns: 2000 },
  )
})
