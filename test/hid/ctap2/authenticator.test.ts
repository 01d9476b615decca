import { describe, expect, test } from 'vitest'
import { clientDataHash, registration } from '../../support/ceremony.ts'
import { scriptedAuthenticator } from '../../support/ctap2-authenticator.ts'
import { type Ctap2Answer, mapOf, refusal } from '../../support/scripted-channel.ts'

const info = mapOf([1, ['FIDO_2_1']], [3, new Uint8Array(16)])

const keyAnswering = (answer: (command: number) => Ctap2Answer, capabilities?: number) =>
  scriptedAuthenticator(
    ({ command }) => (command === 4 ? info : answer(command)),
    capabilities === undefined ? {} : { capabilities },
  )

const assertionBy = (id: number) =>
  mapOf(
    [1, mapOf(['id', Uint8Array.of(id)])],
    [2, new Uint8Array(37)],
    [3, Uint8Array.of(id)],
    [4, mapOf(['id', Uint8Array.of(id)])],
  )

describe('several assertions', () => {
  test('come one by one', async () => {
    let given = 0
    const { key, channel } = await keyAnswering(command => {
      given++
      if (command === 2) return new Map([...assertionBy(given), [5, 3]])
      return given > 3 ? 0x30 : assertionBy(given)
    })
    const first = await key.getAssertion({ rpId: 'example.com', clientDataHash })
    expect([first.numberOfCredentials, first.userHandle]).toEqual([3, Uint8Array.of(1)])
    const rest = [await key.nextAssertion(), await key.nextAssertion()]
    expect(rest.map(({ credentialId, signature }) => [...credentialId, ...signature])).toEqual([
      [2, 2],
      [3, 3],
    ])
    expect((await refusal(key.nextAssertion())).code).toBe('key_not_allowed')
    expect(channel.sent).toEqual(['2', '8', '8', '8'])
    expect(channel.requests[1]?.parameters.size).toBe(0)
  })

  test('must each say by which credential', async () => {
    const { key } = await keyAnswering(() => mapOf([2, new Uint8Array(37)], [3, new Uint8Array(70)]))
    expect((await refusal(key.nextAssertion())).code).toBe('key_protocol')
  })
})

describe('a reset', () => {
  test('is one command, after which the key says anew what it is', async () => {
    let isReset = false
    const { key, channel } = await scriptedAuthenticator(({ command }) => {
      if (command === 4) return new Map([...info, [4, mapOf(['clientPin', !isReset])]])
      isReset = command === 7
      return mapOf()
    })
    expect(key.info.options.get('clientPin')).toBe(true)
    await key.reset({ onTouchNeeded: () => {} })
    expect(channel.sent).toEqual(['7', '4'])
    expect(channel.options[0]?.onKeepalive).toBeTypeOf('function')
    expect(key.info.options.get('clientPin')).toBe(false)
  })

  test.each([
    [0x30, 'key_not_allowed'],
    [0x27, 'key_denied'],
    [0x2f, 'key_timeout'],
    [0x3a, 'key_timeout'],
  ])('refused with 0x%s is %s, and nothing is asked', async (status, code) => {
    const { key, channel } = await keyAnswering(() => status)
    expect((await refusal(key.reset())).code).toBe(code)
    expect(channel.sent).toEqual(['7'])
  })
})

describe('the device', () => {
  test('tells its version and whether it winks', async () => {
    const { key } = await keyAnswering(() => 0)
    expect([key.deviceVersion, key.canWink, key.protocol]).toEqual([[5, 4, 3], true, 'ctap2'])
    await key.wink()
    const mute = await keyAnswering(() => 0, 0x04)
    expect(mute.key.canWink).toBe(false)
    expect((await refusal(mute.key.wink())).code).toBe('key_unsupported_option')
  })

  test('gives back what it is pinged with', async () => {
    const { key, channel } = await keyAnswering(() => 0)
    await key.ping(Uint8Array.of(1, 2, 3))
    channel.call = async () => Uint8Array.of(1, 2)
    expect((await refusal(key.ping(Uint8Array.of(1, 2, 3)))).code).toBe('key_protocol')
  })
})

test('a ceremony is one message', async () => {
  const { key, channel } = await keyAnswering(command =>
    command === 1 ? mapOf([1, 'none'], [2, new Uint8Array(37)], [3, mapOf()]) : assertionBy(1),
  )
  await key.makeCredential({ ...registration(), excludeList: [{ id: Uint8Array.of(9) }] })
  await key.getAssertion({ rpId: 'example.com', clientDataHash, allowList: [{ id: Uint8Array.of(9) }] })
  expect(channel.sent).toEqual(['1', '2'])
})
