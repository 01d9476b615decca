import { describe, expect, test } from 'vitest'
import { allowing, excluding, flagsOf, madeId, map, RawPlatform } from '../../support/raw-platform.ts'

const pin = '1234'
const silent = [5, map([['up', false]])] as const

const old = (options: ConstructorParameters<typeof RawPlatform>[0] = {}) => {
  const raw = new RawPlatform({ profile: 'ctap2.0', ...options })
  raw.protocol = 1
  return raw
}

test('getInfo has the members of CTAP 2.0, and those that a test asks for', async () => {
  const info = await old().info()
  expect([...info.keys()]).toEqual([1, 3, 4, 5, 6])
  expect(info.get(1)).toEqual(['U2F_V2', 'FIDO_2_0'])
  expect(info.get(4)).toEqual(
    map([
      ['rk', true],
      ['up', true],
      ['plat', false],
      ['clientPin', false],
    ]),
  )
  expect(info.get(6)).toEqual([1])
  expect([...(await old({ maxCredentialCountInList: 1, extraInfo: map([[0x77, 'x']]) }).info()).keys()]).toEqual([
    1, 3, 4, 5, 6, 7, 0x77,
  ])
})

describe('with a PIN', () => {
  test('making needs it, signing does not', async () => {
    const raw = old({ pin })
    expect([(await raw.makeCredential()).status, raw.touches]).toEqual([0x36, 0])
    const { token } = await raw.token(5, pin)
    const made = await raw.makeWith(token)
    expect([made.status, flagsOf(made)]).toEqual([0, 0x45])
    const allow = allowing(madeId(made))
    const bare = await raw.getAssertion([allow])
    expect([bare.status, flagsOf(bare)]).toEqual([0, 0x01])
    const verified = await raw.getWith(token, [allow])
    expect([verified.status, flagsOf(verified)]).toEqual([0, 0x05])
  })

  test('the token lasts until the key is pulled out, and is the same each time', async () => {
    const raw = old({ pin })
    const { token } = await raw.token(5, pin)
    expect((await raw.token(5, pin)).token).toEqual(token)
    expect((await raw.makeWith(token)).status).toBe(0)
    await raw.clock.sleep(3_600_000)
    expect((await raw.makeWith(token, [[2, map([['id', 'example.org']])]])).status).toBe(0)
    raw.key.powerCycle()
    expect((await raw.makeWith(token)).status).toBe(0x33)
    expect((await raw.token(5, pin)).token).not.toEqual(token)
  })

  test('a proof that is wrong, or by another protocol', async () => {
    const raw = old({ pin })
    const { token } = await raw.token(5, pin)
    expect((await raw.makeWith(new Uint8Array(32))).status).toBe(0x33)
    expect((await raw.makeWith(token, [[9, 2]])).status).toBe(0x33)
    expect((await raw.makeWith(token, [[9, undefined]])).status).toBe(0x33)
    expect((await raw.getWith(token, [[6, new Uint8Array(16)]])).status).toBe(0x33)
  })

  test('an empty one asks for a touch', async () => {
    for (const [options, status] of [
      [{ pin }, 0x31],
      [{}, 0x35],
    ] as const) {
      const raw = old(options)
      expect([(await raw.makeCredential([[8, new Uint8Array()]])).status, raw.touches]).toEqual([status, 1])
      expect([(await raw.getAssertion([[6, new Uint8Array()]])).status, raw.touches]).toEqual([status, 2])
    }
  })

  test('what it has already is told without the PIN, after a touch', async () => {
    const raw = old({ pin })
    const id = madeId(await raw.makeWith((await raw.token(5, pin)).token))
    expect([(await raw.makeCredential([excluding(id)])).status, raw.touches]).toEqual([0x19, 2])
  })

  test('PINs have 4 bytes; wrong ones are counted', async () => {
    const raw = old()
    expect(await raw.setPin('123')).toBe(0x37)
    expect(await raw.setPin('试试')).toBe(0)
    expect((await raw.token(5, '1234')).status).toBe(0x31)
    const { map: answer } = await raw.clientPin(1)
    expect([...answer]).toEqual([[3, 7]])
  })
})

describe('what it lacks', () => {
  test.each([
    ['selection', (raw: RawPlatform) => raw.send(0x0b), 0x01],
    ['tokens with permissions', (raw: RawPlatform) => raw.clientPin(9), 0x02],
    ['tokens by built-in verification', (raw: RawPlatform) => raw.clientPin(6), 0x02],
    ['protocol 2', (raw: RawPlatform) => raw.clientPin(2, [[1, 2]]), 0x02],
    ['tries that are asked for without protocol', (raw: RawPlatform) => raw.clientPin(1, [[1, undefined]]), 0x14],
    ['built-in verification', (raw: RawPlatform) => raw.makeCredential([[7, map([['uv', true]])]]), 0x2b],
    ['making without touch', (raw: RawPlatform) => raw.makeCredential([[7, map([['up', false]])]]), 0x2c],
    ['rk of an assertion', (raw: RawPlatform) => raw.getAssertion([[5, map([['rk', true]])]]), 0x2c],
  ] as const)('%s', async (_, ask, status) => expect((await ask(old())).status).toBe(status))

  test('extensions, enterprise attestation: it passes them over', async () => {
    const answer = await old().makeCredential([
      [6, map([['credProtect', 3]])],
      [10, 1],
    ])
    expect([answer.status, flagsOf(answer)]).toEqual([0, 0x41])
  })

  test('limits that it does not tell of', async () => {
    const raw = old()
    const many = excluding(...Array(17).fill(new Uint8Array(64)))
    expect((await raw.makeCredential([many])).status).toBe(0)
  })
})

test('that it has no credential is told after the touch, or to who wants none', async () => {
  const raw = old()
  const allow = allowing(new Uint8Array(32))
  expect([(await raw.getAssertion([allow, silent])).status, raw.touches]).toEqual([0x2e, 0])
  expect([(await raw.getAssertion([allow])).status, raw.touches]).toEqual([0x2e, 1])
})

test('a finger verifies by the uv option', async () => {
  const raw = old({ userVerification: 'fingerprint', pin })
  const made = await raw.makeCredential([[7, map([['uv', true]])]])
  expect([made.status, flagsOf(made), raw.touches]).toEqual([0, 0x45, 1])
  raw.key.setFinger('mismatch')
  expect((await raw.getAssertion([[5, map([['uv', true]])]])).status).toBe(0x27)
})
