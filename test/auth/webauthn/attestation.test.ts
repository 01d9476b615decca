import { describe, expect, it } from 'vitest'
import {
  type AttestationConveyance,
  attestationObject,
  attestedCredential,
} from '../../../src/auth/webauthn/attestation.ts'
import { concatBytes, toHex } from '../../../src/lib/bytes.ts'
import { type CborMap, decodeCbor } from '../../../src/lib/cbor.ts'

const zeros = new Uint8Array(16)
const model = new Uint8Array(16).fill(7)
const authDataOf = (aaguid: Uint8Array, id = Uint8Array.of(1, 2, 3), flags = 0x41) =>
  concatBytes(
    new Uint8Array(32),
    Uint8Array.of(flags, 0, 0, 0, 1),
    aaguid,
    Uint8Array.of(0, id.length),
    id,
    Uint8Array.of(0xa0),
  )
const signed: CborMap = new Map<string, number | Uint8Array>([
  ['alg', -7],
  ['sig', Uint8Array.of(9)],
])
const certified: CborMap = new Map([...signed, ['x5c', [Uint8Array.of(8)]]])

describe('attestationObject', () => {
  it.each<[string, AttestationConveyance, string, CborMap, Uint8Array, string]>([
    ['a certified statement', 'none', 'packed', certified, model, 'none'],
    ['a certified statement of a nameless model', 'none', 'packed', certified, zeros, 'none'],
    ['self attestation of a named model', 'none', 'packed', signed, model, 'none'],
    ['self attestation', 'none', 'packed', signed, zeros, 'packed'],
    ['a U2F statement', 'none', 'fido-u2f', signed, zeros, 'none'],
    ['a certified statement', 'indirect', 'packed', certified, model, 'packed'],
    ['a certified statement', 'direct', 'packed', certified, model, 'packed'],
    ['a certified statement', 'enterprise', 'packed', certified, model, 'packed'],
  ])('conveys %s under %s: %s becomes …', (_, conveyance, fmt, attStmt, aaguid, expected) => {
    const authData = authDataOf(aaguid)
    const object = decodeCbor(attestationObject({ fmt, attStmt, authData }, conveyance)) as CborMap
    expect([...object.keys()]).toEqual(['fmt', 'attStmt', 'authData'])
    expect(object.get('fmt')).toBe(expected)
    expect(object.get('attStmt')).toEqual(expected === 'none' ? new Map() : attStmt)
    // As of Level 3, the AAGUID stays.
    expect(object.get('authData')).toEqual(authData)
  })

  it('is the bytes that section 6.5.4 and CTAP2 canonical CBOR make of it', () => {
    const bytes = attestationObject({ fmt: 'packed', attStmt: certified, authData: Uint8Array.of(5) }, 'none')
    expect(toHex(bytes)).toBe('a363666d74646e6f6e656761747453746d74a068617574684461746141' + '05')
  })
})

describe('attestedCredential', () => {
  it('is what lies behind its length', () => {
    expect(attestedCredential(authDataOf(model))).toEqual({
      id: Uint8Array.of(1, 2, 3),
      publicKey: Uint8Array.of(0xa0),
    })
  })

  it.each([
    ['too short', new Uint8Array(54).fill(0xff)],
    ['without the flag', authDataOf(model, undefined, 0x01)],
    ['with an empty id', authDataOf(model, new Uint8Array())],
    ['cut within the id', authDataOf(model).subarray(0, 57)],
    ['without a public key', authDataOf(model).subarray(0, 58)],
  ])('is missed in data %s', (_, authData) => {
    expect(() => attestedCredential(authData)).toThrow(expect.objectContaining({ code: 'key_protocol' }))
  })
})
