import { describe, expect, test } from 'vitest'
import type { Authenticator } from '../../../src/hid/authenticator.ts'
import { openAuthenticator } from '../../../src/hid/open-authenticator.ts'
import {
  type AuthenticatorOptions,
  type DeviceOptions,
  SecurityKeyDevice,
  SoftwareAuthenticator,
} from '../../../src/simulators/security-key/index.ts'
import { clientDataHash, isSigned, parseAttested, parseHeader, registration, sha256 } from '../../support/ceremony.ts'
import { connectedTo } from '../../support/memory-device.ts'
import { refusal } from '../../support/scripted-channel.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const rpId = 'example.com'
const verified = 0x04

type Options = Omit<AuthenticatorOptions, 'random' | 'clock'> & Pick<DeviceOptions, 'touch'>

/** A software key on a memory wire. `open` opens it anew, as after plugging it in. */
function plugIn(options: Options = {}) {
  const clock = new VirtualClock()
  const random = seededRandom('software key')
  const authenticator = new SoftwareAuthenticator({ clock, random, ...options })
  const device = new SecurityKeyDevice(authenticator, { clock, random, ...options })
  const open = (): Promise<Authenticator> => openAuthenticator(connectedTo(clock, device), { clock, random })
  const powerCycle = () => {
    device.unplug()
    authenticator.powerCycle()
    return open()
  }
  return { clock, authenticator, device, open, powerCycle }
}

const ceremony = { permissions: ['mc', 'ga'], rpId } as const
/** The credential's id, whatever extensions follow it. */
const idIn = ({ authData }: { authData: Uint8Array }) => {
  const length = new DataView(authData.buffer, authData.byteOffset).getUint16(53)
  return authData.slice(55, 55 + length)
}
const credentialOf = ({ authData }: { authData: Uint8Array }) => parseAttested(authData)

describe.each<[string, Options]>([
  ['CTAP 2.1, protocol 2', { pinUvAuthProtocols: [2, 1] }],
  ['CTAP 2.1, protocol 1', { pinUvAuthProtocols: [1] }],
  ['CTAP 2.0', { profile: 'ctap2.0' }],
])('%s', (_, options) => {
  test('a PIN is set; with it a credential is made and signs, verified', async () => {
    const key = await plugIn(options).open()
    await key.setPin('虎符 tally')
    const token = await key.verifyUser({ ...ceremony, pin: '虎符 tally' })
    const made = credentialOf(await key.makeCredential({ ...registration(), token }))
    expect(made.flags & verified).toBe(verified)
    const again = await key.verifyUser({ pin: '虎符 tally', permissions: ['ga'], rpId })
    const allowList = [{ id: made.credentialId }]
    const assertion = await key.getAssertion({ rpId, clientDataHash, allowList, token: again })
    expect(parseHeader(assertion.authData).flags & verified).toBe(verified)
    expect(isSigned(made.publicKey, assertion, clientDataHash)).toBe(true)
  })

  test('a ceremony takes three messages without a PIN, five with one', async () => {
    const without = plugIn(options)
    await (await without.open()).makeCredential(registration())
    expect(without.device.received).toEqual({ init: 1, cbor: 2 })
    const withPin = plugIn({ ...options, pin: '1234' })
    const key = await withPin.open()
    const token = await key.verifyUser({ ...ceremony, pin: '1234' })
    await key.makeCredential({ ...registration(), token })
    expect(withPin.device.received).toEqual({ init: 1, cbor: 4 })
  })

  test('wrong PINs count down to a replug, and then to a reset', async () => {
    const { open, powerCycle } = plugIn({ ...options, pin: '1234' })
    const seen: [string, number | undefined][] = []
    let key = await open()
    for (let attempt = 0; attempt < 9; attempt++) {
      const { code, details } = await refusal(key.verifyUser({ ...ceremony, pin: '4321' }))
      seen.push([code, details.retriesLeft])
      if (code === 'key_pin_auth_blocked') key = await powerCycle()
    }
    expect(seen).toEqual([
      ['key_pin_invalid', 7],
      ['key_pin_invalid', 6],
      ['key_pin_auth_blocked', undefined],
      ['key_pin_invalid', 4],
      ['key_pin_invalid', 3],
      ['key_pin_auth_blocked', undefined],
      ['key_pin_invalid', 1],
      ['key_pin_blocked', undefined],
      ['key_pin_blocked', undefined],
    ])
    expect((await refusal(key.verifyUser({ ...ceremony, pin: '1234' }))).code).toBe('key_pin_blocked')
    await key.reset()
    await key.setPin('5678')
    expect((await key.pinRetries()).left).toBe(8)
  })

  test('the right PIN gives all attempts back', async () => {
    const key = await plugIn({ ...options, pin: '1234' }).open()
    await refusal(key.verifyUser({ ...ceremony, pin: '4321' }))
    expect((await key.pinRetries()).left).toBe(7)
    await key.verifyUser({ ...ceremony, pin: '1234' })
    expect(await key.pinRetries()).toEqual({ left: 8, powerCycleNeeded: false })
  })

  test('a PIN is changed', async () => {
    const key = await plugIn({ ...options, pin: '1234' }).open()
    expect((await refusal(key.changePin('4321', '5678'))).details.retriesLeft).toBe(7)
    await key.changePin('1234', '5678')
    expect((await refusal(key.verifyUser({ ...ceremony, pin: '1234' }))).code).toBe('key_pin_invalid')
    await key.verifyUser({ ...ceremony, pin: '5678' })
    expect((await refusal(key.setPin('9999'))).code).toBe('key_not_allowed')
  })

  test('an old token is a typed error', async () => {
    const key = await plugIn({ ...options, pin: '1234' }).open()
    const token = await key.verifyUser({ ...ceremony, pin: '1234' })
    await key.changePin('1234', '5678')
    const request = { ...registration(), token }
    expect((await refusal(key.makeCredential(request))).code).toBe('key_pin_auth_invalid')
  })

  test.each([undefined, '1234'])('is selected by a touch, its PIN being %s', async pin => {
    const { open, device, authenticator } = plugIn({ ...options, pin, touch: 'never' })
    const key = await open()
    let touches = 0
    await key.select({
      onTouchNeeded: () => {
        touches++
        device.sensor.touch()
      },
    })
    expect([touches, authenticator.credentials.size]).toEqual([1, 0])
  })

  test('a selection is cancelled, and the key serves on', async () => {
    const { open, device } = plugIn({ ...options, touch: 'never' })
    const key = await open()
    const abort = new AbortController()
    const selecting = key.select({ signal: abort.signal, onTouchNeeded: () => abort.abort() })
    expect((await refusal(selecting)).code).toBe('key_cancelled')
    device.sensor.behaviour = 'automatic'
    await key.select()
    device.sensor.behaviour = 'deny'
    expect((await refusal(key.select())).code).toBe('key_denied')
  })
})

