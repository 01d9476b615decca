import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/lib/bytes.ts'
import { map, RawPlatform } from '../../support/raw-platform.ts'

const mcGa = [9, 3] as const
const site = [10, 'example.com'] as const

describe.each([1, 2] as const)('protocol %i', protocol => {
  const platform = (options: ConstructorParameters<typeof RawPlatform>[0] = {}) => {
    const made = new RawPlatform(options)
    made.protocol = protocol
    return made
  }

  test('a PIN is set once, shows in getInfo, and opens', async () => {
    const raw = platform()
    expect(await raw.option('clientPin')).toBe(false)
    expect(await raw.setPin('1234')).toBe(0)
    expect(await raw.option('clientPin')).toBe(true)
    expect(await raw.setPin('5678')).toBe(0x33)
    expect(await raw.token(9, '1234', [mcGa, site])).toMatchObject({ status: 0, token: { length: 32 } })
    expect(await raw.token(5, '1234')).toMatchObject({ status: 0, token: { length: 32 } })
  })

  test('is changed by who knows it', async () => {
    const raw = platform({ pin: '1234' })
    expect(await raw.changePin('4321', '5678')).toBe(0x31)
    expect(await raw.changePin('1234', '5678')).toBe(0)
    expect((await raw.token(5, '1234')).status).toBe(0x31)
    expect((await raw.token(5, '5678')).status).toBe(0)
  })

  test('a parameter that is not authentic sets and changes nothing, and costs no try', async () => {
    const raw = platform()
    const forged = [4, new Uint8Array(protocol === 1 ? 16 : 32)] as const
    expect(await raw.setPin('1234', [forged])).toBe(0x33)
    expect(await raw.setPin('1234', [[4, new Uint8Array()]])).toBe(0x33)
    expect(await raw.option('clientPin')).toBe(false)
    await raw.setPin('1234')
    expect(await raw.changePin('1234', '5678', [forged])).toBe(0x33)
    expect(await raw.retries()).toBe(8)
  })

  test('PINs of 4 code points to 63 bytes are taken', async () => {
    for (const [pin, status] of [
      ['123', 0x37],
      ['试试试', 0x37],
      ['试试试试', 0],
      ['x'.repeat(63), 0],
      ['x'.repeat(64), 0x37],
    ] as const) {
      expect([pin, await platform().setPin(pin)]).toEqual([pin, status])
    }
    expect(await platform({ minPinLength: 6 }).setPin('12345')).toBe(0x37)
  })

  test('what does not decrypt to 64 bytes is no PIN', async () => {
    const raw = platform()
    const agreement = await raw.agree()
    const set = async (newPinEnc: Uint8Array) =>
      (
        await raw.clientPin(3, [
          [3, agreement.publicKey],
          [4, agreement.sign(newPinEnc)],
          [5, newPinEnc],
        ])
      ).status
    expect(await set(agreement.encrypt(new Uint8Array(48)))).toBe(0x02)
    expect(await set(new Uint8Array(17))).toBe(0x33)
  })

  test('the key agreement is another after a wrong PIN, and the same after a right one', async () => {
    const raw = platform({ pin: '1234' })
    const offered = async () => {
      const key = (await raw.clientPin(2)).map.get(1)
      const x = key instanceof Map ? key.get(-2) : undefined
      return x instanceof Uint8Array ? toHex(x) : ''
    }
    const first = await offered()
    await raw.token(5, '1234')
    expect(await offered()).toBe(first)
    await raw.token(5, '0000')
    expect(await offered()).not.toBe(first)
  })

  test('an agreement from before a wrong PIN costs a try: the platform has to agree anew', async () => {
    const raw = platform({ pin: '1234' })
    const agreement = await raw.agree()
    const guess = async () =>
      (
        await raw.clientPin(5, [
          [3, agreement.publicKey],
          [6, agreement.encrypt(new Uint8Array(16))],
        ])
      ).status
    expect(await guess()).toBe(0x31)
    expect(await guess()).toBe(0x31)
    expect(await raw.retries()).toBe(6)
  })
})

describe('tries', () => {
  test('three wrong in a row lock it until it is plugged in again; eight, until it is reset', async () => {
    const raw = new RawPlatform({ pin: '1234' })
    const guess = async (pin = '0000') => (await raw.token(9, pin, [mcGa, site])).status
    const state = async () => {
      const { map: answer } = await raw.clientPin(1)
      return [answer.get(3), answer.get(4)]
    }
    expect([await guess(), await guess(), await state()]).toEqual([0x31, 0x31, [6, false]])
    expect([await guess(), await state()]).toEqual([0x34, [5, true]])
    expect([await guess('1234'), await state()]).toEqual([0x34, [5, true]])
    expect(await raw.changePin('1234', '5678')).toBe(0x34)
    raw.key.powerCycle()
    expect([await guess(), await guess(), await guess(), await state()]).toEqual([0x31, 0x31, 0x34, [2, true]])
    raw.key.powerCycle()
    expect([await guess(), await guess(), await state()]).toEqual([0x31, 0x32, [0, false]])
    raw.key.powerCycle()
    expect([await guess('1234'), (await raw.token(5, '1234')).status]).toEqual([0x32, 0x32])
    expect(await raw.changePin('1234', '5678')).toBe(0x32)
    expect((await raw.send(7)).status).toBe(0)
    expect([await raw.option('clientPin'), await state()]).toEqual([false, [8, false]])
    expect(await raw.setPin('1234')).toBe(0)
  })

  test('a right PIN gives all tries back', async () => {
    const raw = new RawPlatform({ pin: '1234' })
    for (const pin of ['0000', '0000', '1234', '0000', '0000']) await raw.token(5, pin)
    expect(await raw.retries()).toBe(6)
    expect((await raw.token(5, '1234')).status).toBe(0)
    expect(await raw.retries()).toBe(8)
  })
})

