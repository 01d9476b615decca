import { createPublicKey, verify, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Authenticator, CtapError, openAuthenticators } from '../../../src/hid/index.ts'
import { toBase64url } from '../../../src/lib/base64url.ts'
import { concatBytes, fromHex, toHex } from '../../../src/lib/bytes.ts'
import { MemoryTransport } from '../../support/memory-device.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { type U2fScript, u2fDevice } from '../../support/u2f-device.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { authentication, authenticationAnswer, registration, registrationAnswer } from './vectors.ts'

const versionApdu = '00030000000000'
const version = `${Buffer.from('U2F_V2').toString('hex')}9000`
const notYet = '6985'
const foreign = '6a80'
const handle = fromHex(registration.keyHandle)
const dummyRegistration = `00010000000040${'42'.repeat(32)}${'41'.repeat(32)}0000`
const checkOnly = (application: string, keyHandle = registration.keyHandle) =>
  `00020700000081${'42'.repeat(32)}${application}40${keyHandle}0000`

/** A key that tells its version and answers the rest from a list, the last answer for ever. */
async function setUp(...answers: string[]) {
  const asked: number[] = []
  let next = 0
  const opened = await open({
    answer: apdu => {
      if (apdu === versionApdu) return version
      asked.push(opened.clock.now())
      return answers[Math.min(next++, answers.length - 1)]
    },
  })
  return { ...opened, asked }
}

async function open(script: U2fScript) {
  const clock = new VirtualClock()
  const { device, apdus } = u2fDevice(clock, script)
  const transport = new MemoryTransport()
  transport.devices.push(device)
  const source = openAuthenticators({ clock, random: seededRandom('u2f'), transport })
  const [key] = await source.list()
  if (!key) throw new Error('no key')
  apdus.length = 0
  return { clock, device, apdus, key }
}

async function refusal(promise: Promise<unknown>): Promise<CtapError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof CtapError)) throw new Error(`expected a refusal, got ${String(error)}`)
  return error
}
const codeOf = async (promise: Promise<unknown>) => (await refusal(promise)).code

const credentialRequest = {
  clientDataHash: fromHex(registration.challenge),
  rp: { id: registration.rpId },
  user: { id: Uint8Array.of(1) },
  pubKeyCredParams: [{ alg: -8 }, { alg: -7 }],
}
const assertionRequest = {
  rpId: authentication.rpId,
  clientDataHash: fromHex(authentication.challenge),
  allowList: [{ id: handle }],
}

