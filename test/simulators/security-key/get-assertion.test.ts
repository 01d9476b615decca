import { describe, expect, test } from 'vitest'
import { utf8 } from '../../../src/lib/bytes.ts'
import { allowing, flagsOf, madeId, map, RawPlatform, rk } from '../../support/raw-platform.ts'

const pin = '1234'
const site = [10, 'example.com'] as const
const silent = [5, map([['up', false]])] as const
const protectedBy = (level: number) => [6, map([['credProtect', level]])] as const
const tokenOf = async (raw: RawPlatform) => (await raw.token(9, pin, [[9, 3], site])).token

describe('options', () => {
  test.each([
    ['rk', [5, map([['rk', true]])], 0x2b],
    ['uv, of a key that has a PIN alone', [5, map([['uv', true]])], 0x2c],
    ['uv that is false', [5, map([['uv', false]])], 0],
    ['one that it does not know', [5, map([['xx', true]])], 0],
  ] as const)('%s', async (_, member, status) => {
    const raw = new RawPlatform()
    const id = madeId(await raw.makeCredential())
    expect((await raw.getAssertion([allowing(id), member])).status).toBe(status)
  })

  test('up that is false: it signs without a touch, and says so', async () => {
    const raw = new RawPlatform()
    const id = madeId(await raw.makeCredential())
    const answer = await raw.getAssertion([allowing(id), silent])
    expect([answer.status, flagsOf(answer), raw.touches]).toEqual([0, 0, 1])
  })

  test('a PIN is not needed, but for keys that are always to verify; these look for credentials without', async () => {
    const free = new RawPlatform({ pin })
    const id = madeId(await free.makeCredential())
    const answer = await free.getAssertion([allowing(id)])
    expect([answer.status, flagsOf(answer)]).toEqual([0, 0x01])
    const strict = new RawPlatform({ pin, alwaysUv: true })
    const made = madeId(await strict.makeWith(await tokenOf(strict)))
    expect((await strict.getAssertion([allowing(made)])).status).toBe(0x36)
    expect((await strict.getAssertion([allowing(made), silent])).status).toBe(0)
    expect((await strict.getWith(await tokenOf(strict), [allowing(made)])).status).toBe(0)
  })
})

describe('which credentials', () => {
  test('an unknown one is refused before any touch', async () => {
    const raw = new RawPlatform()
    expect([(await raw.getAssertion([allowing(new Uint8Array(32))])).status, raw.touches]).toEqual([0x2e, 0])
  })

  test('an empty list is none; one of other types names nothing', async () => {
    const raw = new RawPlatform()
    const id = madeId(await raw.makeCredential([rk]))
    expect((await raw.getAssertion([[3, []]])).status).toBe(0)
    const other = map([
      ['id', id],
      ['type', 'private-key'],
    ])
    expect((await raw.getAssertion([[3, [other]]])).status).toBe(0x2e)
  })

  test.each([
    [1, { unnamed: 0, named: 0, unnamedVerified: 0, namedVerified: 0 }],
    [2, { unnamed: 0x2e, named: 0, unnamedVerified: 0, namedVerified: 0 }],
    [3, { unnamed: 0x2e, named: 0x2e, unnamedVerified: 0, namedVerified: 0 }],
  ])('credProtect %i', async (level, expected) => {
    const raw = new RawPlatform({ pin })
    const id = madeId(await raw.makeWith(await tokenOf(raw), [rk, protectedBy(level)]))
    expect({
      unnamed: (await raw.getAssertion()).status,
      named: (await raw.getAssertion([allowing(id)])).status,
      unnamedVerified: (await raw.getWith(await tokenOf(raw))).status,
      namedVerified: (await raw.getWith(await tokenOf(raw), [allowing(id)])).status,
    }).toEqual(expected)
  })
})

describe('several credentials', () => {
  const three = async () => {
    const raw = new RawPlatform({ pin })
    for (const user of ['a', 'b', 'c']) await raw.makeWith(await tokenOf(raw), [rk], user)
    return raw
  }
  const userOf = (user: string) => map([['id', utf8(user)]])

  test('who the users are is told with verification alone', async () => {
    const raw = await three()
    const anonymous = [await raw.getAssertion(), await raw.send(8), await raw.send(8)]
    expect(anonymous.map(({ map: answer }) => answer.get(4))).toEqual([userOf('c'), userOf('b'), userOf('a')])
    const known = [await raw.getWith(await tokenOf(raw)), await raw.send(8)]
    expect(known.map(({ map: answer }) => answer.get(4))).toEqual(
      ['c', 'b'].map(user =>
        map([
          ['id', utf8(user)],
          ['name', user],
          ['displayName', user.toUpperCase()],
        ]),
      ),
    )
    expect(known.map(flagsOf)).toEqual([0x05, 0x05])
    expect(known.map(({ map: answer }) => answer.get(5))).toEqual([3, undefined])
  })

  test('the next is there for 30 seconds after the last', async () => {
    const raw = await three()
    await raw.getAssertion()
    await raw.clock.sleep(30_000)
    expect((await raw.send(8)).status).toBe(0)
    await raw.clock.sleep(30_001)
    expect((await raw.send(8)).status).toBe(0x30)
    expect((await raw.send(8)).status).toBe(0x30)
  })

  test.each([
    ['another command', (raw: RawPlatform) => raw.info()],
    ['a U2F message', async (raw: RawPlatform) => raw.key.answerU2f(new Uint8Array(4), () => false)],
    ['a replug', async (raw: RawPlatform) => raw.key.powerCycle()],
  ])('the next is forgotten by %s', async (_, interrupt) => {
    const raw = await three()
    await raw.getAssertion()
    await interrupt(raw)
    expect((await raw.send(8)).status).toBe(0x30)
  })

  test('named ones give one assertion alone', async () => {
    const raw = new RawPlatform()
    const ids = [madeId(await raw.makeCredential()), madeId(await raw.makeCredential())]
    const { map: answer } = await raw.getAssertion([allowing(...ids)])
    expect([answer.get(5), (await raw.send(8)).status]).toEqual([undefined, 0x30])
  })
})

describe('reset and selection', () => {
  test('reset takes credentials and PIN', async () => {
    const raw = new RawPlatform({ pin })
    await raw.makeCredential()
    raw.outcome = 'denied'
    expect((await raw.send(7)).status).toBe(0x27)
    raw.outcome = 'timed out'
    expect((await raw.send(7)).status).toBe(0x2f)
    expect([raw.key.credentials.size, await raw.option('clientPin')]).toEqual([1, true])
    raw.outcome = 'touched'
    expect((await raw.send(7)).status).toBe(0)
    expect([raw.key.credentials.size, await raw.option('clientPin')]).toEqual([0, false])
  })

  test('reset in the first 10 seconds alone, where that is asked for', async () => {
    const free = new RawPlatform()
    await free.clock.sleep(10_001)
    expect((await free.send(7)).status).toBe(0)
    const raw = new RawPlatform({ resetWindow: true })
    await raw.clock.sleep(10_000)
    expect((await raw.send(7)).status).toBe(0)
    await raw.clock.sleep(1)
    expect([(await raw.send(7)).status, raw.touches]).toEqual([0x30, 1])
    raw.key.powerCycle()
    expect((await raw.send(7)).status).toBe(0)
  })

  test.each([
    ['touched', 0],
    ['denied', 0x27],
    ['timed out', 0x2f],
    ['cancelled', 0x2d],
  ] as const)('selection: %s', async (outcome, status) => {
    const raw = new RawPlatform()
    raw.outcome = outcome
    expect((await raw.send(0x0b)).status).toBe(status)
  })
})
