import { afterEach, describe, expect, it } from 'vitest'
import { CancelledError, RpIdError } from '../../../src/auth/errors.ts'
import { createWebAuthnClient } from '../../../src/auth/webauthn/client.ts'
import { isOfSchema } from '../../../src/contract/check.ts'
import {
  AuthenticationResponseJson,
  type PublicKeyCredentialCreationOptionsJson,
  type PublicKeyCredentialRequestOptionsJson,
  RegistrationResponseJson,
} from '../../../src/contract/webauthn.ts'
import { type HidTransport, openAuthenticators } from '../../../src/hid/index.ts'
import { udpTransport } from '../../../src/hid/transports/udp.ts'
import { fromBase64url, toBase64url } from '../../../src/lib/base64url.ts'
import { utf8 } from '../../../src/lib/bytes.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import { verifyAssertion, verifyRegistration } from '../../../src/server/domain/webauthn/index.ts'
import {
  type SecurityKeyOptions,
  type SecurityKeySimulator,
  startSecurityKey,
} from '../../../src/simulators/security-key/index.ts'
import { ScriptedInteraction } from '../scripted-interaction.ts'

const origin = 'https://accounts.example.org'
const rpId = 'example.org'
const userHandle = utf8('user handle of alice')
const challenge = systemRandom.bytes(32)

const creation = (changes: Partial<PublicKeyCredentialCreationOptionsJson> = {}) => ({
  rp: { id: rpId, name: 'Example' },
  user: { id: toBase64url(userHandle), name: 'alice', displayName: 'Alice' },
  challenge: toBase64url(challenge),
  pubKeyCredParams: [
    { type: 'public-key' as const, alg: -8 },
    { type: 'public-key' as const, alg: -7 },
  ],
  authenticatorSelection: { userVerification: 'discouraged' as const },
  ...changes,
})
const request = (id: string, changes: Partial<PublicKeyCredentialRequestOptionsJson> = {}) => ({
  challenge: toBase64url(challenge),
  rpId,
  allowCredentials: [{ type: 'public-key' as const, id }],
  userVerification: 'discouraged' as const,
  ...changes,
})
const expectedOf = { challenge, origins: [origin], rpId, userVerification: 'discouraged' } as const

const keys: SecurityKeySimulator[] = []
afterEach(async () => {
  for (const key of keys.splice(0)) await key.close()
})

async function plugIn(options: Partial<SecurityKeyOptions> = {}): Promise<SecurityKeySimulator> {
  const key = await startSecurityKey({ clock: systemClock, random: systemRandom, ...options })
  keys.push(key)
  return key
}

/** All of `keys`, as if they were on USB. */
const bus = (plugged: readonly SecurityKeySimulator[]): HidTransport => ({
  list: async () => (await Promise.all(plugged.map(key => udpTransport(key.address, systemClock).list()))).flat(),
})

function clientOf(transport: HidTransport, at = origin) {
  const interaction = new ScriptedInteraction()
  const client = createWebAuthnClient({
    origin: at,
    interaction,
    clock: systemClock,
    isKeyNamed: false,
    openAuthenticators: () => openAuthenticators({ clock: systemClock, random: systemRandom, transport }),
  })
  return { client, interaction }
}

