import { describe, expect, it } from 'vitest'
import { register } from '../../../src/auth/webauthn/registration.ts'
import { creation, FakeKey, type FakeKeyOptions, FakeUsb, toolsOf } from './fake-keys.ts'

type Selection = NonNullable<ReturnType<typeof creation>['authenticatorSelection']>

const touched = (options: FakeKeyOptions['options'] = {}, more: FakeKeyOptions = {}) =>
  new FakeKey({ pin: '1234', touched: true, options, ...more })

describe('a place on the key', () => {
  it.each<[Selection, Record<string, boolean>, true | undefined | string]>([
    [{ residentKey: 'required' }, { rk: true }, true],
    [{ residentKey: 'required' }, { rk: false }, 'key_unsupported_option'],
    [{ residentKey: 'required' }, {}, 'key_unsupported_option'],
    [{ requireResidentKey: true }, { rk: true }, true],
    [{ residentKey: 'discouraged', requireResidentKey: true }, { rk: true }, undefined],
    [{ residentKey: 'preferred' }, { rk: true, uv: true }, true],
    [{ residentKey: 'preferred' }, { rk: true, clientPin: true }, true],
    [{ residentKey: 'preferred' }, { rk: true }, undefined],
    [{ residentKey: 'preferred' }, {}, undefined],
    [
      { residentKey: 'preferred', userVerification: 'discouraged' },
      { rk: true, uv: true, makeCredUvNotRqd: true },
      undefined,
    ],
    [{}, { rk: true, uv: true }, undefined],
  ])('for %j of a key with %j is %s', async (authenticatorSelection, options, expected) => {
    const key = touched(options)
    const made = register(creation({ authenticatorSelection }), toolsOf(new FakeUsb(key), '1234'))
    if (typeof expected === 'string') await expect(made).rejects.toMatchObject({ code: expected })
    else {
      await made
      expect(key.made).toMatchObject([{ options: { rk: expected } }])
    }
  })

  it('is protected from whoever finds the key', async () => {
    const made = async (options: ReturnType<typeof creation>) => {
      const key = touched({ rk: true })
      await register(options, toolsOf(new FakeUsb(key)))
      return key.made[0]?.credProtect
    }
    expect(await made(creation({ authenticatorSelection: { residentKey: 'required' } }))).toBe(2)
    expect(await made(creation())).toBeUndefined()
  })
})

describe('what is told of the key', () => {
  it.each([
    ['enterprise', 1],
    ['direct', undefined],
  ] as const)('with %s: enterprise attestation %s', async (attestation, expected) => {
    const key = touched()
    await register(creation({ attestation }), toolsOf(new FakeUsb(key)))
    expect(key.made[0]?.enterpriseAttestation).toBe(expected)
  })

  it('are its transports, each once and in order; USB where it does not say', async () => {
    const key = touched()
    expect((await register(creation(), toolsOf(new FakeUsb(key)))).response.transports).toEqual(['usb'])
    const talking = Object.assign(touched(), { info: { ...touched().info, transports: ['usb', 'nfc', 'usb'] } })
    expect((await register(creation(), toolsOf(new FakeUsb(talking)))).response.transports).toEqual(['nfc', 'usb'])
  })
})
