import { afterEach, describe, expect, test } from 'vitest'
import { type Authenticator, CtapError, openAuthenticators } from '../../src/hid/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import {
  SecurityKeyDevice,
  type SecurityKeyOptions,
  type SecurityKeySimulator,
  serveOverUdp,
  startSecurityKey,
} from '../../src/simulators/security-key/index.ts'
import { clientDataHash, isSigned, parseAttested, parseHeader, registration, sha256 } from '../support/ceremony.ts'
import { foreignAuthenticator } from '../support/foreign-authenticator.ts'

const clock = systemClock
const random = systemRandom
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function connect(device: string): Promise<Authenticator> {
  const source = openAuthenticators({ clock, random, device })
  closing.push(() => source.close())
  const [key] = await source.list()
  if (!key) throw new Error('no key')
  return key
}

async function simulated(
  options: Partial<SecurityKeyOptions> = {},
): Promise<{ key: Authenticator; simulator: SecurityKeySimulator }> {
  const simulator = await startSecurityKey({ clock, random, ...options })
  closing.push(() => simulator.close())
  return { key: await connect(simulator.address), simulator }
}

async function foreign(): Promise<{ key: Authenticator }> {
  const server = await serveOverUdp(new SecurityKeyDevice(foreignAuthenticator(), { clock, random }))
  closing.push(() => server.close())
  return { key: await connect(server.address) }
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    error => (error instanceof CtapError ? error.code : error),
  )

describe.each<[string, () => Promise<{ key: Authenticator }>]>([
  ['our simulator', simulated],
  ['an authenticator that we did not write', foreign],
])('over UDP, with %s', (_, start) => {
  test('a credential is made, and signs', async () => {
    const { key } = await start()
    const touches: string[] = []
    const made = await key.makeCredential(registration(), { onTouchNeeded: () => touches.push('register') })
    const { publicKey, credentialId, rpIdHash, flags, cose, aaguid } = parseAttested(made.authData)
    expect(rpIdHash).toEqual(sha256('example.com'))
    expect(flags & 0x41).toBe(0x41)
    expect(cose.get(3)).toBe(-7)
    expect(aaguid).toEqual(key.info.aaguid)

    const counts: number[] = []
    for (const round of ['first', 'second']) {
      const hash = sha256(round)
      const assertion = await key.getAssertion(
        { rpId: 'example.com', clientDataHash: hash, allowList: [{ id: sha256('unknown') }, { id: credentialId }] },
        { onTouchNeeded: () => touches.push(round) },
      )
      expect(assertion.credentialId).toEqual(credentialId)
      expect(isSigned(publicKey, assertion, hash)).toBe(true)
      expect(isSigned(publicKey, assertion, sha256('another'))).toBe(false)
      expect(parseHeader(assertion.authData).flags & 0x41).toBe(0x01)
      counts.push(parseHeader(assertion.authData).signCount)
    }
    expect((counts[1] ?? 0) - (counts[0] ?? 0)).toBe(1)
    expect(touches).toEqual(['register', 'first', 'second'])
  })

  test('a credential that it has is not made again; one that it lacks is not found', async () => {
    const { key } = await start()
    const { authData } = await key.makeCredential(registration())
    const { credentialId } = parseAttested(authData)
    expect(await codeOf(key.makeCredential({ ...registration(), excludeList: [{ id: credentialId }] }))).toBe(
      'key_excluded',
    )
    expect(await codeOf(key.makeCredential({ ...registration(), excludeList: [{ id: sha256('x') }] }))).toBe('none')
    const elsewhere = { rpId: 'example.org', clientDataHash, allowList: [{ id: credentialId }] }
    expect(await codeOf(key.getAssertion(elsewhere))).toBe('key_no_credentials')
  })

  test('an algorithm that it does not know is refused', async () => {
    const { key } = await start()
    const request = { ...registration(), pubKeyCredParams: [{ alg: -999 }] }
    expect(await codeOf(key.makeCredential(request))).toBe('key_unsupported_algorithm')
  })

  test('a discoverable credential is found without being named, and says whose it is', async () => {
    const { key } = await start()
    const made = await key.makeCredential({ ...registration('bob'), options: { rk: true } })
    const { publicKey, credentialId } = parseAttested(made.authData)
    const assertion = await key.getAssertion({ rpId: 'example.com', clientDataHash })
    expect(assertion).toMatchObject({ credentialId, userHandle: sha256('bob'), numberOfCredentials: 1 })
    expect(isSigned(publicKey, assertion, clientDataHash)).toBe(true)
  })
})