describe('registration', () => {
  test('sends the example of the specification, and makes a fido-u2f credential of its answer', async () => {
    const { key, apdus } = await setUp(registrationAnswer)
    const { fmt, authData, attStmt } = await key.makeCredential(credentialRequest)
    expect(apdus).toEqual([`00010000000040${registration.challenge}${registration.application}0000`])
    expect(fmt).toBe('fido-u2f')
    expect(toHex(authData)).toBe(
      `${registration.application}4100000000${'00'.repeat(16)}0040${registration.keyHandle}` +
        `a5010203262001215820${registration.x}225820${registration.y}`,
    )
    expect(attStmt).toEqual(
      new Map<string, unknown>([
        ['sig', fromHex(registration.signature)],
        ['x5c', [fromHex(registration.certificate)]],
      ]),
    )
    const signed = concatBytes(
      Uint8Array.of(0),
      fromHex(registration.application + registration.challenge),
      handle,
      fromHex(`04${registration.x}${registration.y}`),
    )
    const { publicKey } = new X509Certificate(fromHex(registration.certificate))
    expect(verify('sha256', signed, publicKey, fromHex(registration.signature))).toBe(true)
  })

  test('asks five times a second until the key is touched, and says once that it waits', async () => {
    const { key, asked } = await setUp(notYet, notYet, notYet, registrationAnswer)
    let notices = 0
    await key.makeCredential(credentialRequest, { onTouchNeeded: () => notices++ })
    expect(asked.map(time => time - (asked[0] ?? 0))).toEqual([0, 200, 400, 600])
    expect(notices).toBe(1)
  })

  test('tells of a credential that is excluded only after a touch', async () => {
    const { key, apdus } = await setUp(foreign, notYet, notYet, registrationAnswer)
    let notices = 0
    const excludeList = [{ id: handle.map(byte => byte ^ 1) }, { id: new Uint8Array(256) }, { id: handle }]
    const made = key.makeCredential({ ...credentialRequest, excludeList }, { onTouchNeeded: () => notices++ })
    expect(await codeOf(made)).toBe('key_excluded')
    const other = toHex(handle.map(byte => byte ^ 1))
    expect(apdus).toEqual([
      checkOnly(registration.application, other),
      checkOnly(registration.application),
      dummyRegistration,
      dummyRegistration,
    ])
    expect(notices).toBe(1)
  })

  test.each(['6a80', ''])('so does a key that refuses the dummy with %j once it is touched', async refused => {
    const { key, apdus } = await setUp(notYet, notYet, refused)
    expect(await codeOf(key.makeCredential({ ...credentialRequest, excludeList: [{ id: handle }] }))).toBe(
      'key_excluded',
    )
    expect(apdus.slice(1)).toEqual([dummyRegistration, dummyRegistration])
  })

  test('but not a key that breaks off', async () => {
    const { key } = await setUp(notYet, '90')
    expect(await codeOf(key.makeCredential({ ...credentialRequest, excludeList: [{ id: handle }] }))).toBe(
      'key_protocol',
    )
  })

  test('goes on when the key has none of the excluded credentials', async () => {
    const { key, apdus } = await setUp(foreign, registrationAnswer)
    await key.makeCredential({ ...credentialRequest, excludeList: [{ id: handle }] })
    expect(apdus[1]).toContain(registration.challenge)
  })

  test.each([
    ['another algorithm', { pubKeyCredParams: [{ alg: -8 }] }, 'key_unsupported_algorithm'],
    ['a discoverable credential', { options: { rk: true } }, 'key_unsupported_option'],
    ['user verification', { options: { uv: true } }, 'key_unsupported_option'],
    ['a PIN', { token: { protocol: 1 as const, authenticate: () => new Uint8Array(16) } }, 'key_unsupported_option'],
  ])('refuses %s without asking the key', async (_, change, code) => {
    const { key, apdus } = await setUp(registrationAnswer)
    expect([await codeOf(key.makeCredential({ ...credentialRequest, ...change })), apdus]).toEqual([code, []])
  })
})

