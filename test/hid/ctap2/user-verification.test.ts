import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { TokenPermission } from '../../../src/hid/authenticator.ts'
import { utf8 } from '../../../src/lib/bytes.ts'
import { sha256 } from '../../support/ceremony.ts'
import { scriptedAuthenticator } from '../../support/ctap2-authenticator.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { PinKey, type PinKeySettings } from '../../support/pin-key.ts'
import { type Ctap2Answer, type Ctap2Request, mapOf, refusal } from '../../support/scripted-channel.ts'

type Settings = Partial<PinKeySettings>

/** A key with the PIN 1234, or another one, or none. */
async function keyWith(settings: Settings = {}, pin: string | undefined = '1234') {
  const pinKey = new PinKey({ protocol: 2, ...settings })
  if (pin !== undefined) pinKey.setTo(pin)
  return { pinKey, ...(await scriptedAuthenticator(request => pinKey.answer(request))) }
}

const keyWithoutPin = async (settings: Settings = {}) => {
  const pinKey = new PinKey({ protocol: 2, ...settings })
  return { pinKey, ...(await scriptedAuthenticator(request => pinKey.answer(request))) }
}

/** A key that answers some requests in another way. */
async function deviantKey(deviate: (request: Ctap2Request) => Ctap2Answer | undefined, settings: Settings = {}) {
  const pinKey = new PinKey({ protocol: 2, ...settings }).setTo('1234')
  return { pinKey, ...(await scriptedAuthenticator(request => deviate(request) ?? pinKey.answer(request))) }
}

const request = (pin?: string, permissions: readonly TokenPermission[] = ['mc', 'ga']) => ({
  pin,
  permissions,
  rpId: 'example.com',
})

const isSubCommand = ({ command, parameters }: Ctap2Request, kind: number) =>
  command === 6 && parameters.get(2) === kind

describe.each([
  { name: 'protocol 1, CTAP 2.0', protocol: 1, ctap21: false, tokenCommand: 5 },
  { name: 'protocol 1, CTAP 2.1', protocol: 1, ctap21: true, tokenCommand: 9 },
  { name: 'protocol 2, CTAP 2.1', protocol: 2, ctap21: true, tokenCommand: 9 },
] as const)('$name', ({ protocol, ctap21, tokenCommand }) => {
  const settings = { protocol, ctap21 }

  test('a token by PIN takes two messages', async () => {
    const { key, channel, pinKey } = await keyWith(settings)
    const token = await key.verifyUser(request('1234'))
    expect(channel.sent).toEqual(['6.2', `6.${tokenCommand}`])
    expect(token.protocol).toBe(protocol)
    const message = utf8('client data hash')
    expect(token.authenticate(message)).toEqual(new Uint8Array(pinKey.mac(pinKey.token ?? Buffer.of(), message)))
    const { parameters } = channel.requests[1] ?? { parameters: mapOf() }
    expect([parameters.get(9), parameters.get(10)]).toEqual(ctap21 ? [3, 'example.com'] : [undefined, undefined])
  })

  test('wrong PINs tell how many attempts are left, until the key is blocked', async () => {
    const { key, channel } = await keyWith(settings)
    const errors = []
    for (let attempt = 0; attempt < 4; attempt++) errors.push(await refusal(key.verifyUser(request('4321'))))
    expect(errors.map(({ code, details }) => [code, details.retriesLeft])).toEqual([
      ['key_pin_invalid', 7],
      ['key_pin_invalid', 6],
      ['key_pin_auth_blocked', undefined],
      ['key_pin_auth_blocked', undefined],
    ])
    expect(errors[0]?.details).toMatchObject({ status: 0x31, statusName: 'CTAP2_ERR_PIN_INVALID' })
    expect(errors.map(String).join()).not.toContain('4321')
    const wrong = ['6.2', `6.${tokenCommand}`]
    expect(channel.sent).toEqual([...wrong, '6.1', ...wrong, '6.1', ...wrong, ...wrong])
    expect(await key.pinRetries()).toEqual({ left: 5, powerCycleNeeded: true })
  })

  test('a PIN is set, and is what is asked for from then on', async () => {
    const { key, channel, pinKey } = await keyWithoutPin(settings)
    expect(key.info.options.get('clientPin')).toBe(false)
    await key.setPin('A\u030angstro\u0308m 虎符')
    expect(pinKey.newPin?.toString()).toBe('\u00c5ngstr\u00f6m 虎符')
    expect(channel.sent).toEqual(['6.2', '6.3', '4'])
    expect(key.info.options.get('clientPin')).toBe(true)
    expect((await key.verifyUser(request('\u00c5ngstr\u00f6m 虎符'))).protocol).toBe(protocol)
    expect((await refusal(key.setPin('another'))).code).toBe('key_not_allowed')
  })

  test('a PIN is changed for whoever knows it', async () => {
    const { key, pinKey, channel } = await keyWith(settings)
    const error = await refusal(key.changePin('4321', 'new pin'))
    expect([error.code, error.details.retriesLeft]).toEqual(['key_pin_invalid', 7])
    await key.changePin('1234', 'new pin')
    expect(pinKey.newPin?.toString()).toBe('new pin')
    expect(channel.sent).toEqual(['6.2', '6.4', '6.1', '6.2', '6.4', '4'])
    expect(await key.pinRetries()).toEqual({ left: 8, powerCycleNeeded: false })
  })
})

