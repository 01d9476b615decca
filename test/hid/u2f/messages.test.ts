import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CtapError } from '../../../src/hid/errors.ts'
import { commandBytes, readResponse } from '../../../src/hid/u2f/apdu.ts'
import { sequenceLength } from '../../../src/hid/u2f/der.ts'
import { readAuthentication, readRegistration, versionRequest } from '../../../src/hid/u2f/messages.ts'
import { fromHex, toHex } from '../../../src/lib/bytes.ts'
import { authenticationAnswer, registration, registrationAnswer } from './vectors.ts'

const registered = readResponse(fromHex(registrationAnswer)).data
const authenticated = readResponse(fromHex(authenticationAnswer)).data

describe('APDUs', () => {
  test('have the extended length', () => {
    expect(toHex(commandBytes(versionRequest))).toBe('00030000000000')
    const long = commandBytes({ instruction: 2, p1: 3, data: new Uint8Array(300).fill(9) })
    expect(toHex(long)).toBe(`00020300${'00012c'}${'09'.repeat(300)}0000`)
  })

  test('end with a status word', () => {
    expect(readResponse(fromHex('aabb6985'))).toEqual({ data: fromHex('aabb'), status: 0x6985 })
    expect(() => readResponse(fromHex('69'))).toThrow(CtapError)
  })
})

describe('the length of a DER sequence', () => {
  test.each<[string, number | undefined]>([
    ['3000', 2],
    ['3001aabb', 3],
    [`3081${'80'}${'00'.repeat(128)}`, 131],
    [`308201${'00'}${'00'.repeat(256)}ff`, 260],
    ['', undefined],
    ['30', undefined],
    ['3101aa', undefined],
    ['3002aa', undefined],
    ['3080aa0000', undefined],
    ['308105aaaaaaaaaa', undefined],
    [`30820080${'00'.repeat(128)}`, undefined],
    [`3083000100${'00'.repeat(256)}`, undefined],
    ['3082', undefined],
    ['30ff', undefined],
  ])('%s', (hex, length) => expect(sequenceLength(fromHex(hex))).toBe(length))
})

describe('answers', () => {
  const broken = expect.objectContaining({ code: 'key_protocol' })

  test('cut short anywhere, or with a byte too many, are refused', () => {
    for (let length = 0; length < registered.length; length++) {
      expect(() => readRegistration(registered.subarray(0, length))).toThrow(broken)
    }
    for (let length = 0; length < authenticated.length; length++) {
      expect(() => readAuthentication(authenticated.subarray(0, length))).toThrow(broken)
    }
    expect(() => readRegistration(Uint8Array.of(...registered, 0))).toThrow(broken)
    expect(() => readAuthentication(Uint8Array.of(...authenticated, 0))).toThrow(broken)
  })

  test('with another first byte, a compressed key or an empty key handle are refused', () => {
    const { x, y, certificate, signature } = registration
    const emptyHandle = `0504${x}${y}00${certificate}${signature}`
    for (const hex of [`06${toHex(registered).slice(2)}`, `0502${toHex(registered).slice(4)}`, emptyHandle]) {
      expect(() => readRegistration(fromHex(hex))).toThrow(broken)
    }
  })

  test('of random bytes are read or refused', () => {
    const readOrRefused = (read: () => unknown) => {
      try {
        read()
      } catch (error) {
        expect(error).toBeInstanceOf(CtapError)
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(registered.length - 1), fc.nat(255), (bytes, at, value) => {
        const changed = registered.slice()
        changed[at] = value
        for (const candidate of [bytes, changed]) {
          readOrRefused(() => readRegistration(candidate))
          readOrRefused(() => readAuthentication(candidate))
          readOrRefused(() => readResponse(candidate))
        }
      }),
    )
  })
})
