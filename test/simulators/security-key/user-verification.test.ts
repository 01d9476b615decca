import { describe, expect, test } from 'vitest'
import { allowing, excluding, flagsOf, madeId, map, RawPlatform, rk } from '../../support/raw-platform.ts'

const pin = '1234'
const site = [10, 'example.com'] as const
const both = [9, 3] as const
const fingerprint = { userVerification: 'fingerprint' } as const
const uv = map([['uv', true]])
const silent = map([['up', false]])

const uvRetries = async (raw: RawPlatform) => (await raw.clientPin(7)).map.get(5)

describe('the uv option', () => {
  test('a finger is verification and touch in one', async () => {
    const raw = new RawPlatform(fingerprint)
    const made = await raw.makeCredential([
      [
        7,
        map([
          ['rk', true],
          ['uv', true],
        ]),
      ],
    ])
    expect([made.status, flagsOf(made), raw.touches]).toEqual([0, 0x45, 1])
    const signed = await raw.getAssertion([[5, uv]])
    expect([signed.status, flagsOf(signed), raw.touches]).toEqual([0, 0x05, 2])
    const both = map([
      ['up', false],
      ['uv', true],
    ])
    const unasked = await raw.getAssertion([[5, both]])
    expect([unasked.status, flagsOf(unasked), raw.touches]).toEqual([0, 0x05, 3])
  })

  test('without a finger, a discoverable credential is refused, another is not', async () => {
    const raw = new RawPlatform(fingerprint)
    expect((await raw.makeCredential([rk])).status).toBe(0x27)
    const made = await raw.makeCredential()
    expect([made.status, flagsOf(made)]).toEqual([0, 0x41])
  })

  test('the wrong finger is tried three times: then the PIN, where there is one', async () => {
    const raw = new RawPlatform(fingerprint)
    raw.key.setFinger('mismatch')
    expect([(await raw.makeCredential([[7, uv]])).status, raw.touches, await uvRetries(raw)]).toEqual([0x27, 3, 2])
    expect([(await raw.makeCredential([[7, uv]])).status, raw.touches, await uvRetries(raw)]).toEqual([0x32, 5, 0])
    const withPin = new RawPlatform({ ...fingerprint, pin })
    withPin.key.setFinger('mismatch')
    expect((await withPin.makeCredential([[7, uv]])).status).toBe(0x36)
    expect((await withPin.makeCredential([[7, uv]])).status).toBe(0x36)
  })

  test('nobody, or a cancel', async () => {
    const raw = new RawPlatform(fingerprint)
    for (const [outcome, status] of [
      ['timed out', 0x2f],
      ['cancelled', 0x2d],
      ['denied', 0x27],
    ] as const) {
      raw.outcome = outcome
      expect((await raw.makeCredential([[7, uv]])).status).toBe(status)
    }
    expect(await uvRetries(raw)).toBe(5)
  })

  test('a key that is always to verify does so by itself, but not to look for credentials', async () => {
    const raw = new RawPlatform({ ...fingerprint, alwaysUv: true })
    const made = await raw.makeCredential()
    expect([made.status, flagsOf(made), raw.touches]).toEqual([0, 0x45, 1])
    const allow = allowing(madeId(made))
    expect(flagsOf(await raw.getAssertion([allow]))).toBe(0x05)
    expect(flagsOf(await raw.getAssertion([allow, [5, silent]]))).toBe(0)
    expect(raw.touches).toBe(2)
  })
})

describe('a token by finger', () => {
  test('comes with a touch, which counts for 30 seconds', async () => {
    const raw = new RawPlatform(fingerprint)
    const { token } = await raw.token(6, undefined, [both, site])
    const made = await raw.makeWith(token)
    expect([made.status, flagsOf(made), raw.touches]).toEqual([0, 0x45, 1])
    const { token: old } = await raw.token(6, undefined, [both, site])
    const allow = allowing(madeId(made))
    expect(flagsOf(await raw.getWith(old, [allow, [5, silent]]))).toBe(0x04)
    await raw.clock.sleep(30_001)
    expect([flagsOf(await raw.getWith(old, [allow])), raw.touches]).toEqual([0x05, 3])
  })

  test('an excluded credential needs no second touch', async () => {
    const raw = new RawPlatform(fingerprint)
    const id = madeId(await raw.makeCredential())
    const { token } = await raw.token(6, undefined, [both, site])
    expect((await raw.makeWith(token, [excluding(id)])).status).toBe(0x19)
    expect(raw.touches).toBe(2)
  })

  test('the wrong finger costs a try each time; the fifth blocks it until the PIN is given', async () => {
    const raw = new RawPlatform({ ...fingerprint, pin })
    raw.key.setFinger('mismatch')
    const tries = []
    for (let index = 0; index < 6; index++) tries.push((await raw.token(6, undefined, [both, site])).status)
    expect(tries).toEqual([0x3f, 0x3f, 0x3f, 0x3f, 0x3c, 0x3c])
    expect([raw.touches, await uvRetries(raw)]).toEqual([5, 0])
    raw.key.setFinger('match')
    expect((await raw.token(6, undefined, [both, site])).status).toBe(0x3c)
    expect((await raw.token(9, pin, [both, site])).status).toBe(0)
    expect(await uvRetries(raw)).toBe(5)
    expect((await raw.token(6, undefined, [both, site])).status).toBe(0)
  })

  test('the right finger gives the tries back', async () => {
    const raw = new RawPlatform(fingerprint)
    raw.key.setFinger('mismatch')
    await raw.token(6, undefined, [both, site])
    expect(await uvRetries(raw)).toBe(4)
    raw.key.setFinger('match')
    await raw.token(6, undefined, [both, site])
    expect(await uvRetries(raw)).toBe(5)
  })

  test('a key that prefers one attempt of the platform tries three times by itself', async () => {
    const raw = new RawPlatform({ ...fingerprint, preferredPlatformUvAttempts: 1 })
    raw.key.setFinger('mismatch')
    expect([(await raw.token(6, undefined, [both, site])).status, raw.touches]).toEqual([0x3f, 3])
  })

  test.each([
    ['no permissions', [[9, undefined]], 0x14],
    ['permission 0', [[9, 0]], 0x02],
    ['no site', [[10, undefined]], 0x14],
    ['managing credentials', [[9, 4]], 0x40],
    ['no key agreement', [[3, undefined]], 0x14],
    ['protocol 3', [[1, 3]], 0x02],
  ] as const)('refused: %s', async (_, members, status) => {
    const raw = new RawPlatform(fingerprint)
    expect((await raw.token(6, undefined, [both, site, ...members])).status).toBe(status)
    expect(raw.touches).toBe(0)
  })

  test('it may make credentials where the PIN may not', async () => {
    const raw = new RawPlatform({ ...fingerprint, pin, noMcGaPermissionsWithClientPin: true })
    expect((await raw.token(9, pin, [both, site])).status).toBe(0x40)
    const { token } = await raw.token(6, undefined, [both, site])
    expect((await raw.makeWith(token, [rk])).status).toBe(0)
  })

  test('a reset forgets the finger', async () => {
    const raw = new RawPlatform(fingerprint)
    expect(await raw.option('uv')).toBe(true)
    await raw.send(7)
    expect(await raw.option('uv')).toBe(false)
    expect((await raw.token(6, undefined, [both, site])).status).toBe(0x30)
    expect((await raw.makeCredential([[7, uv]])).status).toBe(0x2c)
  })
})
