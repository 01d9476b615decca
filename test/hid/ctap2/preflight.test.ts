import { describe, expect, test } from 'vitest'
import { type CborMap, encodeCbor } from '../../../src/lib/cbor.ts'
import { clientDataHash, registration, sha256 } from '../../support/ceremony.ts'
import { scriptedAuthenticator } from '../../support/ctap2-authenticator.ts'
import { type Ctap2Answer, mapOf, refusal } from '../../support/scripted-channel.ts'

const made = mapOf([1, 'none'], [2, new Uint8Array(37)], [3, mapOf()])
const own = { id: sha256('own') }
const strangers = Array.from({ length: 20 }, (_, index) => ({ id: sha256(String(index)) }))

const idsOf = (parameters: CborMap): Uint8Array[] => {
  const list = parameters.get(3)
  if (!Array.isArray(list)) return []
  return list.flatMap(item => {
    const id = item instanceof Map ? item.get('id') : undefined
    return id instanceof Uint8Array ? [id] : []
  })
}

/** A key with one credential. `refuse` may answer a getAssertion before the key does. */
async function keyWith({
  members = [] as readonly (readonly [number, number])[],
  refuse = (_: CborMap): number | undefined => undefined,
} = {}) {
  const info = mapOf([1, ['FIDO_2_0']], [3, new Uint8Array(16)], ...members)
  return scriptedAuthenticator(({ command, parameters }): Ctap2Answer => {
    if (command === 4) return info
    if (command === 1) return made
    const refused = refuse(parameters)
    if (refused !== undefined) return refused
    const known = idsOf(parameters).some(id => Buffer.compare(id, own.id) === 0)
    if (!known) return 0x2e
    return mapOf([1, mapOf(['id', own.id])], [2, new Uint8Array(37)], [3, new Uint8Array(70)])
  })
}

const rpId = 'example.com'

