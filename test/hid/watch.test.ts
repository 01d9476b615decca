import { describe, expect, test } from 'vitest'
import type { HidDeviceListing } from '../../src/hid/device.ts'
import {
  type Arrivals,
  type Authenticator,
  CtapError,
  type HidTransport,
  openAuthenticators,
} from '../../src/hid/index.ts'
import { SecurityKeyDevice, SoftwareAuthenticator } from '../../src/simulators/security-key/index.ts'
import { connectedTo, MemoryDevice } from '../support/memory-device.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const noPermission = new CtapError('key_no_permission', 'no')

/** A port whose devices a test plugs in, pulls out and locks. */
class Hub implements HidTransport {
  readonly clock = new VirtualClock()
  readonly random = seededRandom('watch')
  readonly listings = new Map<string, HidDeviceListing>()
  readonly opens: string[] = []
  looks = 0
  beforeLook: (look: number) => void | Promise<void> = () => {}

  async list(): Promise<HidDeviceListing[]> {
    await this.beforeLook(++this.looks)
    return [...this.listings.values()]
  }

  add(path: string, open: () => Promise<MemoryDevice>): void {
    const counted = () => {
      this.opens.push(path)
      return open()
    }
    this.listings.set(path, { path, product: 'Memory Key', open: counted })
  }

  plugIn(path: string): MemoryDevice {
    const key = new SecurityKeyDevice(new SoftwareAuthenticator({ random: this.random }), {
      clock: this.clock,
      random: this.random,
    })
    const device = connectedTo(this.clock, key, path)
    this.add(path, async () => device)
    return device
  }

  plugInSilent(path: string): MemoryDevice {
    const device = new MemoryDevice(this.clock, () => {}, path)
    this.add(path, async () => device)
    return device
  }

  /** The paths of the keys that came, and the codes of those that can't be used; ends when `until` says so. */
  async watch(until: (seen: readonly string[], clock: VirtualClock) => boolean, device?: string) {
    const seen: string[] = []
    const keys: Authenticator[] = []
    const source = openAuthenticators({ clock: this.clock, random: this.random, transport: this, device })
    const abort = new AbortController()
    const note = (what: string) => {
      seen.push(what)
      if (until(seen, this.clock)) abort.abort()
    }
    const arrivals: Arrivals = {
      onKey: key => {
        keys.push(key)
        note(key.path)
      },
      onUnusable: (error, name) => note(`${name}: ${error.code}`),
      onNone: () => note('none'),
    }
    const before = this.beforeLook
    this.beforeLook = async look => {
      if (until(seen, this.clock)) abort.abort()
      await before(look)
    }
    await source.watch(arrivals, abort.signal)
    return { seen, keys, source }
  }
}

const first = '/dev/hidraw0'
const second = '/dev/hidraw1'
const count = (wanted: number) => (seen: readonly string[]) => seen.length >= wanted
/** Ends at a look, whatever has been seen. */
const atLook = (hub: Hub, look: number) => () => hub.looks >= look

describe('a watch', () => {
  test('tells of each key that is there, and that comes', async () => {
    const hub = new Hub()
    hub.plugIn(first)
    hub.beforeLook = look => void (look === 3 && hub.plugIn(second))
    const begun = hub.clock.now()
    const { seen } = await hub.watch(count(2))
    expect(seen).toEqual([first, second])
    expect(hub.clock.now() - begun).toBe(500)
  })

  test('tells once that there is none', async () => {
    const hub = new Hub()
    hub.beforeLook = look => void (look === 4 && hub.plugIn(first))
    expect((await hub.watch(count(2))).seen).toEqual(['none', first])
  })

  test('says nothing of none when the one that is there cannot be used', async () => {
    const hub = new Hub()
    hub.plugInSilent(first)
    expect((await hub.watch(() => hub.looks >= 40)).seen).toEqual(['Memory Key: key_silent'])
  })

  test('a silent key does not delay another, and is closed', async () => {
    const hub = new Hub()
    const silent = hub.plugInSilent(first)
    hub.plugIn(second)
    const begun = hub.clock.now()
    const { seen, source } = await hub.watch(count(1))
    await source.close()
    expect([seen, hub.clock.now() - begun < 5000, silent.closeCount]).toEqual([[second], true, 1])
  })

  test('a listing that hangs does not delay the keys that are there, nor the end', async () => {
    const hub = new Hub()
    hub.plugIn(first)
    hub.beforeLook = look => (look > 1 ? new Promise<void>(() => {}) : undefined)
    expect((await hub.watch(count(1))).seen).toEqual([first])
  })

  test('a key that is pulled out and plugged in again comes again', async () => {
    const hub = new Hub()
    const device = hub.plugIn(first)
    hub.beforeLook = look => {
      if (look === 2) {
        device.unplug()
        hub.listings.clear()
      }
      if (look === 4) hub.plugIn(first)
    }
    const { seen, keys } = await hub.watch(count(2))
    expect(seen).toEqual([first, first])
    await expect(keys[0]?.ping(Uint8Array.of(1))).rejects.toMatchObject({ code: 'key_unplugged' })
    await keys[1]?.ping(Uint8Array.of(1))
  })

  test('between two looks, too, when its use shows it', async () => {
    const hub = new Hub()
    const device = hub.plugIn(first)
    const codes: string[] = []
    const abort = new AbortController()
    const source = openAuthenticators({ clock: hub.clock, random: hub.random, transport: hub })
    let came = 0
    const onKey = (key: Authenticator) => {
      if (++came === 2) return abort.abort()
      device.unplug()
      hub.plugIn(first)
      key.ping(Uint8Array.of(1)).catch(error => codes.push(error.code))
    }
    await source.watch({ onKey, onUnusable: error => codes.push(error.code) }, abort.signal)
    expect([came, codes]).toEqual([2, ['key_unplugged']])
  })

  test('a key that its user closes does not come again, though its use fails then', async () => {
    const hub = new Hub()
    const device = hub.plugIn(first)
    const source = openAuthenticators({ clock: hub.clock, random: hub.random, transport: hub })
    const abort = new AbortController()
    hub.beforeLook = look => void (look === 10 && abort.abort())
    const codes: string[] = []
    let came = 0
    const onKey = async (key: Authenticator) => {
      came++
      await key.close()
      device.unplug()
      hub.plugIn(first)
      await key.ping(Uint8Array.of(1)).catch(error => codes.push(error.code))
    }
    await source.watch({ onKey: key => void onKey(key), onUnusable: error => codes.push(error.code) }, abort.signal)
    expect([came, codes]).toEqual([1, ['key_unplugged']])
  })

  test('one that has gone before it is open is tried again', async () => {
    const hub = new Hub()
    hub.plugIn(first).unplug()
    hub.beforeLook = look => void (look === 3 && hub.plugIn(first))
    expect((await hub.watch(count(2))).seen).toEqual(['none', first])
  })
})

