import { describe, expect, test } from 'vitest'
import { fromHex, toHex, utf8 } from '../../../src/lib/bytes.ts'
import {
  type AuthenticatorOptions,
  type Ctap2Responder,
  SecurityKeyDevice,
  SoftwareAuthenticator,
  type TouchBehaviour,
} from '../../../src/simulators/security-key/index.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

// The bytes here are written out from the specification, not with src/hid: neither side's framing checks itself.

const packet = (hex: string) => fromHex(hex.padEnd(128, '0'))
const nonce = '0102030405060708'

function setUp(
  touch: TouchBehaviour = 'automatic',
  options: Partial<AuthenticatorOptions> = {},
  responder?: Ctap2Responder,
) {
  const clock = new VirtualClock()
  const random = seededRandom('device')
  const authenticator = responder ?? new SoftwareAuthenticator({ random, clock, ...options })
  const device = new SecurityKeyDevice(authenticator, { clock, random, touch })
  const emitted: string[] = []
  const receive = (hex: string) => device.receive(packet(hex), report => emitted.push(toHex(report)))
  /** What it emitted since the last call, each without trailing zeros. */
  const answers = async (settle = 0) => {
    await clock.sleep(settle)
    return emitted.splice(0).map(hex => hex.replace(/(00)+$/, ''))
  }
  const open = async () => {
    receive(`ffffffff860008${nonce}`)
    const [answer = ''] = await answers()
    return answer.slice(30, 38)
  }
  return { device, clock, receive, answers, open }
}

describe('channels', () => {
  test('INIT gives a channel, protocol version 2 and the capabilities WINK and CBOR', async () => {
    const { receive, answers } = setUp()
    receive(`ffffffff860008${nonce}`)
    expect(await answers()).toEqual([
      expect.stringMatching(new RegExp(`^ffffffff860011${nonce}[0-9a-f]{8}0201000005$`)),
    ])
  })

  test.each([
    ['a U2F key: WINK', { profile: 'u2f' }, undefined, '01'],
    ['a CTAP 2.0 key: WINK and CBOR', { profile: 'ctap2.0' }, undefined, '05'],
    ['a key without U2F: WINK, CBOR and no MSG', {}, { answer: async () => Uint8Array.of(0) }, '0d'],
  ] as const)('the capabilities of %s', async (_, options, responder, capabilities) => {
    const { receive, answers } = setUp('automatic', options, responder)
    receive(`ffffffff860008${nonce}`)
    expect((await answers())[0]?.slice(46)).toBe(capabilities)
  })

  test('each INIT gives another', async () => {
    const { open } = setUp()
    expect(new Set([await open(), await open(), await open()]).size).toBe(3)
  })

  test.each([
    ['a channel that it did not give', 'aabbccdd900001', 'aabbccddbf00010b'],
    ['the broadcast channel', 'ffffffff900001', 'ffffffffbf00010b'],
    ['channel 0', '00000000900001', '00000000bf00010b'],
    ['INIT on an unknown channel', `aabbccdd860008${nonce}`, 'aabbccddbf00010b'],
    ['INIT with a short nonce', 'ffffffff86000701', 'ffffffffbf000103'],
  ])('refuses %s', async (_, request, answer) => {
    const { receive, answers } = setUp()
    receive(request)
    expect(await answers()).toEqual([answer])
  })

  test('reports of another size are nothing', async () => {
    const { device, answers } = setUp()
    device.receive(new Uint8Array(63), () => expect.unreachable())
    expect(await answers()).toEqual([])
  })
})

