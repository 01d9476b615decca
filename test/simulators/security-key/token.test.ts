import { describe, expect, test } from 'vitest'
import { allowing, flagsOf, madeId, map, pinUvAuthParam, RawPlatform } from '../../support/raw-platform.ts'

const pin = '1234'
const site = [10, 'example.com'] as const
const permissions = { makeCredential: 1, getAssertion: 2, both: 3 } as const
const silent = [5, map([['up', false]])] as const

const withToken = async (permission: number, options: ConstructorParameters<typeof RawPlatform>[0] = {}) => {
  const raw = new RawPlatform({ pin, ...options })
  const { token } = await raw.token(9, pin, [[9, permission], site])
  return { raw, token }
}

describe.each([1, 2] as const)('protocol %i', protocol => {
  test('a token makes a credential and, anew, signs: both with user verification', async () => {
    const raw = new RawPlatform({ pin })
    raw.protocol = protocol
    const fresh = async () => (await raw.token(9, pin, [[9, permissions.both], site])).token
    const made = await raw.makeWith(await fresh())
    expect([made.status, flagsOf(made)]).toEqual([0, 0x45])
    const signed = await raw.getWith(await fresh(), [allowing(madeId(made))])
    expect([signed.status, flagsOf(signed)]).toEqual([0, 0x05])
    expect(raw.touches).toBe(2)
  })

  test('one by getPinToken does, too', async () => {
    const raw = new RawPlatform({ pin })
    raw.protocol = protocol
    const made = await raw.makeWith((await raw.token(5, pin)).token)
    expect([made.status, flagsOf(made)]).toEqual([0, 0x45])
  })
})

describe('a token is spent', () => {
  test('by the touch that it is used with', async () => {
    const { raw, token } = await withToken(permissions.both)
    expect((await raw.makeWith(token)).status).toBe(0)
    expect((await raw.makeWith(token, [])).status).toBe(0x33)
    expect((await raw.getWith(token)).status).toBe(0x33)
  })

  test('not by looking for credentials without a touch', async () => {
    const { raw, token } = await withToken(permissions.both)
    expect((await raw.getWith(token, [silent])).status).toBe(0x2e)
    expect((await raw.getWith(token, [silent])).status).toBe(0x2e)
    expect((await raw.makeWith(token)).status).toBe(0)
  })

  test('not by a touch that was refused', async () => {
    const { raw, token } = await withToken(permissions.both)
    raw.outcome = 'denied'
    expect((await raw.makeWith(token)).status).toBe(0x27)
    raw.outcome = 'touched'
    expect((await raw.makeWith(token)).status).toBe(0)
  })

  test('by any touch, of whoever has no token, too', async () => {
    const { raw, token } = await withToken(permissions.both)
    expect((await raw.makeCredential()).status).toBe(0)
    expect((await raw.makeWith(token)).status).toBe(0x33)
  })

  test('by the next token, by a changed PIN, by a replug', async () => {
    const { raw, token } = await withToken(permissions.both)
    const { token: second } = await raw.token(9, pin, [[9, permissions.both], site])
    expect((await raw.makeWith(token)).status).toBe(0x33)
    await raw.changePin(pin, '5678')
    expect((await raw.makeWith(second)).status).toBe(0x33)
    const { token: third } = await raw.token(5, '5678')
    raw.key.powerCycle()
    expect((await raw.makeWith(third)).status).toBe(0x33)
  })

  test('by 30 seconds in which nobody uses it, by ten minutes in any case', async () => {
    const { raw, token } = await withToken(permissions.both)
    await raw.clock.sleep(30_000)
    expect((await raw.getWith(token, [silent])).status).toBe(0x2e)
    await raw.clock.sleep(570_000)
    expect((await raw.getWith(token, [silent])).status).toBe(0x2e)
    await raw.clock.sleep(1)
    expect((await raw.getWith(token, [silent])).status).toBe(0x33)
    const { token: idle } = await raw.token(5, pin)
    await raw.clock.sleep(30_001)
    expect((await raw.getWith(idle, [silent])).status).toBe(0x33)
  })
})

describe('a token is good for what it was asked for', () => {
  test('making alone, or signing alone', async () => {
    const making = await withToken(permissions.makeCredential)
    expect((await making.raw.getWith(making.token, [silent])).status).toBe(0x33)
    expect((await making.raw.makeWith(making.token)).status).toBe(0)
    const signing = await withToken(permissions.getAssertion)
    expect((await signing.raw.makeWith(signing.token)).status).toBe(0x33)
    expect((await signing.raw.getWith(signing.token, [silent])).status).toBe(0x2e)
  })

  test('its site', async () => {
    const { raw, token } = await withToken(permissions.both)
    expect((await raw.makeWith(token, [[2, map([['id', 'example.org']])]])).status).toBe(0x33)
    expect((await raw.getWith(token, [[1, 'example.org'], silent])).status).toBe(0x33)
    expect((await raw.getWith(token, [silent])).status).toBe(0x2e)
  })

  test('the first site that it is used at, where none was named', async () => {
    const raw = new RawPlatform({ pin })
    const { token } = await raw.token(5, pin)
    expect((await raw.getWith(token, [silent])).status).toBe(0x2e)
    expect((await raw.getWith(token, [[1, 'example.org'], silent])).status).toBe(0x33)
    expect((await raw.getWith(token, [silent])).status).toBe(0x2e)
  })

  test('its protocol', async () => {
    const { raw, token } = await withToken(permissions.both)
    raw.protocol = 1
    expect((await raw.makeWith(token)).status).toBe(0x33)
    raw.protocol = 2
    expect((await raw.makeWith(token, [[9, 1]])).status).toBe(0x33)
    expect((await raw.makeWith(token)).status).toBe(0)
  })

  test('this client data', async () => {
    const { raw, token } = await withToken(permissions.both)
    const other = pinUvAuthParam(2, token, new Uint8Array(32))
    expect(
      (
        await raw.makeCredential([
          [8, other],
          [9, 2],
        ])
      ).status,
    ).toBe(0x33)
    expect(
      (
        await raw.makeCredential([
          [8, raw.param(token).slice(0, 16)],
          [9, 2],
        ])
      ).status,
    ).toBe(0x33)
    expect(raw.touches).toBe(0)
  })
})