describe('a registration and a login with the software security key', () => {
  it.each([
    ['none', 'certificate', 'none', 'none'],
    ['direct', 'certificate', 'packed', 'basic'],
    ['direct', 'self', 'packed', 'self'],
    ['none', 'self', 'none', 'none'],
  ] as const)('pass the server (%s of %s is %s)', async (attestation, form, attestationFormat, attestationType) => {
    const { client } = clientOf(bus([await plugIn({ attestation: form })]))
    const response = await client.create(creation({ attestation }))
    expect(isOfSchema(RegistrationResponseJson, response)).toBe(true)
    const registered = await verifyRegistration(response, { ...expectedOf, algorithms: [-8, -7] })
    expect(registered).toMatchObject({ algorithm: -7, transports: ['usb'], attestationFormat, attestationType })

    const assertion = await client.get(request(response.id))
    expect(isOfSchema(AuthenticationResponseJson, assertion)).toBe(true)
    const stored = { ...registered, id: registered.credentialId }
    expect(verifyAssertion(assertion, { ...expectedOf, credential: stored, userHandle })).toMatchObject({
      signCountRegressed: false,
    })
  })

  it('say when the key waits, and when no more', async () => {
    const key = await plugIn({ touch: { afterMilliseconds: 300 } })
    const { client, interaction } = clientOf(bus([key]))
    await client.create(creation())
    expect(interaction.log).toEqual([
      'key waits: plug_in',
      `event touch {"key":"${key.address}"}`,
      'key waits no more: plug_in',
      `key waits: touch ${key.address}`,
      'key waits no more: touch',
    ])
  })

  it('wait for a key to be plugged in', async () => {
    const key = await plugIn()
    let looks = 0
    const transport = { list: async () => (looks++ < 2 ? [] : bus([key]).list()) }
    const { client } = clientOf(transport)
    await client.create(creation())
    expect(key.credentialCount).toBe(1)
  })

  it('are the business of the key that is touched, and of no other', async () => {
    const [left, right] = [await plugIn({ touch: 'never' }), await plugIn({ touch: { afterMilliseconds: 300 } })]
    const { client, interaction } = clientOf(bus([left, right]))
    await client.create(creation())
    expect([left.credentialCount, right.credentialCount]).toEqual([0, 1])
    expect(left.received.cancel).toBe(1)
    expect(interaction.log.slice(-2)).toEqual(['key waits: touch', 'key waits no more: touch'])
  })

  it('pass over a key that is not bound', async () => {
    const [bound, other] = [await plugIn(), await plugIn()]
    const { id } = await clientOf(bus([bound])).client.create(creation())
    expect((await clientOf(bus([other, bound])).client.get(request(id))).id).toBe(id)
  })

  it('find the credential in a list that is longer than the key takes', async () => {
    const key = await plugIn()
    const { client } = clientOf(bus([key]))
    const { id } = await client.create(creation())
    const strangers = Array.from({ length: 40 }, () => toBase64url(systemRandom.bytes(32)))
    const tooLong = toBase64url(systemRandom.bytes(200))
    const list = [tooLong, ...strangers, id].map(each => ({ type: 'public-key' as const, id: each }))
    expect((await client.get(request(id, { allowCredentials: list }))).id).toBe(id)
    await expect(client.create(creation({ excludeCredentials: list }))).rejects.toMatchObject({ code: 'key_excluded' })
    const others = list.slice(0, -1)
    await expect(client.get(request(id, { allowCredentials: others }))).rejects.toMatchObject({
      code: 'key_no_credentials',
    })
    await client.create(creation({ excludeCredentials: others }))
    expect(key.credentialCount).toBe(2)
  })
})