describe('messages', () => {
  test('PING comes back, over several packets', async () => {
    const { open, receive, answers } = setUp()
    const channel = await open()
    const payload = '5a'.repeat(100)
    receive(`${channel}810064${payload.slice(0, 114)}`)
    expect(await answers()).toEqual([])
    receive(`${channel}00${payload.slice(114)}`)
    expect(await answers()).toEqual(
      [`${channel}810064${payload.slice(0, 114)}`, `${channel}00${payload.slice(114)}`].map(hex =>
        hex.replace(/(00)+$/, ''),
      ),
    )
  })

  test.each([
    ['a packet out of sequence', ['810064', '01'], '04'],
    ['a message within another', ['810064', '810001'], '04'],
    ['a message of 7610 bytes', ['811dba'], '03'],
    ['an unknown command', ['bf'], '01'],
    ['an empty CBOR message', ['90'], '03'],
  ])('refuses %s', async (_, packets, code) => {
    const { open, receive, answers } = setUp()
    const channel = await open()
    for (const each of packets) receive(channel + each)
    expect(await answers()).toEqual([`${channel}bf0001${code}`])
  })

  test('a message that is not finished in time is dropped', async () => {
    const { open, receive, answers } = setUp()
    const channel = await open()
    receive(`${channel}810064`)
    expect(await answers(499)).toEqual([])
    expect(await answers(2)).toEqual([`${channel}bf000105`])
    receive(`${channel}810001aa`)
    expect(await answers()).toEqual([`${channel}810001aa`])
  })

  test('continuations of nothing are ignored', async () => {
    const { open, receive, answers } = setUp()
    receive(`${await open()}00ffff`)
    expect(await answers()).toEqual([])
  })

  test('INIT on a channel makes it forget what was going on there', async () => {
    const { open, receive, answers } = setUp()
    const channel = await open()
    receive(`${channel}810064`)
    receive(`${channel}860008${nonce}`)
    expect(await answers()).toEqual([`${channel}860011${nonce}${channel}0201000005`])
    receive(`${channel}810001bb`)
    expect(await answers(1000)).toEqual([`${channel}810001bb`])
  })

  test('another channel finds it busy, while a message comes in and while it waits for a touch', async () => {
    const { open, receive, answers } = setUp('never')
    const one = await open()
    const other = await open()
    receive(`${one}810064`)
    receive(`${other}810001`)
    expect(await answers()).toEqual([`${other}bf000106`])
    receive(`${one}860008${nonce}`)
    receive(`${one}9000010b`)
    await answers()
    receive(`${other}9000010b`)
    receive(`${one}9000010b`)
    expect(await answers()).toEqual([`${other}bf000106`, `${one}bf000106`])
  })
})

describe('what a key speaks', () => {
  const version = '83000400030000'

  test('U2F over MSG, beside CTAP2', async () => {
    const { open, receive, answers, device } = setUp()
    const channel = await open()
    receive(channel + version)
    expect(await answers()).toEqual([`${channel}830008${toHex(utf8('U2F_V2'))}90`])
    receive(`${channel}90000104`)
    expect((await answers())[0]).toMatch(new RegExp(`^${channel}90....00`))
    expect(device.received).toMatchObject({ msg: 1, cbor: 1 })
  })

  test('CBOR is no command of a U2F key, MSG none of a key without U2F', async () => {
    const u2f = setUp('automatic', { profile: 'u2f' })
    const channel = await u2f.open()
    u2f.receive(`${channel}90000104`)
    expect(await u2f.answers()).toEqual([`${channel}bf000101`])
    u2f.receive(channel + version)
    expect(await u2f.answers()).toEqual([expect.stringContaining(toHex(utf8('U2F_V2')))])
    const ctap2 = setUp('automatic', {}, { answer: async () => Uint8Array.of(0) })
    const other = await ctap2.open()
    ctap2.receive(other + version)
    expect(await ctap2.answers()).toEqual([`${other}bf000101`])
    expect([u2f.device.received.cbor, ctap2.device.received.msg]).toEqual([undefined, undefined])
  })

  test('WINK is counted', async () => {
    const { open, receive, answers, device } = setUp()
    const channel = await open()
    receive(`${channel}88`)
    expect([await answers(), device.received.wink]).toEqual([[`${channel}88`], 1])
  })
})

describe('LOCK', () => {
  test('keeps other channels out for so many seconds', async () => {
    const { open, receive, answers, clock, device } = setUp()
    const one = await open()
    const other = await open()
    receive(`${one}84000103`)
    expect(await answers()).toEqual([`${one}84`])
    receive(`${other}810001aa`)
    receive(`${one}810001aa`)
    expect(await answers()).toEqual([`${other}bf000106`, `${one}810001aa`])
    receive(`${other}84000101`)
    expect(await answers()).toEqual([`${other}bf000106`])
    await clock.sleep(3000)
    receive(`${other}810001aa`)
    expect(await answers()).toEqual([`${other}810001aa`])
    expect(device.received.lock).toBe(1)
  })

  test('ends with 0 seconds, and with the power', async () => {
    const { open, receive, answers, device } = setUp()
    const one = await open()
    const other = await open()
    receive(`${one}8400010a`)
    await answers()
    receive(`${one}84000100`)
    await answers()
    receive(`${other}810001aa`)
    expect(await answers()).toEqual([`${other}810001aa`])
    receive(`${one}8400010a`)
    await answers()
    device.unplug()
    const third = await open()
    receive(`${third}810001aa`)
    expect(await answers()).toEqual([`${third}810001aa`])
  })

  test.each([
    ['11 seconds', '8400010b', '02'],
    ['nothing', '840000', '03'],
    ['two bytes', '8400020101', '03'],
  ])('refuses %s', async (_, request, code) => {
    const { open, receive, answers } = setUp()
    const channel = await open()
    receive(channel + request)
    expect(await answers()).toEqual([`${channel}bf0001${code}`])
  })
})

