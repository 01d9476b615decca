import { createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { toBase64url } from '../../../src/lib/base64url.ts'
import { concatBytes, fromHex, toHex, utf8 } from '../../../src/lib/bytes.ts'
import type { AuthenticatorOptions } from '../../../src/simulators/security-key/index.ts'
import { sha256 } from '../../support/ceremony.ts'
import { allowing, madeId, map, RawPlatform } from '../../support/raw-platform.ts'

const challenge = sha256('challenge')
const application = sha256('example.com')

/** An APDU of extended length, as U2F raw message formats 3.1.3 has it. */
function apdu(ins: number, p1: number, data: Uint8Array, ending = '0000'): Uint8Array {
  const length = Uint8Array.of(0, data.length >> 8, data.length & 0xff)
  return concatBytes(Uint8Array.of(0, ins, p1, 0), data.length > 0 ? length : Uint8Array.of(0), data, fromHex(ending))
}

function setUp(options: Partial<AuthenticatorOptions> = {}) {
  const raw = new RawPlatform({ profile: 'u2f', ...options })
  const state = { isTouched: true, asked: 0 }
  const send = (request: Uint8Array) => {
    const answer = raw.key.answerU2f(request, () => {
      state.asked++
      return state.isTouched
    })
    return { word: toHex(answer.subarray(-2)), data: answer.slice(0, -2) }
  }
  const register = () => send(apdu(1, 0, concatBytes(challenge, application)))
  const authenticate = (handle: Uint8Array, p1 = 3, site = application) =>
    send(apdu(2, p1, concatBytes(challenge, site, Uint8Array.of(handle.length), handle)))
  return { raw, state, send, register, authenticate }
}

const pointKey = (point: Uint8Array): KeyObject =>
  createPublicKey({
    key: { kty: 'EC', crv: 'P-256', x: toBase64url(point.slice(1, 33)), y: toBase64url(point.slice(33)) },
    format: 'jwk',
  })

/** Takes a registration response apart (section 4.3). */
function parse(data: Uint8Array) {
  const handleLength = data[66] ?? 0
  const rest = data.slice(67 + handleLength)
  const certificate = new X509Certificate(rest)
  return {
    reserved: data[0],
    point: data.slice(1, 66),
    handle: data.slice(67, 67 + handleLength),
    certificate,
    signature: rest.slice(certificate.raw.length),
  }
}

const register = (setup: ReturnType<typeof setUp>) => parse(setup.register().data)

test('version', () => {
  const { send } = setUp()
  const answer = { word: '9000', data: utf8('U2F_V2') }
  expect(send(apdu(3, 0, new Uint8Array()))).toEqual(answer)
  expect(send(fromHex('00030000'))).toEqual(answer)
  expect(send(apdu(3, 0, Uint8Array.of(1))).word).toBe('6700')
})

describe('registration', () => {
  test('is signed by the certificate over application, challenge, handle and key', () => {
    const setup = setUp()
    const { reserved, point, handle, certificate, signature } = register(setup)
    expect([reserved, point[0], handle.length]).toEqual([0x05, 0x04, 32])
    expect(new Uint8Array(certificate.raw)).toEqual(setup.raw.key.attestationCertificate)
    const signed = concatBytes(Uint8Array.of(0), application, challenge, handle, point)
    expect(verify('sha256', signed, certificate.publicKey, signature)).toBe(true)
    expect(setup.raw.key.credentials.size).toBe(1)
  })

  test('waits for a touch without waiting: 0x6985', () => {
    const { register, state, raw } = setUp()
    state.isTouched = false
    expect([register().word, register().word, raw.key.credentials.size]).toEqual(['6985', '6985', 0])
  })
})

describe('authentication', () => {
  test('is signed over application, presence, counter and challenge; the counter counts', () => {
    const setup = setUp()
    const { handle, point } = register(setup)
    for (const [p1, presence, counter] of [
      [0x03, 1, 1],
      [0x08, 0, 2],
    ] as const) {
      const { word, data } = setup.authenticate(handle, p1)
      expect([word, toHex(data.subarray(0, 5))]).toEqual(['9000', `0${presence}0000000${counter}`])
      const signed = concatBytes(application, data.subarray(0, 5), challenge)
      expect(verify('sha256', signed, pointKey(point), data.subarray(5))).toBe(true)
    }
    expect(setup.state.asked).toBe(2)
  })

  test('enforced, it wants a touch; unenforced, none; checked only, it tells without', () => {
    const setup = setUp()
    const { handle } = register(setup)
    setup.state.isTouched = false
    expect([3, 8, 7].map(p1 => setup.authenticate(handle, p1).word)).toEqual(['6985', '9000', '6985'])
    setup.state.isTouched = true
    expect(setup.authenticate(handle, 7).word).toBe('6985')
    expect(setup.state.asked).toBe(2)
  })

  test('a handle that is not its own, or of another site', () => {
    const setup = setUp()
    const { handle } = register(setup)
    setup.state.isTouched = false
    for (const p1 of [3, 7, 8]) {
      expect(setup.authenticate(new Uint8Array(32), p1).word).toBe('6a80')
      expect(setup.authenticate(new Uint8Array(0), p1).word).toBe('6a80')
      expect(setup.authenticate(handle, p1, sha256('example.org')).word).toBe('6a80')
    }
  })
})

test.each([
  ['another class', '8003000000', '6e00'],
  ['an instruction that it does not know', '0010000000', '6d00'],
  ['a header of three bytes', '000300', '6700'],
  ['short length encoding', `0001000040${'00'.repeat(64)}`, '6700'],
  ['a registration of 63 bytes', `0001000000003f${'00'.repeat(63)}0000`, '6700'],
  ['less data than announced', `00010000000040${'00'.repeat(61)}`, '6700'],
  ['a handle longer than its length', `00020300000042${'00'.repeat(66)}0000`, '6700'],
  ['a control byte that there is not', `00020400000041${'00'.repeat(65)}0000`, '6a86'],
])('refuses %s', (_, request, word) => expect(setUp().send(fromHex(request)).word).toBe(word))

describe('beside CTAP2', () => {
  const both = { profile: 'ctap2.1' } as const

  test('what was registered by U2F signs by CTAP2, and is excluded there', async () => {
    const setup = setUp(both)
    const { handle } = register(setup)
    const answer = await setup.raw.getAssertion([allowing(handle)])
    expect([answer.status, answer.map.has(4)]).toEqual([0, false])
    expect((await setup.raw.getAssertion()).status).toBe(0x2e)
  })

  test('what was made by CTAP2 signs by U2F, unless it needs verification or is of another algorithm', async () => {
    const { raw, authenticate } = setUp({ ...both, algorithms: [-7, -8] })
    const ed25519 = map([
      ['alg', -8],
      ['type', 'public-key'],
    ])
    expect(authenticate(madeId(await raw.makeCredential())).word).toBe('9000')
    expect(authenticate(madeId(await raw.makeCredential([[6, map([['credProtect', 2]])]]))).word).toBe('9000')
    expect(authenticate(madeId(await raw.makeCredential([[6, map([['credProtect', 3]])]]))).word).toBe('6a80')
    expect(authenticate(madeId(await raw.makeCredential([[4, [ed25519]]]))).word).toBe('6a80')
  })

  test('it is off where user verification is always needed', async () => {
    const { raw, register, authenticate, send } = setUp({ ...both, alwaysUv: true })
    expect([register().word, authenticate(new Uint8Array(32)).word]).toEqual(['6986', '6986'])
    expect(send(fromHex('00030000')).word).toBe('9000')
    expect((await raw.info()).get(1)).toEqual(['FIDO_2_0', 'FIDO_2_1'])
  })
})