describe('the person', () => {
  test('denies', async () => {
    const { key } = await simulated({ touch: 'deny' })
    const error = await key.makeCredential(registration()).catch(reason => reason)
    expect(error).toMatchObject({
      code: 'key_denied',
      details: { status: 0x27, statusName: 'CTAP2_ERR_OPERATION_DENIED' },
    })
  })

  test('touches when asked: not before the key blinks', async () => {
    const { key, simulator } = await simulated({ touch: 'never' })
    const made = await key.makeCredential(registration(), { onTouchNeeded: () => simulator.touch() })
    expect(made.fmt).toBe('packed')
    expect(simulator.credentialCount).toBe(1)
  })

  test('touches after a while, and is asked once', async () => {
    const { key } = await simulated({ touch: { afterMilliseconds: 350 } })
    let asked = 0
    await key.makeCredential(registration(), { onTouchNeeded: () => asked++ })
    expect(asked).toBe(1)
  })

  test('is asked by a key that only ever says that it is processing', async () => {
    const { key, simulator } = await simulated({ touch: 'never', keepaliveStatus: 1 })
    const made = await key.makeCredential(registration(), { onTouchNeeded: () => simulator.touch() })
    expect(made.fmt).toBe('packed')
  })

  test('aborts: the key is told to stop, and serves the next request', async () => {
    const { key, simulator } = await simulated({ touch: 'never' })
    const abort = new AbortController()
    const request = key.makeCredential(registration(), { signal: abort.signal, onTouchNeeded: () => abort.abort() })
    expect(await codeOf(request)).toBe('key_cancelled')
    expect(simulator.received.cancel).toBe(1)
    expect(simulator.credentialCount).toBe(0)
    simulator.setTouch('automatic')
    expect(await codeOf(key.makeCredential(registration()))).toBe('none')
  })

  test('does nothing: the wait ends, and the key is told', async () => {
    const { key, simulator } = await simulated({ touch: 'never' })
    expect(await codeOf(key.makeCredential(registration(), { timeout: 300 }))).toBe('key_timeout')
    expect(simulator.received.cancel).toBe(1)
  })

  test('is not asked where the request wants no touch', async () => {
    const { key, simulator } = await simulated()
    const { credentialId } = parseAttested((await key.makeCredential(registration())).authData)
    simulator.setTouch('never')
    let asked = 0
    const request = { rpId: 'example.com', clientDataHash, allowList: [{ id: credentialId }], options: { up: false } }
    const assertion = await key.getAssertion(request, { onTouchNeeded: () => asked++ })
    expect([parseHeader(assertion.authData).flags, asked]).toEqual([0, 0])
  })
})

test('a ceremony takes three messages: INIT, getInfo, the command', async () => {
  const { key, simulator } = await simulated()
  await key.makeCredential(registration())
  expect(simulator.received).toEqual({ init: 1, cbor: 2 })
})

test('a full key says so', async () => {
  const { key } = await simulated({ capacity: 1 })
  await key.makeCredential(registration())
  expect(await codeOf(key.makeCredential(registration('bob')))).toBe('key_full')
})

describe('more credentials than fit one request', () => {
  const strangers = Array.from({ length: 100 }, (_, index) => ({ id: sha256(String(index)) }))

  test.each([
    ['first', 0],
    ['in the middle', 50],
    ['last', 100],
  ])('the key’s own is found, %s of 101, with one touch', async (_, at) => {
    const { key, simulator } = await simulated({ touch: 'never' })
    const onTouchNeeded = () => {
      touches++
      simulator.touch()
    }
    let touches = 0
    const { credentialId, publicKey } = parseAttested(
      (await key.makeCredential(registration(), { onTouchNeeded })).authData,
    )
    const request = { rpId: 'example.com', clientDataHash, allowList: strangers.toSpliced(at, 0, { id: credentialId }) }
    const assertion = await key.getAssertion(request, { onTouchNeeded })
    expect([assertion.credentialId, touches]).toEqual([credentialId, 2])
    expect(parseHeader(assertion.authData).flags).toBe(1)
    expect(isSigned(publicKey, assertion, clientDataHash)).toBe(true)
  })

  test('twenty are short enough for a request, but too many for a list', async () => {
    const { key } = await simulated()
    const { credentialId } = parseAttested((await key.makeCredential(registration())).authData)
    const allowList = [...strangers.slice(0, 20), { id: credentialId }]
    expect((await key.getAssertion({ rpId: 'example.com', clientDataHash, allowList })).credentialId).toEqual(
      credentialId,
    )
  })

  test('none of them: no touch, and no discoverable credential in their stead', async () => {
    const { key, simulator } = await simulated()
    await key.makeCredential({ ...registration(), options: { rk: true } })
    simulator.setTouch('never')
    const tooLong = { id: new Uint8Array(64) }
    for (const allowList of [strangers, [tooLong], [tooLong, ...strangers]]) {
      expect(await codeOf(key.getAssertion({ rpId: 'example.com', clientDataHash, allowList }))).toBe(
        'key_no_credentials',
      )
    }
  })

  test('an exclude list works as well', async () => {
    const { key, simulator } = await simulated()
    const { credentialId } = parseAttested((await key.makeCredential(registration())).authData)
    const excludeList = [...strangers, { id: new Uint8Array(64) }]
    expect(await codeOf(key.makeCredential({ ...registration('bob'), excludeList }))).toBe('none')
    const withOwn = [...excludeList, { id: credentialId }]
    expect(await codeOf(key.makeCredential({ ...registration('eve'), excludeList: withOwn }))).toBe('key_excluded')
    expect(simulator.credentialCount).toBe(2)
  })
})

test('a PIN parameter reaches the key, which has no PIN', async () => {
  const { key } = await simulated()
  const token = { protocol: 1, authenticate: () => new Uint8Array(16) } as const
  expect(await codeOf(key.makeCredential({ ...registration(), token }))).toBe('key_pin_not_set')
})

test('a key that goes away in the middle ends the ceremony', async () => {
  const simulator = await startSecurityKey({ clock, random, touch: 'never' })
  const timings = { silence: 400, answer: 5000, cancel: 100, busy: 100, busyPause: 20 }
  const source = openAuthenticators({ clock, random, device: simulator.address, timings })
  closing.push(() => source.close())
  const [key] = await source.list()
  const request = key?.makeCredential(registration(), { onTouchNeeded: () => void simulator.close() })
  expect(['key_silent', 'key_unplugged']).toContain(await codeOf(Promise.resolve(request)))
})

test('nothing at the address is no key', async () => {
  const simulator = await startSecurityKey({ clock, random })
  await simulator.close()
  const source = openAuthenticators({ clock, random, device: simulator.address })
  expect(await source.list()).toEqual([])
})
