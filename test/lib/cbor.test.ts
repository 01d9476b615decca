import { Encoder } from 'cbor-x'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/lib/bytes.ts'
import {
  CborError,
  type CborErrorCode,
  type CborKey,
  type CborValue,
  decodeCbor,
  decodeFirstCbor,
  encodeCbor,
} from '../../src/lib/cbor.ts'

/** RFC 8949 appendix A, as far as CTAP2's form reaches. */
const vectors: [string, CborValue][] = [
  ['00', 0],
  ['01', 1],
  ['0a', 10],
  ['17', 23],
  ['1818', 24],
  ['1819', 25],
  ['1864', 100],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['1bffffffffffffffff', 18_446_744_073_709_551_615n],
  ['3bffffffffffffffff', -18_446_744_073_709_551_616n],
  ['20', -1],
  ['29', -10],
  ['3863', -100],
  ['3903e7', -1000],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['40', new Uint8Array()],
  ['4401020304', Uint8Array.of(1, 2, 3, 4)],
  ['60', ''],
  ['6161', 'a'],
  ['6449455446', 'IETF'],
  ['62225c', '"\\'],
  ['62c3bc', '\u00fc'],
  ['63e6b0b4', '\u6c34'],
  ['64f0908591', '\ud800\udd51'],
  ['80', []],
  ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  [
    '98190102030405060708090a0b0c0d0e0f101112131415161718181819',
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25],
  ],
  ['a0', new Map()],
  [
    'a201020304',
    new Map([
      [1, 2],
      [3, 4],
    ]),
  ],
  [
    'a26161016162820203',
    new Map<CborKey, CborValue>([
      ['a', 1],
      ['b', [2, 3]],
    ]),
  ],
  ['826161a161626163', ['a', new Map([['b', 'c']])]],
]

describe.each(vectors)('vector %s', (hex, value) => {
  test('is what the value encodes to', () => expect(toHex(encodeCbor(value))).toBe(hex))
  test('decodes to the value', () => expect(decodeCbor(fromHex(hex))).toEqual(value))
})

function codeOf(run: () => unknown): CborErrorCode | undefined {
  try {
    run()
  } catch (error) {
    if (error instanceof CborError) return error.code
    throw error
  }
  return undefined
}

const refused: [string, CborErrorCode, string][] = [
  ['', 'truncated', 'nothing'],
  ['18', 'truncated', 'a head without its argument'],
  ['4401', 'truncated', 'a byte string cut short'],
  ['5b7fffffffffffffff', 'truncated', 'a byte string of 2^63 bytes'],
  ['9affffffff', 'truncated', 'an array of 2^32 items'],
  ['ba7fffffff00', 'truncated', 'a map of 2^31 entries'],
  ['a101', 'truncated', 'a map without its value'],
  ['0000', 'trailing_bytes', 'a byte too many'],
  ['1817', 'not_minimal', '23 in two bytes'],
  ['1900ff', 'not_minimal', '255 in three bytes'],
  ['1a0000ffff', 'not_minimal', '65535 in five bytes'],
  ['1b00000000ffffffff', 'not_minimal', '2^32-1 in nine bytes'],
  ['3800', 'not_minimal', '-1 in two bytes'],
  ['580101', 'not_minimal', 'a long length'],
  ['5fff', 'indefinite_length', 'indefinite bytes'],
  ['7fff', 'indefinite_length', 'indefinite text'],
  ['9fff', 'indefinite_length', 'an indefinite array'],
  ['bfff', 'indefinite_length', 'an indefinite map'],
  ['ff', 'indefinite_length', 'a break alone'],
  ['1c', 'unsupported', 'a reserved head'],
  ['c11a514b67b0', 'unsupported', 'a tag'],
  ['c249010000000000000000', 'unsupported', 'a bignum'],
  ['f7', 'unsupported', 'undefined'],
  ['f90000', 'unsupported', 'a half float'],
  ['fb3ff199999999999a', 'unsupported', 'a double'],
  ['f820', 'unsupported', 'a simple value'],
  ['e0', 'unsupported', 'an unassigned simple value'],
  ['a203040102', 'unsorted_keys', 'integer keys out of order'],
  ['a220000000', 'unsorted_keys', 'a negative key before a positive one'],
  ['a2616100190100f6', 'unsorted_keys', 'a text key before an integer'],
  ['a262616100617a00', 'unsorted_keys', 'a longer text key first'],
  ['a201020103', 'duplicate_key', 'an integer key twice'],
  ['a2616101616102', 'duplicate_key', 'a text key twice'],
  ['a1400a', 'key_type', 'a byte string as key'],
  ['a1f500', 'key_type', 'a boolean as key'],
  ['a18000', 'too_deep', 'an array as key'],
  ['61ff', 'invalid_utf8', 'a stray byte'],
  ['62c080', 'invalid_utf8', 'an overlong form'],
  ['63eda080', 'invalid_utf8', 'half a surrogate pair'],
  ['81818181818181818100', 'too_deep', 'nine levels'],
]

test.each(refused)('refuses %s: %s, %s', (hex, code) => expect(codeOf(() => decodeCbor(fromHex(hex)))).toBe(code))

test('lets eight levels pass', () => expect(codeOf(() => decodeCbor(fromHex('818181818181818100')))).toBeUndefined())

test('takes unsorted keys and long heads where it need not be canonical, but no key twice', () => {
  const lenient = { canonical: false }
  expect(decodeCbor(fromHex('a203041801190002'), lenient)).toEqual(
    new Map([
      [3, 4],
      [1, 2],
    ]),
  )
  expect(codeOf(() => decodeCbor(fromHex('a20102180103'), lenient))).toBe('duplicate_key')
  expect(codeOf(() => decodeCbor(fromHex('9fff'), lenient))).toBe('indefinite_length')
})