describe('a key that always verifies', () => {
  test('wants a PIN, and takes it', async () => {
    const key = await plugIn({ alwaysUv: true, pin: '1234' }).open()
    expect((await refusal(key.makeCredential(registration()))).code).toBe('key_pin_required')
    const token = await key.verifyUser({ ...ceremony, pin: '1234' })
    const { credentialId } = credentialOf(await key.makeCredential({ ...registration(), token }))
    const allowList = [{ id: credentialId }]
    expect(await key.hasCredential({ rpId, credentials: allowList })).toBe(true)
    expect((await refusal(key.getAssertion({ rpId, clientDataHash, allowList }))).code).toBe('key_pin_required')
  })
})

describe('a key with a reader', () => {
  test('gives a token for a finger, with as many messages as for a PIN', async () => {
    const { open, device } = plugIn({ userVerification: 'fingerprint' })
    const key = await open()
    const token = await key.verifyUser(ceremony)
    const made = credentialOf(await key.makeCredential({ ...registration(), token }))
    expect(made.flags & verified).toBe(verified)
    expect(device.received).toEqual({ init: 1, cbor: 4 })
  })

  test('tells how many misses are left, and is blocked after the last', async () => {
    const { open, authenticator } = plugIn({ userVerification: 'fingerprint', preferredPlatformUvAttempts: 1 })
    authenticator.setFinger('mismatch')
    const key = await open()
    const codes: string[] = []
    for (let attempt = 0; attempt < 20 && codes.at(-1) !== 'key_uv_blocked'; attempt++) {
      const error = await refusal(key.verifyUser(ceremony))
      codes.push(error.code)
      if (error.code === 'key_uv_invalid') expect(error.details.retriesLeft).toBe(await key.uvRetries())
    }
    expect([codes[0], codes.at(-1)]).toEqual(['key_uv_invalid', 'key_uv_blocked'])
    expect(await key.uvRetries()).toBe(0)
  })

  test('verifies within the ceremony where that is asked for', async () => {
    const key = await plugIn({ userVerification: 'fingerprint' }).open()
    const made = credentialOf(await key.makeCredential({ ...registration(), options: { uv: true } }))
    expect(made.flags & verified).toBe(verified)
  })

  test('that wants no PIN for ceremonies is not given one', async () => {
    const key = await plugIn({
      userVerification: 'fingerprint',
      pin: '1234',
      noMcGaPermissionsWithClientPin: true,
    }).open()
    expect((await refusal(key.verifyUser({ ...ceremony, pin: '1234' }))).code).toBe('key_unsupported_option')
  })
})