describe('which protocol', () => {
  const protocolsOf = (protocols: number[] | undefined) => {
    const members = protocols ? [[6, protocols] as const] : []
    const info = mapOf([1, ['FIDO_2_0']], [3, new Uint8Array(16)], [4, mapOf(['clientPin', true])], ...members)
    return deviantKey(({ command }) => (command === 4 ? info : undefined))
  }

  test.each([
    [[2, 1], 2],
    [[1, 2], 1],
    [[9, 1], 1],
    [undefined, 1],
  ])('%j: the first known, %i', async (protocols, used) => {
    const { key, channel } = await protocolsOf(protocols)
    await key.pinRetries().catch(() => {})
    expect(channel.requests[0]?.parameters.get(1)).toBe(used)
  })

  test('none known: nothing is sent', async () => {
    const { key, channel } = await protocolsOf([7])
    for (const attempt of [key.verifyUser(request('1234')), key.pinRetries(), key.changePin('1234', '5678')]) {
      expect((await refusal(attempt)).code).toBe('key_unsupported_option')
    }
    expect(channel.sent).toEqual([])
  })
})

describe('nothing is sent', () => {
  test('for a key without a PIN', async () => {
    const { key, channel } = await keyWithoutPin()
    expect((await refusal(key.verifyUser(request('1234')))).code).toBe('key_pin_not_set')
    expect((await refusal(key.changePin('1234', '5678'))).code).toBe('key_pin_not_set')
    expect(channel.sent).toEqual([])
  })

  test('to a key that can have none', async () => {
    const bare = mapOf([1, ['FIDO_2_0']], [3, new Uint8Array(16)])
    const { key, channel } = await scriptedAuthenticator(() => bare)
    for (const attempt of [key.verifyUser(request('1234')), key.setPin('1234'), key.changePin('1234', '5678')]) {
      expect((await refusal(attempt)).code).toBe('key_unsupported_option')
    }
    expect(channel.sent).toEqual([])
  })

  test('when a new PIN is against the policy', async () => {
    const { key, channel } = await keyWith({ members: [[13, 6]] })
    const changing = await refusal(key.changePin('1234', '12345'))
    expect(changing).toMatchObject({ code: 'key_pin_policy', details: { minimumPinLength: 6 } })
    expect(changing.details.status).toBe(undefined)
    expect(channel.sent).toEqual([])
    const fresh = await keyWithoutPin()
    const setting = await refusal(fresh.key.setPin('123'))
    expect(setting).toMatchObject({ code: 'key_pin_policy', details: { minimumPinLength: 4 } })
    expect(fresh.channel.sent).toEqual([])
  })

  test('until the PIN is changed, where the key wants that', async () => {
    const { key, channel } = await keyWith({ members: [[12, true]] })
    expect((await refusal(key.verifyUser(request('1234')))).code).toBe('key_pin_change_required')
    expect(channel.sent).toEqual([])
    await key.changePin('1234', '5678')
  })

  test('by PIN where the key wants a finger for ceremonies', async () => {
    const { key, channel } = await keyWith({ options: [['noMcGaPermissionsWithClientPin', true]] })
    expect((await refusal(key.verifyUser(request('1234')))).code).toBe('key_unsupported_option')
    expect(channel.sent).toEqual([])
  })

  test('but the question how many attempts are left, for a PIN that no key has', async () => {
    const { key, channel } = await keyWith()
    for (const pin of ['', '123', 'x'.repeat(64)]) {
      expect(await refusal(key.verifyUser(request(pin)))).toMatchObject({
        code: 'key_pin_invalid',
        details: { retriesLeft: 8 },
      })
    }
    expect(channel.sent).toEqual(['6.1', '6.1', '6.1'])
  })
})

