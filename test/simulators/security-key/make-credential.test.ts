import { describe, expect, test } from 'vitest'
import { type CborMap, decodeFirstCbor } from '../../../src/lib/cbor.ts'
import { excluding, flagsOf, madeId, map, type RawAnswer, RawPlatform, rk } from '../../support/raw-platform.ts'

const pin = '1234'
const site = [10, 'example.com'] as const
const uv = [7, map([['uv', true]])] as const
const credProtect = (level: number) => [6, map([['credProtect', level]])] as const
const tokenOf = async (raw: RawPlatform) => (await raw.token(9, pin, [[9, 3], site])).token

describe('without user verification', () => {
  test.each([
    ['no PIN', {}, [], 0],
    ['no PIN, discoverable', {}, [rk], 0],
    ['a PIN', { pin }, [], 0],
    ['a PIN, discoverable', { pin }, [rk], 0x36],
    ['a PIN, and verification required for all', { pin, makeCredUvNotRqd: false }, [], 0x36],
    ['no PIN, and verification required for all', { makeCredUvNotRqd: false }, [], 0],
    ['a PIN for managing alone', { pin, noMcGaPermissionsWithClientPin: true }, [rk], 0x27],
    ['always to be verified, without PIN', { alwaysUv: true }, [], 0x36],
    ['always to be verified, with PIN', { alwaysUv: true, pin }, [], 0x36],
    [
      'always to be verified, PIN for managing alone',
      { alwaysUv: true, pin, noMcGaPermissionsWithClientPin: true },
      [],
      0x27,
    ],
    ['always to be verified, without any means', { alwaysUv: true, pinUvAuthProtocols: [] }, [], 0x27],
    ['built-in verification wanted, a PIN alone there', { pin }, [uv], 0x2c],
  ] as const)('%s', async (_, options, members, status) => {
    const raw = new RawPlatform(options)
    const answer = await raw.makeCredential(members)
    expect([answer.status, raw.touches]).toEqual([status, status === 0 ? 1 : 0])
    if (status === 0) expect(flagsOf(answer)).toBe(0x41)
  })

  test('a PIN token serves a key that is always to verify', async () => {
    const raw = new RawPlatform({ alwaysUv: true, pin })
    expect((await raw.makeWith(await tokenOf(raw))).status).toBe(0)
  })
})

describe('options and parameters', () => {
  test('options that it does not know are nothing', async () => {
    const raw = new RawPlatform()
    expect((await raw.makeCredential([[7, map([['xx', true]])]])).status).toBe(0)
  })

  test('a PIN parameter takes the place of the uv option', async () => {
    const raw = new RawPlatform({ pin })
    expect((await raw.makeWith(await tokenOf(raw), [uv])).status).toBe(0)
  })

  test('an empty PIN parameter asks for a touch, and tells whether there is a PIN', async () => {
    for (const [options, status] of [
      [{}, 0x35],
      [{ pin }, 0x31],
    ] as const) {
      const raw = new RawPlatform(options)
      expect((await raw.makeCredential([[8, new Uint8Array()]])).status).toBe(status)
      expect((await raw.getAssertion([[6, new Uint8Array()]])).status).toBe(status)
      expect(raw.touches).toBe(2)
      raw.outcome = 'timed out'
      expect((await raw.makeCredential([[8, new Uint8Array()]])).status).toBe(0x27)
    }
  })

  test.each([
    ['denied', 0x27],
    ['timed out', 0x27],
    ['cancelled', 0x2d],
  ] as const)('a touch that is %s', async (outcome, status) => {
    const raw = new RawPlatform()
    raw.outcome = outcome
    expect((await raw.makeCredential()).status).toBe(status)
    expect(raw.key.credentials.size).toBe(0)
  })

  test('a full key takes no more, but for the same user', async () => {
    const raw = new RawPlatform({ capacity: 1 })
    expect((await raw.makeCredential([rk])).status).toBe(0)
    expect((await raw.makeCredential([rk])).status).toBe(0)
    expect((await raw.makeCredential([rk], 'other')).status).toBe(0x28)
    expect((await raw.makeCredential()).status).toBe(0x28)
    expect(raw.key.credentials.size).toBe(1)
  })

  test.each([
    [{ maxCredentialCountInList: 2 }, excluding(...Array(3).fill(new Uint8Array(32)))],
    [{ maxCredentialIdLength: 64 }, excluding(new Uint8Array(65))],
  ])('lists are limited as it says: %j', async (options, member) => {
    expect((await new RawPlatform(options).makeCredential([member])).status).toBe(0x15)
  })

  test('messages are limited as it says', async () => {
    const raw = new RawPlatform({ maxMsgSize: 1024 })
    expect((await raw.makeCredential([[1, new Uint8Array(1024)]])).status).toBe(0x39)
  })
})