describe('rules for PINs', () => {
  test('a key may want longer ones', async () => {
    const key = await plugIn({ minPinLength: 6 }).open()
    expect(await refusal(key.setPin('12345'))).toMatchObject({
      code: 'key_pin_policy',
      details: { minimumPinLength: 6 },
    })
    await key.setPin('123456')
  })

  test('a key may want another one first', async () => {
    const key = await plugIn({ pin: '1234', forcePinChange: true }).open()
    expect((await refusal(key.verifyUser({ ...ceremony, pin: '1234' }))).code).toBe('key_pin_change_required')
    await key.changePin('1234', '5678')
    expect((await key.verifyUser({ ...ceremony, pin: '5678' })).protocol).toBe(2)
  })
})

describe('credentials that hide', () => {
  test('show themselves to a token alone', async () => {
    const key = await plugIn({ pin: '1234' }).open()
    const token = await key.verifyUser({ ...ceremony, pin: '1234' })
    const request = { ...registration(), credProtect: 3 as const, token }
    const credentials = [{ id: sha256('stranger') }, { id: idIn(await key.makeCredential(request)) }]
    expect(await key.hasCredential({ rpId, credentials })).toBe(false)
    const verifiedToken = await key.verifyUser({ pin: '1234', permissions: ['ga'], rpId })
    expect(await key.hasCredential({ rpId, credentials, token: verifiedToken })).toBe(true)
  })

  test('are found in an exclude list of any length by a token that may ask', async () => {
    const strangers = Array.from({ length: 40 }, (_, index) => ({ id: sha256(String(index)) }))
    const key = await plugIn({ pin: '1234' }).open()
    const token = () => key.verifyUser({ ...ceremony, pin: '1234' })
    const first = { ...registration(), credProtect: 3 as const, token: await token() }
    const excludeList = [...strangers, { id: idIn(await key.makeCredential(first)) }]
    const request = { ...registration('bob'), excludeList, token: await token() }
    expect((await refusal(key.makeCredential(request))).code).toBe('key_excluded')
  })
})

test('of several credentials each signs in turn', async () => {
  const { open, authenticator } = plugIn({ pin: '1234' })
  const key = await open()
  const names = ['alice', 'bob', 'eve']
  for (const name of names) {
    const token = await key.verifyUser({ ...ceremony, pin: '1234' })
    await key.makeCredential({ ...registration(name), options: { rk: true }, token })
  }
  expect(authenticator.credentials.size).toBe(3)
  const token = await key.verifyUser({ pin: '1234', permissions: ['ga'], rpId })
  const first = await key.getAssertion({ rpId, clientDataHash, token })
  expect(first.numberOfCredentials).toBe(3)
  const all = [first, await key.nextAssertion(), await key.nextAssertion()]
  expect(all.map(({ userHandle }) => userHandle)).toEqual(names.toReversed().map(sha256))
  expect((await refusal(key.nextAssertion())).code).toBe('key_not_allowed')
})

describe('a reset', () => {
  test('erases credentials and PIN', async () => {
    const { open, authenticator } = plugIn({ pin: '1234' })
    const key = await open()
    const token = await key.verifyUser({ ...ceremony, pin: '1234' })
    await key.makeCredential({ ...registration(), token })
    await key.reset()
    expect([authenticator.credentials.size, key.info.options.get('clientPin')]).toEqual([0, false])
    expect((await refusal(key.verifyUser({ ...ceremony, pin: '1234' }))).code).toBe('key_pin_not_set')
  })

  test('comes too late', async () => {
    const { open, clock, powerCycle } = plugIn({ resetWindow: true })
    const key = await open()
    await clock.sleep(11_000)
    expect((await refusal(key.reset())).code).toBe('key_not_allowed')
    await (await powerCycle()).reset()
  })
})