describe('authentication', () => {
  test('sends the example of the specification, and makes an assertion of its answer', async () => {
    const { key, apdus } = await setUp(notYet, authenticationAnswer)
    const assertion = await key.getAssertion(assertionRequest)
    expect(apdus).toEqual([
      checkOnly(authentication.application),
      `00020300000081${authentication.challenge}${authentication.application}40${registration.keyHandle}0000`,
    ])
    expect(assertion).toEqual({
      credentialId: handle,
      authData: fromHex(`${authentication.application}01${authentication.counter}`),
      signature: fromHex(authentication.signature),
      userHandle: undefined,
      numberOfCredentials: 1,
    })
    const coordinate = (hex: string) => toBase64url(fromHex(hex))
    const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(authentication.x), y: coordinate(authentication.y) }
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
    const signed = concatBytes(assertion.authData, fromHex(authentication.challenge))
    expect(verify('sha256', signed, publicKey, assertion.signature)).toBe(true)
  })

  test('of the user presence byte, only the lowest bit is a flag', async () => {
    const { key } = await setUp(notYet, authenticationAnswer.replace(/^01/, 'fe'))
    expect((await key.getAssertion(assertionRequest)).authData[32]).toBe(0)
  })

  test('finds the credential among several, by check-only requests, and then waits for a touch', async () => {
    const ids = [new Uint8Array(64).fill(1), new Uint8Array(300), new Uint8Array(), new Uint8Array(64).fill(2), handle]
    const { key, apdus } = await setUp(foreign, '6700', notYet, notYet, authenticationAnswer)
    const { credentialId } = await key.getAssertion({ ...assertionRequest, allowList: ids.map(id => ({ id })) })
    expect(credentialId).toEqual(handle)
    expect(apdus.map(apdu => apdu.slice(4, 6))).toEqual(['07', '07', '07', '03', '03'])
  })

  test.each([
    ['knows none of them', [{ id: handle }]],
    ['gets no list', undefined],
  ])('says at once that a key %s', async (_, allowList) => {
    const { key } = await setUp(foreign)
    let notices = 0
    const got = key.getAssertion({ ...assertionRequest, allowList }, { onTouchNeeded: () => notices++ })
    expect([await codeOf(got), notices]).toEqual(['key_no_credentials', 0])
  })

  test('without user presence, asks once', async () => {
    const { key, apdus } = await setUp(notYet, authenticationAnswer.replace(/^01/, '00'))
    const { authData } = await key.getAssertion({ ...assertionRequest, options: { up: false } })
    expect([authData[32], apdus[1]?.slice(0, 6)]).toEqual([0, '000208'])
    expect(await codeOf((await setUp(notYet)).key.getAssertion({ ...assertionRequest, options: { up: false } }))).toBe(
      'key_touch_required',
    )
  })

  test('refuses user verification, and has no second assertion', async () => {
    const { key } = await setUp(notYet)
    expect(await codeOf(key.getAssertion({ ...assertionRequest, options: { uv: true } }))).toBe(
      'key_unsupported_option',
    )
    expect(await codeOf(key.nextAssertion())).toBe('key_not_allowed')
  })

  test('tells whether it has a credential, without a touch', async () => {
    const query = { rpId: authentication.rpId, credentials: [{ id: handle }] }
    const one = await setUp(notYet)
    expect([await one.key.hasCredential(query), one.apdus]).toEqual([true, [checkOnly(authentication.application)]])
    expect(await (await setUp(foreign)).key.hasCredential(query)).toBe(false)
  })
})

describe('waiting for a touch', () => {
  const ceremonies: [string, string[], (key: Authenticator, options: object) => Promise<unknown>][] = [
    ['makeCredential', [notYet], (key, options) => key.makeCredential(credentialRequest, options)],
    ['getAssertion', [notYet], (key, options) => key.getAssertion(assertionRequest, options)],
    ['select', [notYet], (key, options) => key.select(options)],
  ]

  test.each(ceremonies)('%s ends when nobody comes', async (_, answers, run) => {
    const { key, asked } = await setUp(...answers)
    expect(await codeOf(run(key, { timeout: 10_000 }))).toBe('key_timeout')
    expect((asked.at(-1) ?? 0) - (asked[0] ?? 0)).toBeLessThanOrEqual(10_000)
  })

  test.each(ceremonies)('%s ends when it is cancelled', async (_, answers, run) => {
    const { key, apdus } = await setUp(...answers)
    const abort = new AbortController()
    const running = run(key, { signal: abort.signal, onTouchNeeded: () => abort.abort() })
    expect(await codeOf(running)).toBe('key_cancelled')
    expect(apdus.length).toBeLessThanOrEqual(2)
  })

  test('a key that keeps its answer until it is touched is waited for, and told of', async () => {
    const { key, clock } = await open({
      answer: (apdu, push) => {
        if (apdu === versionApdu) return version
        void clock.sleep(20_000).then(() => push(3, fromHex(registrationAnswer)))
        return undefined
      },
    })
    const begun = clock.now()
    const notices: number[] = []
    await key.makeCredential(credentialRequest, { onTouchNeeded: () => notices.push(clock.now() - begun) })
    expect(notices).toEqual([500])
  })

  test('KEEPALIVE tells of it too', async () => {
    const { key, clock } = await open({
      answer: (apdu, push) => {
        if (apdu === versionApdu) return version
        push(0x3b, Uint8Array.of(2))
        void clock.sleep(100).then(() => push(3, fromHex(registrationAnswer)))
        return undefined
      },
    })
    const begun = clock.now()
    const notices: number[] = []
    await key.select({ onTouchNeeded: () => notices.push(clock.now() - begun) })
    expect(notices).toEqual([0])
  })

  test('a key that says nothing at all is silent, not slow', async () => {
    const { key } = await open({ answer: apdu => (apdu === versionApdu ? version : undefined) })
    expect(await codeOf(key.select())).toBe('key_silent')
  })

  test('a touch that came before the question needs no notice', async () => {
    const { key } = await setUp(registrationAnswer)
    let notices = 0
    await key.select({ onTouchNeeded: () => notices++ })
    expect(notices).toBe(0)
  })

  test('select is a registration for nobody', async () => {
    const { key, apdus } = await setUp(notYet, registrationAnswer)
    await key.select()
    expect(apdus).toEqual([dummyRegistration, dummyRegistration])
  })
})