describe('a ceremony that fails', () => {
  it('says key_excluded of a key that is bound already', async () => {
    const { client } = clientOf(bus([await plugIn()]))
    const { id } = await client.create(creation())
    const again = creation({ excludeCredentials: [{ type: 'public-key', id }] })
    await expect(client.create(again)).rejects.toMatchObject({ code: 'key_excluded' })
  })

  it('says key_denied when the person says no at the key', async () => {
    const { client } = clientOf(bus([await plugIn({ touch: 'deny' })]))
    await expect(client.create(creation())).rejects.toMatchObject({ code: 'key_denied' })
  })

  it.each([
    { profile: 'ctap2.1' },
    { profile: 'ctap2.0' },
    { profile: 'u2f' },
    { profile: 'ctap2.1', pin: '1234' },
    { profile: 'ctap2.1', pin: '1234', alwaysUv: true },
    { profile: 'ctap2.0', pin: '1234' },
  ] as const)('says key_no_credentials of a key with %j that is not bound, without a touch', async options => {
    const { client } = clientOf(bus([await plugIn({ ...options, touch: 'never' })]))
    await expect(client.get(request('AAAA'))).rejects.toMatchObject({ code: 'key_no_credentials' })
  })

  it('says key_timeout after the time of the options, and takes the prompt away', async () => {
    const { client, interaction } = clientOf(bus([await plugIn({ touch: 'never' })]))
    await expect(client.create(creation({ timeout: 400 }))).rejects.toMatchObject({ code: 'key_timeout' })
    expect(interaction.log.at(-1)).toBe('key waits no more: touch')
  })

  it('says key_not_found when none is plugged in in time', async () => {
    const { client, interaction } = clientOf(bus([]))
    await expect(client.create(creation({ timeout: 300 }))).rejects.toMatchObject({ code: 'key_not_found' })
    expect(interaction.log).toEqual(['key waits: plug_in', 'key waits no more: plug_in'])
  })

  it.each(['touch', 'plug_in'] as const)('at Ctrl-C leaves nothing blinking and nothing made (%s)', async state => {
    const key = await plugIn({ touch: 'never' })
    const { client, interaction } = clientOf(bus(state === 'touch' ? [key] : []))
    interaction.whenKeyWaits = shown => shown === state && interaction.breaking.abort()
    await expect(client.create(creation())).rejects.toBeInstanceOf(CancelledError)
    expect(interaction.log.at(-1)).toBe(`key waits no more: ${state}`)
    expect(key.received.cancel ?? 0).toBe(state === 'touch' ? 1 : 0)
    expect(key.credentialCount).toBe(0)
  })

  it('says why it was broken off where whoever did so says it', async () => {
    const { client, interaction } = clientOf(bus([]))
    const why = new Error('--timeout')
    interaction.whenKeyWaits = () => interaction.breaking.abort(why)
    await expect(client.create(creation())).rejects.toBe(why)
  })

  it('touches no key for an RP ID of somebody else', async () => {
    const key = await plugIn()
    const { client } = clientOf(bus([key]), 'https://evil.org')
    await expect(client.create(creation())).rejects.toBeInstanceOf(RpIdError)
    await expect(client.get(request('AAAA'))).rejects.toBeInstanceOf(RpIdError)
    expect(key.received).toEqual({})
  })

  it('says what is missing when the server requires verification, or a place on the key', async () => {
    const { client } = clientOf(bus([await plugIn()]))
    const required = { authenticatorSelection: { userVerification: 'required' as const } }
    await expect(client.create(creation(required))).rejects.toMatchObject({ code: 'key_pin_not_set' })
    await expect(client.get(request('AAAA', { userVerification: 'required' }))).rejects.toMatchObject({
      code: 'key_pin_not_set',
    })
    const platform = { authenticatorSelection: { authenticatorAttachment: 'platform' as const } }
    await expect(client.create(creation(platform))).rejects.toMatchObject({ code: 'key_unsupported' })
  })
})

describe('a discoverable credential', () => {
  it('names its user, to a server that named no credential, once the user is verified', async () => {
    const { client, interaction } = clientOf(bus([await plugIn({ pin: '1234' })]))
    interaction.suppliedPin = '1234'
    const { id } = await client.create(
      creation({ authenticatorSelection: { residentKey: 'required', userVerification: 'required' } }),
    )
    const unverified = client.get(request(id, { allowCredentials: [] }))
    await expect(unverified).rejects.toMatchObject({ code: 'key_no_credentials' })
    const assertion = await client.get(request(id, { allowCredentials: [], userVerification: 'required' }))
    expect(assertion.id).toBe(id)
    expect(fromBase64url(assertion.response.userHandle ?? '')).toEqual(userHandle)
  })
})