describe('a key that deviates', () => {
  test.each([
    [0x31, 'key_pin_invalid'],
    [0x32, 'key_pin_blocked'],
    [0x33, 'key_pin_auth_invalid'],
    [0x34, 'key_pin_auth_blocked'],
    [0x35, 'key_pin_not_set'],
    [0x37, 'key_pin_change_required'],
    [0x01, 'key_unsupported'],
    [0x2b, 'key_unsupported_option'],
    [0x40, 'key_unsupported_option'],
    [0x11, 'key_refused'],
  ])('0x%s instead of a token is an error; that attempts can’t be told changes nothing', async (status, code) => {
    const deviate = (each: Ctap2Request) => (isSubCommand(each, 9) ? status : isSubCommand(each, 1) ? 0x7f : undefined)
    const { key } = await deviantKey(deviate)
    expect(await refusal(key.verifyUser(request('1234')))).toMatchObject({
      code,
      details: { status, statusName: expect.any(String) },
    })
  })

  test.each([
    ['no token', mapOf([3, 8])],
    ['a token that is a text', mapOf([2, 'token'])],
    ['a token of 15 bytes', mapOf([2, new Uint8Array(15)])],
    ['a token of 16 bytes', mapOf([2, new Uint8Array(32)])],
    ['a token of 64 bytes', mapOf([2, new Uint8Array(80)])],
  ])('%s is an error', async (_, answer) => {
    const { key } = await deviantKey(each => (isSubCommand(each, 9) ? answer : undefined))
    expect((await refusal(key.verifyUser(request('1234')))).code).toBe('key_protocol')
  })

  test('a protocol 1 token may have 16 bytes', async () => {
    const { key } = await keyWith({ protocol: 1, ctap21: false, tokenLength: 16 })
    expect((await key.verifyUser(request('1234'))).authenticate(utf8('m'))).toHaveLength(16)
  })

  test('a PIN that was set meanwhile is not overwritten', async () => {
    const { key } = await deviantKey(({ command }) => {
      if (command !== 4) return undefined
      return new PinKey({ protocol: 2 }).answer({ command: 4, parameters: mapOf() })
    })
    expect(await refusal(key.setPin('5678'))).toMatchObject({ code: 'key_not_allowed', details: { status: 0x33 } })
  })

  test('a PIN that the key finds too simple tells the least length', async () => {
    const settings = { members: [[13, 6]] } as const
    const { key } = await deviantKey(each => (isSubCommand(each, 4) ? 0x37 : undefined), settings)
    const error = await refusal(key.changePin('1234', '111111'))
    expect(error).toMatchObject({ code: 'key_pin_policy', details: { status: 0x37, minimumPinLength: 6 } })
  })

  test.each([
    ['nothing', mapOf()],
    ['a text', mapOf([3, 'eight'])],
    ['less than none', mapOf([3, -1])],
  ])('that tells %s when it is asked for attempts is misunderstood', async (_, answer) => {
    const { key } = await deviantKey(each => (isSubCommand(each, 1) ? answer : undefined))
    expect((await refusal(key.pinRetries())).code).toBe('key_protocol')
  })

  test('one that goes silent after a PIN was set has it set all the same', async () => {
    let infos = 0
    const { key, pinKey } = await (async () => {
      const pinKey = new PinKey({ protocol: 2 })
      const respond = (each: Ctap2Request) => (each.command === 4 && infos++ > 0 ? 0x7f : pinKey.answer(each))
      return { pinKey, ...(await scriptedAuthenticator(respond)) }
    })()
    await key.setPin('1234')
    expect([pinKey.newPin?.toString(), infos]).toEqual(['1234', 2])
  })
})