describe('a key that cannot be used', () => {
  test('is told of once, and tried anew when it is plugged in anew', async () => {
    const hub = new Hub()
    const refuse = async () => {
      throw new CtapError('key_unsupported', 'no')
    }
    hub.add(first, refuse)
    hub.beforeLook = look => {
      if (look === 5) hub.listings.clear()
      if (look === 7) hub.add(first, refuse)
    }
    expect((await hub.watch(atLook(hub, 12))).seen).toEqual([
      'Memory Key: key_unsupported',
      'Memory Key: key_unsupported',
    ])
    expect(hub.opens).toHaveLength(2)
  })

  test('for want of permission, comes when it is granted', async () => {
    const hub = new Hub()
    hub.add(first, () => Promise.reject(noPermission))
    hub.beforeLook = look => void (look === 6 && hub.plugIn(first))
    expect((await hub.watch(count(2))).seen).toEqual(['Memory Key: key_no_permission', first])
  })

  test('is not told of for want of permission while the system may still grant it', async () => {
    const hub = new Hub()
    hub.beforeLook = look => {
      if (look === 2) hub.add(first, () => Promise.reject(noPermission))
      if (look === 4) hub.plugIn(first)
    }
    expect((await hub.watch(count(2))).seen).toEqual(['none', first])
    const never = new Hub()
    never.beforeLook = look => void (look === 2 && never.add(first, () => Promise.reject(noPermission)))
    expect((await never.watch(atLook(never, 20))).seen).toEqual(['none', 'Memory Key: key_no_permission'])
  })
})

describe('a watch ends', () => {
  test('at once when it is aborted before', async () => {
    const hub = new Hub()
    const source = openAuthenticators({ clock: hub.clock, random: hub.random, transport: hub })
    await source.watch({ onKey: () => {}, onUnusable: () => {} }, AbortSignal.abort())
    expect(hub.looks).toBe(0)
  })

  test('when the source is closed, and leaves no key open', async () => {
    const hub = new Hub()
    const open = hub.plugIn(first)
    const opening = hub.plugInSilent(second)
    const source = openAuthenticators({ clock: hub.clock, random: hub.random, transport: hub })
    const arrivals = { onKey: () => void source.close(), onUnusable: () => {} }
    await source.watch(arrivals, new AbortController().signal)
    await source.close()
    expect([open.closeCount, opening.closeCount]).toEqual([1, 1])
  })

  test('when the named key is not there', async () => {
    const hub = new Hub()
    hub.plugIn(first)
    await expect(hub.watch(() => false, second)).rejects.toMatchObject({ code: 'key_not_found' })
    expect((await hub.watch(count(1), first)).seen).toEqual([first])
  })

  test('when there is no way to list keys; later that is no reason', async () => {
    const hub = new Hub()
    const unavailable = new CtapError('key_hid_unavailable', 'no')
    hub.beforeLook = () => Promise.reject(unavailable)
    await expect(hub.watch(() => false)).rejects.toBe(unavailable)
    const later = new Hub()
    later.beforeLook = async look => {
      if (look === 2) throw unavailable
      if (look === 3) later.plugIn(first)
    }
    expect((await later.watch(count(2))).seen).toEqual(['none', first])
  })

  test('with the error of whoever listens', async () => {
    const hub = new Hub()
    hub.plugIn(first)
    const source = openAuthenticators({ clock: hub.clock, random: hub.random, transport: hub })
    const bug = new Error('a bug')
    const arrivals = {
      onKey: () => {
        throw bug
      },
      onUnusable: () => {},
    }
    await expect(source.watch(arrivals, new AbortController().signal)).rejects.toBe(bug)
  })
})

test('what is present is not opened', async () => {
  const hub = new Hub()
  hub.plugIn(first)
  hub.plugIn(second)
  const present = (device?: string) =>
    openAuthenticators({ clock: hub.clock, random: hub.random, transport: hub, device }).present()
  expect(await present()).toEqual([
    { path: first, name: 'Memory Key' },
    { path: second, name: 'Memory Key' },
  ])
  expect(await present(second)).toEqual([{ path: second, name: 'Memory Key' }])
  expect(hub.opens).toEqual([])
})