describe('status words', () => {
  test.each([
    ['6d00', 'key_unsupported', 'SW_INS_NOT_SUPPORTED'],
    ['6e00', 'key_unsupported', 'SW_CLA_NOT_SUPPORTED'],
    ['6700', 'key_protocol', 'SW_WRONG_LENGTH'],
    ['6a80', 'key_no_credentials', 'SW_WRONG_DATA'],
    ['6986', 'key_not_allowed', 'SW_COMMAND_NOT_ALLOWED'],
    ['6f42', 'key_refused', 'unassigned'],
  ])('%s fails with %s', async (status, code, statusName) => {
    const { key } = await setUp(notYet, status)
    const error = await refusal(key.getAssertion(assertionRequest))
    expect([error.code, error.details]).toEqual([code, { status: Number.parseInt(status, 16), statusName }])
  })

  test('a check-only request that fails otherwise is no answer', async () => {
    expect(await codeOf((await setUp('6f00')).key.getAssertion(assertionRequest))).toBe('key_refused')
  })

  test.each(['90', '9000', `0504${registration.x}9000`])('answers such as %j are broken', async answer => {
    const { key } = await setUp(answer)
    expect(await codeOf(key.makeCredential(credentialRequest))).toBe('key_protocol')
  })
})

describe('what U2F lacks', () => {
  test.each<[string, (key: Authenticator) => Promise<unknown>]>([
    ['verifyUser', key => key.verifyUser({ pin: '1234', permissions: ['mc'], rpId: 'example.com' })],
    ['pinRetries', key => key.pinRetries()],
    ['uvRetries', key => key.uvRetries()],
    ['setPin', key => key.setPin('1234')],
    ['changePin', key => key.changePin('1234', '5678')],
    ['reset', key => key.reset()],
    ['wink without the capability', key => key.wink()],
  ])('%s is refused', async (_, use) => {
    const { key, apdus } = await setUp()
    expect([await codeOf(use(key)), apdus]).toEqual(['key_unsupported_option', []])
  })

  test('what it is', async () => {
    const { key, device } = await setUp()
    const { name, path, protocol, info, deviceVersion, canWink } = key
    expect({ name, path, protocol, deviceVersion, canWink }).toEqual({
      name: 'Memory Key',
      path: '/dev/hidraw7',
      protocol: 'u2f',
      deviceVersion: [1, 2, 3],
      canWink: false,
    })
    expect(info).toMatchObject({ versions: ['U2F_V2'], aaguid: new Uint8Array(16), algorithms: [-7], extensions: [] })
    await key.ping(Uint8Array.of(1, 2, 3))
    await key.close()
    expect(device.closeCount).toBe(1)
  })

  test('winks where it can', async () => {
    const { key, device } = await open({ capabilities: 1, answer: () => version })
    await key.wink()
    expect([key.canWink, device.countOf(0x08)]).toEqual([true, 1])
  })
})
