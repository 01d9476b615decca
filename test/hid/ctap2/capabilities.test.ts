import { describe, expect, test } from 'vitest'
import type { GetAssertionParameters } from '../../../src/hid/ctap2/get-assertion.ts'
import { credentialRequest, type MakeCredentialParameters } from '../../../src/hid/ctap2/make-credential.ts'
import { utf8 } from '../../../src/lib/bytes.ts'
import { clientDataHash, registration } from '../../support/ceremony.ts'
import { scriptedAuthenticator } from '../../support/ctap2-authenticator.ts'
import { mapOf, refusal } from '../../support/scripted-channel.ts'

const made = mapOf([1, 'none'], [2, new Uint8Array(37)], [3, mapOf()])
const signed = mapOf([1, mapOf(['id', Uint8Array.of(7)])], [2, new Uint8Array(37)], [3, new Uint8Array(70)])
const token = { protocol: 1, authenticate: () => new Uint8Array(16) } as const

const keyOf = (options: readonly (readonly [string, boolean])[], extensions: string[] = []) => {
  const info = mapOf([1, ['FIDO_2_1']], [2, extensions], [3, new Uint8Array(16)], [4, mapOf(...options)])
  return scriptedAuthenticator(({ command }) => (command === 4 ? info : command === 1 ? made : signed))
}

/** The request that a key is sent for a registration with more in it. */
async function sentFor(
  more: Partial<MakeCredentialParameters>,
  options: readonly (readonly [string, boolean])[] = [],
  extensions?: string[],
) {
  const { key, channel } = await keyOf(options, extensions)
  await key.makeCredential({ ...registration(), ...more })
  return channel.requests[0]?.parameters ?? mapOf()
}

async function assertionSentFor(
  options: GetAssertionParameters['options'],
  more: Partial<GetAssertionParameters> = {},
  able: readonly (readonly [string, boolean])[] = [],
) {
  const { key, channel } = await keyOf(able)
  await key.getAssertion({ rpId: 'example.com', clientDataHash, options, ...more })
  return channel.requests[0]?.parameters.get(5)
}

describe('options', () => {
  test('that say what holds anyway are not sent', async () => {
    expect((await sentFor({ options: { rk: false, uv: false, up: true } })).has(7)).toBe(false)
    expect(await assertionSentFor({ uv: false, up: true })).toBe(undefined)
  })

  test('are sent to a key that has them', async () => {
    const able = [
      ['rk', true],
      ['uv', true],
    ] as const
    expect((await sentFor({ options: { rk: true, uv: true } }, able)).get(7)).toEqual(mapOf(['rk', true], ['uv', true]))
    expect(await assertionSentFor({ uv: true, up: false }, {}, able)).toEqual(mapOf(['up', false], ['uv', true]))
  })

  test('uv gives way to a token', async () => {
    expect((await sentFor({ options: { uv: true }, token }, [['uv', true]])).has(7)).toBe(false)
    expect(await assertionSentFor({ uv: true }, { token })).toBe(undefined)
  })

  test.each([
    [{ rk: true }, []],
    [{ rk: true }, [['rk', false] as const]],
    [{ uv: true }, []],
    [{ uv: true }, [['uv', false] as const]],
  ])('%j is not sent to a key with %j', async (options, able) => {
    const { key, channel } = await keyOf(able)
    expect((await refusal(key.makeCredential({ ...registration(), options }))).code).toBe('key_unsupported_option')
    expect(channel.sent).toEqual([])
  })
})

describe('credProtect', () => {
  test('is sent to a key that lists it, beside other extensions', async () => {
    expect((await sentFor({ credProtect: 3 }, [], ['credProtect'])).get(6)).toEqual(mapOf(['credProtect', 3]))
    const both = { credProtect: 2, extensions: mapOf(['minPinLength', true]) } as const
    expect((await sentFor(both, [], ['minPinLength', 'credProtect'])).get(6)).toEqual(
      mapOf(['minPinLength', true], ['credProtect', 2]),
    )
  })

  test('is not sent to another', async () => {
    expect((await sentFor({ credProtect: 3 }, [], ['hmac-secret'])).has(6)).toBe(false)
  })
})

test('enterprise attestation is asked of a key that is set up for it', async () => {
  expect((await sentFor({ enterpriseAttestation: 2 }, [['ep', true]])).get(10)).toBe(2)
  expect((await sentFor({ enterpriseAttestation: 2 }, [['ep', false]])).has(10)).toBe(false)
  expect((await sentFor({ enterpriseAttestation: 2 })).has(10)).toBe(false)
})

describe('names', () => {
  const namesSent = (name: string) => {
    const request = credentialRequest({
      ...registration(),
      rp: { id: 'example.com', name },
      user: { id: Uint8Array.of(1), name, displayName: name },
    })
    const [rp, user] = [request.get(2), request.get(3)]
    if (!(rp instanceof Map && user instanceof Map)) throw new Error('no maps')
    return [rp.get('name'), user.get('name'), user.get('displayName')]
  }

  test.each([
    ['', ''],
    ['x'.repeat(64), 'x'.repeat(64)],
    ['x'.repeat(65), 'x'.repeat(64)],
    ['虎'.repeat(21), '虎'.repeat(21)],
    ['虎'.repeat(22), '虎'.repeat(21)],
    [`${'x'.repeat(63)}é`, 'x'.repeat(63)],
    [`${'x'.repeat(62)}é!`, `${'x'.repeat(62)}é`],
    [`${'x'.repeat(61)}😀`, 'x'.repeat(61)],
    [`${'x'.repeat(60)}😀!`, `${'x'.repeat(60)}😀`],
    ['\ufeffname', '\ufeffname'],
    ['half \ud83d', 'half \ufffd'],
  ])('%j is sent as %j', (name, sent) => {
    expect(namesSent(name)).toEqual([sent, sent, sent])
    expect(utf8(sent).length).toBeLessThanOrEqual(64)
  })
})