test('refuses more bytes than it was told to read', () => {
  expect(codeOf(() => decodeCbor(new Uint8Array(65_537)))).toBe('too_long')
  expect(codeOf(() => decodeCbor(fromHex('8101'), { maxBytes: 1 }))).toBe('too_long')
})

test('reads the first item and says where it ends', () => {
  expect(decodeFirstCbor(fromHex('a10102a0'))).toEqual({ value: new Map([[1, 2]]), length: 3 })
})

test('what it decodes shares no memory with the input', () => {
  const bytes = fromHex('4101')
  const value = decodeCbor(bytes)
  bytes[1] = 9
  expect(value).toEqual(Uint8Array.of(1))
})

test.each<[string, CborErrorCode, CborValue]>([
  ['a fraction', 'out_of_range', 1.5],
  ['NaN', 'out_of_range', Number.NaN],
  ['an unsafe number', 'out_of_range', 2 ** 53],
  ['2^64', 'out_of_range', 2n ** 64n],
  ['-2^64-1', 'out_of_range', -(2n ** 64n) - 1n],
  ['half a surrogate pair', 'invalid_utf8', 'a\ud800'],
  [
    'one key as number and bigint',
    'duplicate_key',
    new Map<CborKey, CborValue>([
      [1, 1],
      [1n, 2],
    ]),
  ],
  ['nine levels', 'too_deep', [[[[[[[[[]]]]]]]]]],
])('does not encode %s', (_, code, value) => expect(codeOf(() => encodeCbor(value))).toBe(code))

test('sorts keys by type, then length, then bytes', () => {
  const keys: CborKey[] = ['aa', 'b', -1, 'z', 256, 24, -25, 2, '']
  const encoded = encodeCbor(new Map(keys.map(key => [key, null])))
  const decoded = decodeCbor(encoded)
  expect(decoded instanceof Map && [...decoded.keys()]).toEqual([2, 24, 256, -1, -25, '', 'b', 'z', 'aa'])
})

const integer = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }).map(value => {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }),
)
const text = fc.string({ unit: 'binary', maxLength: 40 })
const key: fc.Arbitrary<CborKey> = fc.oneof(integer, text)
const bytes = fc.uint8Array({ maxLength: 300 })
const { value: anyValue } = fc.letrec<{ value: CborValue }>(tie => ({
  value: fc.oneof(
    { maxDepth: 5 },
    integer,
    text,
    bytes,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 30 }),
    fc.uniqueArray(fc.tuple(key, tie('value')), { maxLength: 30, selector: ([k]) => k }).map(list => new Map(list)),
  ),
}))

test('every value comes back, and has one encoding', () => {
  fc.assert(
    fc.property(anyValue, value => {
      const encoded = encodeCbor(value)
      expect(decodeCbor(encoded)).toEqual(value)
      expect(encodeCbor(decodeCbor(encoded))).toEqual(encoded)
    }),
  )
})

test('arbitrary bytes decode to a value that encodes to the same bytes, or are refused with a CborError', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), anyValue.map(encodeCbor).chain(mutated)), input => {
      let value: CborValue
      try {
        value = decodeCbor(input)
      } catch (error) {
        expect(error).toBeInstanceOf(CborError)
        return
      }
      expect(encodeCbor(value)).toEqual(input)
    }),
    { numRuns: 1000 },
  )
})

const mutated = (input: Uint8Array) =>
  fc.tuple(fc.nat(input.length), fc.nat(255)).map(([at, byte]) => {
    const copy = input.slice()
    copy[at] = byte
    return copy
  })

const other = new Encoder({ mapsAsObjects: false, useRecords: false, tagUint8Array: false, variableMapSize: true })

test('an independent implementation reads what this one writes', () => {
  fc.assert(
    fc.property(anyValue, value => {
      expect(comparable(other.decode(encodeCbor(value)))).toEqual(comparable(value))
    }),
  )
})

test('this one reads what an independent implementation writes', () => {
  fc.assert(
    fc.property(anyValue, value => {
      const encoded = new Uint8Array(other.encode(forOther(value)))
      expect(decodeCbor(encoded, { canonical: false, maxBytes: 1e6 })).toEqual(forOther(value, narrow))
    }),
  )
})

const narrow = (value: bigint): CborValue => (Number.isSafeInteger(Number(value)) ? Number(value) : value)

/** cbor-x writes large numbers as floats, so these go in as bigints; and bigints beyond 64 bits with sign as bignums. */
function forOther(value: CborValue, integer: (value: bigint) => CborValue = value => value): CborValue {
  if (typeof value === 'number') return Math.abs(value) < 2 ** 31 ? value : integer(BigInt(value))
  if (typeof value === 'bigint') return integer(BigInt.asIntN(64, value))
  if (Array.isArray(value)) return value.map(item => forOther(item, integer))
  if (value instanceof Map) {
    const entries = [...value].map(([k, v]): [CborKey, CborValue] => {
      const small = typeof k === 'string' || Math.abs(Number(k)) < 2 ** 31
      return [small ? k : String(k), forOther(v, integer)]
    })
    return new Map(entries)
  }
  return value
}

/** cbor-x gives 64-bit numbers as bigints and byte strings as Buffers: the same value in another dress. */
function comparable(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) return value.map(comparable)
  if (value instanceof Map) return new Map([...value].map(([k, v]) => [comparable(k), comparable(v)]))
  return value
}