describe('whether a key has a credential', () => {
  test('is asked without a touch, and over nothing that a server wants', async () => {
    const { key, channel } = await keyWith()
    expect(await key.hasCredential({ rpId, credentials: [...strangers, own] }, { onTouchNeeded: () => {} })).toBe(true)
    expect(await key.hasCredential({ rpId, credentials: strangers })).toBe(false)
    const [{ parameters } = { parameters: mapOf() }] = channel.requests
    expect([parameters.get(1), parameters.get(2), parameters.get(5)]).toEqual([
      rpId,
      new Uint8Array(32),
      mapOf(['up', false]),
    ])
    expect([parameters.has(6), channel.options[0]?.onKeepalive]).toEqual([false, undefined])
  })

  test('is asked with a token’s proof over just that', async () => {
    const { key, channel } = await keyWith()
    const asked: Uint8Array[] = []
    const authenticate = (message: Uint8Array) => {
      asked.push(message)
      return Uint8Array.of(1, 2, 3)
    }
    await key.hasCredential({ rpId, credentials: [own], token: { protocol: 2, authenticate } })
    expect(new Set(asked.map(String))).toEqual(new Set([String(new Uint8Array(32))]))
    const [{ parameters } = { parameters: mapOf() }] = channel.requests
    expect([parameters.get(6), parameters.get(7)]).toEqual([Uint8Array.of(1, 2, 3), 2])
  })

  test('is asked so before a ceremony with a token, too: only what is touched signs what a server wants', async () => {
    const { key, channel } = await keyWith({ members: [[7, 1]] })
    const token = { protocol: 2, authenticate: (message: Uint8Array) => sha256(`proof of ${message.join()}`) } as const
    await key.getAssertion({ rpId, clientDataHash, allowList: [...strangers.slice(0, 1), own], token })
    await key.makeCredential({ ...registration(), excludeList: [...strangers.slice(0, 1), own], token })
    const questions = channel.requests.filter(({ parameters }) => parameters.get(5) instanceof Map)
    const silent = questions.filter(({ command }) => command === 2)
    expect(silent.length).toBe(4)
    for (const { parameters } of silent) {
      const nothing = new Uint8Array(32)
      expect([parameters.get(2), parameters.get(6), parameters.get(7)]).toEqual([
        nothing,
        token.authenticate(nothing),
        2,
      ])
    }
    const [signed, created] = channel.requests.filter(request => !silent.includes(request))
    expect([signed?.parameters.get(2), signed?.parameters.get(6)]).toEqual([
      clientDataHash,
      token.authenticate(clientDataHash),
    ])
    expect(created?.parameters.get(8)).toEqual(token.authenticate(clientDataHash))
  })

  test('is asked in parts', async () => {
    const { key, channel } = await keyWith({ members: [[7, 8]] })
    expect(await key.hasCredential({ rpId, credentials: [...strangers, own] })).toBe(true)
    expect(channel.requests.map(({ parameters }) => idsOf(parameters).length)).toEqual([8, 8, 5])
  })

  test('is not asked where the key can’t have made any of them', async () => {
    const { key, channel } = await keyWith({ members: [[8, 31]] })
    expect(await key.hasCredential({ rpId, credentials: [own] })).toBe(false)
    expect(await key.hasCredential({ rpId, credentials: [] })).toBe(false)
    expect(channel.sent).toEqual([])
  })

  test('nor is it then asked to sign with whatever else it keeps for the site', async () => {
    const { key, channel } = await keyWith({ members: [[8, 31]] })
    const refused = await refusal(key.getAssertion({ rpId, clientDataHash, allowList: [own] }))
    expect([refused.code, channel.sent]).toEqual(['key_no_credentials', []])
  })

  test.each([0x36, 0x3b, 0x2b, 0x2c])('can’t be told by a key that answers 0x%s', async status => {
    const { key } = await keyWith({ refuse: () => status })
    expect(await key.hasCredential({ rpId, credentials: [own] })).toBeUndefined()
  })

  test.each([
    [0x7f, 'key_refused'],
    [0x33, 'key_pin_auth_invalid'],
    [0x2d, 'key_cancelled'],
  ])('is no answer, but a failure: 0x%s', async (status, code) => {
    const { key } = await keyWith({ refuse: () => status })
    expect((await refusal(key.hasCredential({ rpId, credentials: [own] }))).code).toBe(code)
  })

  test('0x22 is how some keys say that they have none', async () => {
    const { key } = await keyWith({ refuse: () => 0x22 })
    expect(await key.hasCredential({ rpId, credentials: [own] })).toBe(false)
  })
})