describe('excluded', () => {
  test('after a touch, whatever comes of it', async () => {
    const raw = new RawPlatform()
    const id = madeId(await raw.makeCredential())
    for (const outcome of ['touched', 'denied', 'timed out'] as const) {
      raw.outcome = outcome
      expect((await raw.makeCredential([excluding(id)])).status).toBe(0x19)
    }
    raw.outcome = 'cancelled'
    expect((await raw.makeCredential([excluding(id)])).status).toBe(0x2d)
    expect(raw.touches).toBe(5)
  })

  test('not for another site, nor for what is no public key', async () => {
    const raw = new RawPlatform()
    const id = madeId(await raw.makeCredential())
    const elsewhere = [2, map([['id', 'example.org']])] as const
    expect((await raw.makeCredential([excluding(id), elsewhere])).status).toBe(0)
    const other = map([
      ['id', id],
      ['type', 'private-key'],
    ])
    expect((await raw.makeCredential([[5, [other]]])).status).toBe(0)
  })

  test('one that needs verification is hidden from who has not been verified', async () => {
    const raw = new RawPlatform({ pin })
    const id = madeId(await raw.makeWith(await tokenOf(raw), [credProtect(3)]))
    expect((await raw.makeCredential([excluding(id)])).status).toBe(0)
    expect((await raw.makeWith(await tokenOf(raw), [excluding(id)])).status).toBe(0x19)
  })

  test('a PIN is asked for first', async () => {
    const raw = new RawPlatform({ pin, makeCredUvNotRqd: false })
    const id = madeId(await raw.makeWith(await tokenOf(raw)))
    expect([(await raw.makeCredential([excluding(id)])).status, raw.touches]).toEqual([0x36, 1])
  })
})

describe('credProtect', () => {
  const extensionsOf = ({ map: answer }: RawAnswer): CborMap | undefined => {
    const authData = answer.get(2)
    if (!(authData instanceof Uint8Array)) return undefined
    const { length } = decodeFirstCbor(authData.subarray(87))
    if (87 + length === authData.length) return undefined
    const { value } = decodeFirstCbor(authData.subarray(87 + length))
    return value instanceof Map ? value : undefined
  }

  test.each([1, 2, 3])('level %i is said in the authenticator data', async level => {
    const answer = await new RawPlatform().makeCredential([credProtect(level)])
    expect([flagsOf(answer), extensionsOf(answer)]).toEqual([0xc1, map([['credProtect', level]])])
  })

  test('not asked for, there are no extensions', async () => {
    const answer = await new RawPlatform().makeCredential([[6, map([['unknown', true]])]])
    expect([flagsOf(answer), extensionsOf(answer)]).toEqual([0x41, undefined])
  })

  test('levels that there are not', async () => {
    expect((await new RawPlatform().makeCredential([credProtect(4)])).status).toBe(0x2c)
    expect((await new RawPlatform().makeCredential([[6, map([['credProtect', 'high']])]])).status).toBe(0x11)
  })
})
