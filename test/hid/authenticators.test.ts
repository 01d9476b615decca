import { describe, expect, test } from 'vitest'
import { CtapError, type HidTransport, openAuthenticators } from '../../src/hid/index.ts'
import { touchNotice } from '../../src/hid/touch-notice.ts'
import { SecurityKeyDevice, SoftwareAuthenticator } from '../../src/simulators/security-key/index.ts'
import { registration } from '../support/ceremony.ts'
import { connectedTo, MemoryDevice, MemoryTransport } from '../support/memory-device.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function setUp(device?: string) {
  const clock = new VirtualClock()
  const random = seededRandom('authenticators')
  const transport = new MemoryTransport()
  const source = openAuthenticators({ clock, random, transport, device })
  const plugIn = (path: string) => {
    const key = new SecurityKeyDevice(new SoftwareAuthenticator({ random }), { clock, random })
    const memory = connectedTo(clock, key, path)
    transport.devices.push(memory)
    return memory
  }
  return { clock, random, transport, source, plugIn }
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    error => (error instanceof CtapError ? error.code : error),
  )

describe('choosing', () => {
  test('gives all keys that are plugged in', async () => {
    const { source, plugIn } = setUp()
    plugIn('/dev/hidraw0')
    plugIn('/dev/hidraw1')
    expect((await source.list()).map(key => key.path)).toEqual(['/dev/hidraw0', '/dev/hidraw1'])
  })

  test('is nothing where whoever made the source has ended it', async () => {
    const { clock, random, transport } = setUp()
    const source = openAuthenticators({ clock, random, transport, signal: AbortSignal.abort() })
    expect(await codeOf(source.list())).toBe('key_cancelled')
  })

  test('gives the named one alone', async () => {
    const { source, plugIn } = setUp('/dev/hidraw1')
    const other = plugIn('/dev/hidraw0')
    expect(await source.list()).toEqual([])
    plugIn('/dev/hidraw1')
    expect((await source.list()).map(key => key.path)).toEqual(['/dev/hidraw1'])
    expect(other.written).toEqual([])
  })

  test('one that cannot be used does not stand in the way of another', async () => {
    const { source, plugIn, transport, clock } = setUp()
    const mute = new MemoryDevice(clock, () => {})
    transport.devices.push(mute)
    plugIn('/dev/hidraw1')
    expect((await source.list()).map(key => key.path)).toEqual(['/dev/hidraw1'])
    expect(mute.closeCount).toBe(1)
  })

  test('where none can be used, says why', async () => {
    const { source, transport, clock } = setUp()
    transport.devices.push(new MemoryDevice(clock, () => {}))
    expect(await codeOf(source.list())).toBe('key_silent')
    const { clock: time, random } = setUp()
    const denied = new CtapError('key_no_permission', 'no', { udevRule: 'KERNEL==…' })
    const listing = { path: '/dev/hidraw0', product: 'Key', open: () => Promise.reject(denied) }
    const locked: HidTransport = { list: async () => [listing] }
    await expect(openAuthenticators({ clock: time, random, transport: locked }).list()).rejects.toBe(denied)
  })

  test('a key without CTAP2 is not supported, and is closed', async () => {
    const { source, transport, clock } = setUp()
    const u2f = new MemoryDevice(clock, (report, push) => {
      const answer = report.slice()
      answer[6] = 17
      answer.set([1, 2, 3, 4, 2, 0, 0, 0, 0], 15)
      push(answer)
    })
    transport.devices.push(u2f)
    expect([await codeOf(source.list()), u2f.closeCount]).toEqual(['key_unsupported', 1])
  })

  test.each([
    'udp:',
    'udp:host',
    'udp:host:0',
    'udp:host:65536',
    'udp:host:1:0',
    'udp:a b:1',
    'udp:host:1:2:3',
    'udp:::1:8111',
  ])('refuses %j', device => {
    const { clock, random } = setUp()
    expect(() => openAuthenticators({ clock, random, device })).toThrow(
      expect.objectContaining({ code: 'key_device_invalid' }),
    )
  })
})

describe('closing', () => {
  test('the source closes every key that it opened', async () => {
    const { source, plugIn } = setUp()
    const devices = [plugIn('/dev/hidraw0'), plugIn('/dev/hidraw1')]
    await source.list()
    await source.close()
    expect(devices.map(device => device.closeCount)).toEqual([1, 1])
  })

  test('an aborted listing leaves no key open', async () => {
    const { source, plugIn, transport } = setUp()
    const device = plugIn('/dev/hidraw0')
    const abort = new AbortController()
    transport.onList = () => abort.abort()
    expect([await codeOf(source.list(abort.signal)), device.closeCount]).toEqual(['key_cancelled', 1])
  })

  test('a listing that is aborted when one of its keys is open already closes that one', async () => {
    const { source, plugIn, transport, clock } = setUp()
    const abort = new AbortController()
    const ready = plugIn('/dev/hidraw0')
    transport.devices.push(new MemoryDevice(clock, () => void clock.sleep(1000).then(() => abort.abort())))
    expect([await codeOf(source.list(abort.signal)), ready.closeCount]).toEqual(['key_cancelled', 1])
  })

  test('a key pulled out during a ceremony fails it', async () => {
    const { clock, random, transport, source } = setUp()
    const authenticator = new SoftwareAuthenticator({ random })
    const key = new SecurityKeyDevice(authenticator, { clock, random, touch: 'never' })
    const device = connectedTo(clock, key)
    transport.devices.push(device)
    const [opened] = await source.list()
    const request = opened?.makeCredential(registration(), { onTouchNeeded: () => device.unplug() })
    expect(await codeOf(Promise.resolve(request))).toBe('key_unplugged')
    expect(authenticator.credentials.size).toBe(0)
  })
})

describe('noticing that a touch is needed', () => {
  test.each<[string, [number, number][], number[]]>([
    [
      'at once when the key says so',
      [
        [0, 2],
        [100, 2],
      ],
      [0],
    ],
    [
      'when the key begins to say so',
      [
        [0, 1],
        [100, 1],
        [200, 2],
      ],
      [200],
    ],
    [
      'when processing takes half a second',
      [
        [0, 1],
        [499, 1],
        [500, 1],
        [600, 1],
        [700, 2],
      ],
      [500],
    ],
    [
      'not while processing is short',
      [
        [0, 1],
        [100, 1],
      ],
      [],
    ],
  ])('%s', async (_, keepalives, expected) => {
    const clock = new VirtualClock(0)
    const notices: number[] = []
    const listen = touchNotice(clock, () => notices.push(clock.now()))
    for (const [time, status] of keepalives) {
      await clock.sleep(time - clock.now())
      listen(status)
    }
    expect(notices).toEqual(expected)
  })
})