describe('a finger', () => {
  const uv = { options: [['uv', true]] } as const

  test('gives a token, and the key says when it waits', async () => {
    const { key, channel, pinKey } = await keyWith(uv)
    const token = await key.verifyUser(request(undefined, ['ga']), { onTouchNeeded: () => {} })
    expect(channel.sent).toEqual(['6.2', '6.6'])
    expect(channel.requests[1]?.parameters.get(9)).toBe(2)
    expect(channel.requests[1]?.parameters.has(6)).toBe(false)
    expect(channel.options.map(({ onKeepalive }) => typeof onKeepalive)).toEqual(['undefined', 'function'])
    expect(token.authenticate(sha256('x'))).toEqual(
      new Uint8Array(pinKey.mac(pinKey.token ?? Buffer.of(), sha256('x'))),
    )
  })

  test('a PIN waits for no touch', async () => {
    const { key, channel } = await keyWith(uv)
    await key.verifyUser(request('1234'), { onTouchNeeded: () => {} })
    expect(channel.options.map(({ onKeepalive }) => onKeepalive)).toEqual([undefined, undefined])
  })

  test('that misses tells how often it may yet', async () => {
    const { key, pinKey, channel } = await keyWith(uv)
    pinKey.uvStatus = 0x3f
    const error = await refusal(key.verifyUser(request()))
    expect(error).toMatchObject({ code: 'key_uv_invalid', details: { retriesLeft: 2, status: 0x3f } })
    expect(await key.uvRetries()).toBe(2)
    pinKey.uvStatus = 0x3c
    const blocked = await refusal(key.verifyUser(request()))
    expect([blocked.code, blocked.details.retriesLeft]).toEqual(['key_uv_blocked', undefined])
    expect(channel.sent).toEqual(['6.2', '6.6', '6.7', '6.7', '6.2', '6.6'])
  })

  test('that misses within a ceremony tells so too', async () => {
    const { key } = await deviantKey(({ command }) => (command === 2 ? 0x3f : undefined), uv)
    const ceremony = { rpId: 'example.com', clientDataHash: sha256('x'), options: { uv: true } }
    expect(await refusal(key.getAssertion(ceremony))).toMatchObject({
      code: 'key_uv_invalid',
      details: { retriesLeft: 3 },
    })
  })

  test.each<[string, Settings]>([
    ['without a reader', {}],
    ['whose reader knows no finger', { options: [['uv', false]] }],
    ['of CTAP 2.0', { ctap21: false, options: [['uv', true]] }],
  ])('is of no use on a key %s', async (_, settings) => {
    const { key, channel } = await keyWith(settings)
    expect((await refusal(key.verifyUser(request()))).code).toBe('key_unsupported_option')
    expect(channel.sent).toEqual([])
  })
})

test('an aborted signal ends the verification', async () => {
  const { key } = await keyWith()
  expect((await refusal(key.verifyUser(request('1234'), { signal: AbortSignal.abort() }))).code).toBe('key_cancelled')
})

test('the messages of a ceremony share its time', async () => {
  const clock = manualClock()
  const pinKey = new PinKey({ protocol: 2 }).setTo('1234')
  const respond = (each: Ctap2Request) => {
    clock.advance(2000)
    return pinKey.answer(each)
  }
  const { key, channel } = await scriptedAuthenticator(respond, { clock })
  await key.verifyUser(request('1234'), { timeout: 5000 })
  expect(channel.options.map(({ timeout }) => timeout)).toEqual([5000, 3000])
  await key.verifyUser(request('1234'), { timeout: 1000 })
  expect(channel.options.slice(2).map(({ timeout }) => timeout)).toEqual([1000, 1])
})

describe('no error, however it is looked at,', () => {
  const pin = 'tiger-tally-7319'
  /** Every status, and answers that are of no use, to each subcommand. */
  const answers: Ctap2Answer[] = [...Array.from({ length: 255 }, (_, index) => index + 1), mapOf(), Uint8Array.of(0, 1)]
  const asks = [
    ['verifyUser', 9],
    ['changePin', 4],
    ['setPin', 3],
  ] as const

  test.each(asks.flatMap(([what, last]) => [2, last].map(kind => [what, kind] as const)))(
    'holds a PIN or what it is made into: %s, at subcommand %i',
    async (what, kind) => {
      for (const answer of answers) {
        const pinKey = new PinKey({ protocol: 2 })
        if (what !== 'setPin') pinKey.setTo(pin)
        const deviant = (asked: Ctap2Request) => (isSubCommand(asked, kind) ? answer : pinKey.answer(asked))
        const { key } = await scriptedAuthenticator(deviant)
        const error = await (what === 'verifyUser'
          ? key.verifyUser(request(pin))
          : what === 'changePin'
            ? key.changePin(pin, `${pin}+`)
            : key.setPin(pin)
        ).then(
          () => undefined,
          reason => reason,
        )
        expect(inspect(error, { depth: null, showHidden: true, getters: true })).not.toMatch(
          /tiger-tally|Uint8Array|<Buffer/,
        )
      }
    },
  )

  test('holds a token', async () => {
    const { key } = await keyWith()
    const token = await key.verifyUser(request('1234'))
    expect(inspect(token, { depth: null, showHidden: true, getters: true })).not.toMatch(/Uint8Array|<Buffer/)
    expect(JSON.stringify(token)).toBe('{"protocol":2}')
  })
})