describe('a PIN that has to be changed', () => {
  test('opens nothing until it is another', async () => {
    const raw = new RawPlatform({ pin: '1234', forcePinChange: true })
    expect((await raw.info()).get(0x0c)).toBe(true)
    expect((await raw.token(5, '1234')).status).toBe(0x31)
    expect((await raw.token(9, '1234', [mcGa, site])).status).toBe(0x37)
    expect(await raw.changePin('1234', '1234')).toBe(0x37)
    expect(await raw.changePin('1234', '5678')).toBe(0)
    expect((await raw.info()).get(0x0c)).toBe(false)
    expect((await raw.token(9, '5678', [mcGa, site])).status).toBe(0)
  })
})

describe('refusals', () => {
  const pin = '1234'

  test.each([
    ['no subcommand', [[2, undefined]], 0x14],
    ['a subcommand that nobody knows', [[2, 8]], 0x3e],
    ['a subcommand of built-in verification, which it lacks', [[2, 6]], 0x3e],
    ['tries of built-in verification, which it lacks', [[2, 7]], 0x3e],
    ['key agreement without protocol', [[1, undefined]], 0x14],
    ['key agreement by protocol 3', [[1, 3]], 0x02],
    ['a protocol that is a text', [[1, 'two']], 0x11],
  ] as const)('%s', async (_, members, status) => {
    expect((await new RawPlatform({ pin }).clientPin(2, members)).status).toBe(status)
  })

  test('getPINRetries needs no protocol', async () => {
    expect((await new RawPlatform({ pin }).clientPin(1, [[1, undefined]])).status).toBe(0)
  })

  test.each([
    ['without PIN', [[6, undefined]], 0x14],
    ['without key agreement', [[3, undefined]], 0x14],
    ['without protocol', [[1, undefined]], 0x14],
    ['without permissions', [[9, undefined]], 0x14],
    ['with no permission', [[9, 0]], 0x02],
    ['for making credentials anywhere', [[10, undefined]], 0x14],
    ['for managing credentials', [[9, 4]], 0x40],
    ['for enrolling fingers', [[9, 8]], 0x40],
    ['for large blobs', [[9, 0x10]], 0x40],
    ['for configuration', [[9, 0x23]], 0x40],
    ['for what nobody has defined, besides', [[9, 0x83]], 0],
    ['with a key agreement off the curve', [[3, offTheCurve()]], 0x02],
    ['with a key agreement of another curve', [[3, offTheCurve([-1, 2])]], 0x02],
    ['with a key agreement without y', [[3, map([[1, 2]])]], 0x02],
  ] as const)('a token %s', async (_, members, status) => {
    const raw = new RawPlatform({ pin })
    expect((await raw.token(9, pin, [mcGa, site, ...members])).status).toBe(status)
    expect(await raw.retries()).toBe(8)
  })

  test('getPinToken with permissions or a site', async () => {
    const raw = new RawPlatform({ pin })
    expect((await raw.token(5, pin, [mcGa])).status).toBe(0x02)
    expect((await raw.token(5, pin, [site])).status).toBe(0x02)
  })

  test('without a PIN, there is none to change or to use', async () => {
    const raw = new RawPlatform()
    expect((await raw.token(5, pin)).status).toBe(0x35)
    expect((await raw.token(9, pin, [mcGa, site])).status).toBe(0x35)
    expect(await raw.changePin(pin, '5678')).toBe(0x35)
  })

  test('a PIN that is for managing alone makes no token for credentials', async () => {
    const raw = new RawPlatform({ pin, noMcGaPermissionsWithClientPin: true })
    expect(await raw.option('noMcGaPermissionsWithClientPin')).toBe(true)
    expect((await raw.token(9, pin, [mcGa, site])).status).toBe(0x40)
    const { status, token } = await raw.token(5, pin)
    expect([status, (await raw.makeWith(token)).status]).toEqual([0, 0x33])
  })

  test('a key without protocols has no PIN', async () => {
    const raw = new RawPlatform({ pinUvAuthProtocols: [] })
    expect((await raw.clientPin(1)).status).toBe(0x01)
    const info = await raw.info()
    expect([info.get(6), await raw.option('clientPin'), await raw.option('pinUvAuthToken')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })
})

function offTheCurve(...changes: (readonly [number, number])[]) {
  return map([
    [1, 2],
    [3, -25],
    [-1, 1],
    [-2, new Uint8Array(32).fill(1)],
    [-3, new Uint8Array(32).fill(2)],
    ...changes,
  ])
}