describe.each([0x15, 0x39])('a key that tells no limits, but refuses long lists by 0x%s', status => {
  const refuse = (parameters: CborMap) => (idsOf(parameters).length > 3 ? status : undefined)

  test('is asked in halves, and then to sign', async () => {
    const { key, channel } = await keyWith({ refuse })
    const allowList = [...strangers.slice(0, 9), own]
    const { credentialId } = await key.getAssertion({ rpId, clientDataHash, allowList })
    expect(credentialId).toEqual(own.id)
    expect(channel.requests.map(({ parameters }) => idsOf(parameters).length)).toEqual([10, 10, 5, 3, 2, 5, 3, 2, 1])
    const silent = channel.requests.map(({ parameters }) => parameters.has(5))
    expect(silent).toEqual([false, true, true, true, true, true, true, true, false])
  })

  test('has none of them', async () => {
    const { key } = await keyWith({ refuse })
    expect((await refusal(key.getAssertion({ rpId, clientDataHash, allowList: strangers }))).code).toBe(
      'key_no_credentials',
    )
  })

  test('and even single ones, is not asked for ever', async () => {
    const { key, channel } = await keyWith({ refuse: () => status })
    expect((await refusal(key.getAssertion({ rpId, clientDataHash, allowList: strangers }))).code).toBe(
      'key_request_too_large',
    )
    expect(channel.requests.length).toBeLessThanOrEqual(1 + 2 * strangers.length)
  })

  test('and ids of other keys, longer than its own, still finds its own among them', async () => {
    const long = [{ id: new Uint8Array(200) }, { id: new Uint8Array(201) }]
    const refuseLong = (parameters: CborMap) =>
      idsOf(parameters).some(({ length }) => length > 64) ? status : undefined
    const { key } = await keyWith({ refuse: refuseLong })
    const allowList = [...long, own]
    expect((await key.getAssertion({ rpId, clientDataHash, allowList })).credentialId).toEqual(own.id)
    expect(await key.hasCredential({ rpId, credentials: allowList })).toBe(true)
    expect(await key.hasCredential({ rpId, credentials: [...long, ...strangers] })).toBe(false)
  })

  test('is asked to make a credential with what it has of an exclude list', async () => {
    const info = mapOf([1, ['FIDO_2_0']], [3, new Uint8Array(16)])
    const excluded: number[] = []
    const { key } = await scriptedAuthenticator(({ command, parameters }): Ctap2Answer => {
      if (command === 4) return info
      if (command === 1) {
        const list = parameters.get(5)
        const length = Array.isArray(list) ? list.length : 0
        excluded.push(length)
        return length > 3 ? status : 0x19
      }
      return (
        refuse(parameters) ??
        (idsOf(parameters).some(id => Buffer.compare(id, own.id) === 0)
          ? mapOf([1, mapOf(['id', own.id])], [2, new Uint8Array(37)], [3, new Uint8Array(70)])
          : 0x2e)
      )
    })
    const request = { ...registration(), excludeList: [...strangers.slice(0, 9), own] }
    expect((await refusal(key.makeCredential(request))).code).toBe('key_excluded')
    expect(excluded).toEqual([10, 1])
  })
})

describe('an id that alone makes a request longer than the key takes, another key has made', () => {
  const long = { id: new Uint8Array(1000) }

  test('the key signs with its own', async () => {
    const { key } = await keyWith()
    const allowList = [long, own]
    expect((await key.getAssertion({ rpId, clientDataHash, allowList })).credentialId).toEqual(own.id)
    expect(await key.hasCredential({ rpId, credentials: allowList })).toBe(true)
  })

  test('the key has none of these', async () => {
    const { key } = await keyWith()
    expect(await key.hasCredential({ rpId, credentials: [long] })).toBe(false)
    const refused = await refusal(key.getAssertion({ rpId, clientDataHash, allowList: [long] }))
    expect(refused.code).toBe('key_no_credentials')
  })

  test('the key makes a credential', async () => {
    const { key, channel } = await keyWith()
    await key.makeCredential({ ...registration(), excludeList: [long] })
    expect(channel.requests.map(({ command, parameters }) => [command, parameters.has(5)])).toEqual([[1, false]])
  })
})

test('a list longer than a message carries is asked about in parts, though the key would take it', async () => {
  const { key, channel } = await keyWith({ members: [[5, 65_536]] })
  const allowList = [...Array.from({ length: 200 }, (_, index) => ({ id: sha256(`stranger ${index}`) })), own]
  expect((await key.getAssertion({ rpId, clientDataHash, allowList })).credentialId).toEqual(own.id)
  const lengths = channel.requests.map(({ parameters }) => 1 + encodeCbor(parameters).length)
  expect(lengths.length).toBe(3)
  expect(Math.max(...lengths)).toBeLessThanOrEqual(7609)
})

test('limits of zero are none', async () => {
  const { key, channel } = await keyWith({
    members: [
      [5, 0],
      [7, 0],
      [8, 0],
    ],
  })
  expect(key.info).toMatchObject({ maxMsgSize: 1024, maxCredentialCountInList: undefined })
  expect((await key.getAssertion({ rpId, clientDataHash, allowList: [own] })).credentialId).toEqual(own.id)
  expect(channel.sent).toEqual(['2'])
})