describe('a touch for U2F', () => {
  const register = (channel: string) => {
    const data = '00'.repeat(64)
    const apdu = `00010000000040${data}`
    return [`${channel}830047${apdu.slice(0, 114)}`, `${channel}00${apdu.slice(114)}`]
  }

  function poll(setup: ReturnType<typeof setUp>, channel: string) {
    return async (settle = 0) => {
      for (const report of register(channel)) setup.receive(report)
      const [first = ''] = await setup.answers(settle)
      return first.startsWith(`${channel}8300026985`) ? 'waiting' : first.startsWith(`${channel}83`) ? 'done' : first
    }
  }

  test.each<[TouchBehaviour, string[]]>([
    ['automatic', ['waiting', 'done', 'waiting']],
    ['deny', ['waiting', 'waiting', 'waiting']],
    ['never', ['waiting', 'waiting', 'waiting']],
    [{ afterMilliseconds: 500 }, ['waiting', 'waiting', 'done']],
  ])('%j', async (touch, expected) => {
    const setup = setUp(touch)
    const ask = poll(setup, await setup.open())
    expect([await ask(300), await ask(300), await ask(300)]).toEqual(expected)
  })

  test('by hand: counts once, for a moment, and only while it blinks', async () => {
    const setup = setUp('never')
    const ask = poll(setup, await setup.open())
    setup.device.sensor.touch()
    expect([setup.device.sensor.isAwaited, await ask(), setup.device.sensor.isAwaited]).toEqual([
      false,
      'waiting',
      true,
    ])
    setup.device.sensor.touch()
    expect([await ask(), setup.device.sensor.isAwaited, await ask()]).toEqual(['done', false, 'waiting'])
    setup.device.sensor.touch()
    await setup.clock.sleep(2000)
    expect([setup.device.sensor.isAwaited, await ask()]).toEqual([false, 'waiting'])
  })

  test('is forgotten when the plug is pulled', async () => {
    const setup = setUp('never')
    await poll(setup, await setup.open())()
    setup.device.sensor.touch()
    setup.device.unplug()
    expect(await poll(setup, await setup.open())()).toBe('waiting')
  })
})

describe('waiting for a touch', () => {
  const selection = '9000010b'

  test('KEEPALIVE 2 at once and every 100 ms, then the answer', async () => {
    const { open, receive, answers, device } = setUp('never')
    const channel = await open()
    receive(channel + selection)
    expect(await answers(350)).toEqual(Array(4).fill(`${channel}bb000102`))
    device.sensor.touch()
    expect(await answers()).toEqual([`${channel}900001`])
  })

  test.each<[string, TouchBehaviour, string]>([
    ['a touch', 'automatic', '900001'],
    ['a denial', 'deny', '90000127'],
  ])('%s answers', async (_, touch, answer) => {
    const { open, receive, answers } = setUp(touch)
    const channel = await open()
    receive(channel + selection)
    expect(await answers()).toEqual([`${channel}bb000102`, channel + answer])
  })

  test('nobody touches: it gives up after 30 seconds', async () => {
    const { open, receive, answers } = setUp('never')
    const channel = await open()
    receive(channel + selection)
    expect((await answers(29_990)).at(-1)).toBe(`${channel}bb000102`)
    expect((await answers(100)).at(-1)).toBe(`${channel}9000012f`)
  })

  test('CANCEL ends it with 0x2D; on another channel, or while nothing is awaited, it does nothing', async () => {
    const { open, receive, answers, device } = setUp('never')
    const channel = await open()
    const other = await open()
    receive(`${channel}91`)
    expect(await answers()).toEqual([])
    receive(channel + selection)
    receive(`${other}91`)
    await answers()
    expect(device.sensor.isAwaited).toBe(true)
    receive(`${channel}91`)
    expect(await answers()).toEqual([`${channel}9000012d`])
    expect(device.sensor.isAwaited).toBe(false)
  })

  test('a touch before it blinks counts for nothing', async () => {
    const { open, receive, answers, device } = setUp('never')
    const channel = await open()
    device.sensor.touch()
    receive(channel + selection)
    expect(await answers()).toEqual([`${channel}bb000102`])
  })

  test('unplugged, it says nothing more', async () => {
    const { open, receive, answers, device } = setUp('never')
    const channel = await open()
    receive(channel + selection)
    await answers()
    device.unplug()
    expect(await answers(60_000)).toEqual([])
  })
})
