import { describe, expect, test } from 'vitest'
import {
  type NodeHid,
  type NodeHidHandle,
  nodeHidTransport,
  productName,
  udevRule,
} from '../../../src/hid/transports/node-hid.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const fido = {
  vendorId: 0x1050,
  productId: 0x407,
  path: '/dev/hidraw3',
  product: 'Key\u001b[2J \u202eOTP\n+FIDO',
  release: 1,
  interface: 1,
  usagePage: 0xf1d0,
}
const keyboard = { ...fido, path: '/dev/hidraw2', usagePage: 1 }

/** What is needed of node-hid, with a handle that answers from a list. */
interface Behaviour {
  open?: Error
  reads?: (Buffer | Error)[]
  write?: Error
  close?: 'hangs' | Error
  platform?: NodeJS.Platform
  load?: Error
}

function setUp(options: Behaviour = {}) {
  const clock = new VirtualClock()
  const opened: unknown[] = []
  const written: number[][] = []
  const slices: (number | undefined)[] = []
  let closed = 0
  const handle: NodeHidHandle = {
    async read(timeout) {
      slices.push(timeout)
      const next = options.reads?.shift()
      if (next instanceof Error) throw next
      if (!next) await clock.sleep(timeout ?? 0)
      return next ?? Buffer.alloc(0)
    },
    async write(values) {
      if (options.write) throw options.write
      written.push([...values])
      return values.length
    },
    async close() {
      closed++
      if (options.close instanceof Error) throw options.close
      if (options.close === 'hangs') await new Promise<void>(() => {})
    },
  }
  const open: NodeHid['HIDAsync']['open'] = async (...parameters) => {
    opened.push(parameters)
    if (options.open) throw options.open
    return handle
  }
  const nodeHid: NodeHid = { devicesAsync: async () => [keyboard, fido, fido], HIDAsync: { open } }
  const load = async () => {
    if (options.load) throw options.load
    return nodeHid
  }
  const transport = nodeHidTransport(clock, load, options.platform ?? 'linux')
  const first = async () => {
    const [listing] = await transport.list()
    if (!listing) throw new Error('nothing listed')
    return listing.open()
  }
  return { transport, first, written, slices, opened, closed: () => closed }
}

describe('listing', () => {
  test('shows FIDO devices only, each once, their names fit for a terminal', async () => {
    const listed = await setUp().transport.list()
    expect(listed.map(({ path, product }) => ({ path, product }))).toEqual([
      { path: '/dev/hidraw3', product: 'Key OTP +FIDO' },
    ])
  })

  test('names a key that has no name, or nothing but control characters, by its numbers', () => {
    expect(productName({ ...fido, product: undefined })).toBe('security key 1050:0407')
    expect(productName({ ...fido, product: '\u0007\u202e' })).toBe('security key 1050:0407')
    expect([...productName({ ...fido, product: '\u{1f511}'.repeat(100) })]).toHaveLength(64)
  })

  test('says when the system has no way to HID', async () => {
    const failure = new Error('libusb-1.0.so.0: cannot open shared object file')
    await expect(setUp({ load: failure }).transport.list()).rejects.toMatchObject({
      code: 'key_hid_unavailable',
      details: { missingLibrary: 'libusb-1.0.so.0' },
      cause: failure,
    })
  })

  test('the real package lists what there is, or says which library the system lacks', async () => {
    const outcome = await nodeHidTransport(new VirtualClock())
      .list()
      .catch(error => error)
    if (Array.isArray(outcome)) return
    expect(outcome).toMatchObject({
      code: 'key_hid_unavailable',
      details: { missingLibrary: expect.stringMatching(/^lib/) },
    })
  })
})

describe('opening', () => {
  test('shares the key with other programs', async () => {
    const { first, opened } = setUp({ platform: 'darwin' })
    await first()
    expect(opened).toEqual([['/dev/hidraw3', { nonExclusive: true }]])
  })

  test('without permission, names the udev rule for keys of any make', async () => {
    const { first } = setUp({ open: new Error('cannot open device with path /dev/hidraw3: Permission denied') })
    await expect(first()).rejects.toMatchObject({
      code: 'key_no_permission',
      details: { device: 'Key OTP +FIDO', udevRule },
    })
    expect(udevRule).toBe(
      'KERNEL=="hidraw*", SUBSYSTEM=="hidraw", ENV{ID_SECURITY_TOKEN}=="1", MODE="0660", GROUP="plugdev", ' +
        'TAG+="uaccess"',
    )
  })

  test('without permission on a Mac, names no udev rule', async () => {
    const { first } = setUp({
      open: new Error('failed to open IOHIDDevice: (0xE00002E2) not permitted'),
      platform: 'darwin',
    })
    const error = await first().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'key_no_permission', details: { device: 'Key OTP +FIDO' } })
    expect(error).not.toHaveProperty('details.udevRule')
  })

  test.each<[NodeJS.Platform, string, string]>([
    ['linux', "Failed to open a device with path '/dev/hidraw3': Device or resource busy", 'key_busy'],
    ['linux', "Failed to open a device with path '/dev/hidraw3': No such file or directory", 'key_unplugged'],
    ['linux', "Failed to open a device with path '/dev/hidraw3': No such device", 'key_unplugged'],
    ['darwin', 'failed to open IOHIDDevice from mach entry: (0xE00002C5) (iokit/common) exclusive access', 'key_busy'],
    [
      'darwin',
      'failed to open IOHIDDevice from mach entry: (0xE00002C1) (iokit/common) privileges',
      'key_no_permission',
    ],
    ['darwin', 'hid_open_path: device mach entry not found with the given path', 'key_unplugged'],
    ['win32', 'open_device: (0x00000005) Zugriff verweigert', 'key_needs_administrator'],
    ['win32', 'open_device: (0x00000020) Der Prozess kann nicht zugreifen', 'key_busy'],
    ['win32', 'open_device: (0x00000002) Das System kann die Datei nicht finden', 'key_unplugged'],
    ['win32', 'open_device: (0x0000048F) Das Gerät ist nicht angeschlossen', 'key_unplugged'],
    ['win32', 'cannot open device', 'key_needs_administrator'],
  ])('on %s, %j is %s', async (platform, message, code) => {
    await expect(setUp({ open: new Error(message), platform }).first()).rejects.toMatchObject({ code })
  })
})

describe('an open key', () => {
  test('is written 65 bytes: report id 0 and the report', async () => {
    const { first, written } = setUp()
    const device = await first()
    await device.write(new Uint8Array(64).fill(7))
    expect(written).toEqual([[0, ...Array(64).fill(7)]])
  })

  test('is read in slices, so that CANCEL does not wait for a long read', async () => {
    const { first, slices } = setUp({ reads: [] })
    const device = await first()
    expect(await device.read(50)).toBeUndefined()
    expect(slices).toEqual([20, 20, 10])
  })

  test('gives the report', async () => {
    const { first } = setUp({ reads: [Buffer.alloc(0), Buffer.alloc(64, 9)] })
    expect(await (await first()).read(100)).toEqual(new Uint8Array(64).fill(9))
  })

  test('fails when pulled out', async () => {
    const { first } = setUp({ reads: [new Error('could not read data from device')] })
    await expect((await first()).read(100)).rejects.toMatchObject({ code: 'key_unplugged' })
  })

  test('outlives a signal to the process', async () => {
    const { first } = setUp({ reads: [new Error('could not read: Interrupted system call'), Buffer.alloc(64, 9)] })
    expect(await (await first()).read(100)).toEqual(new Uint8Array(64).fill(9))
  })

  test.each<[NodeJS.Platform, string, string]>([
    ['win32', 'WriteFile: (0x00000005) Zugriff verweigert', 'key_needs_administrator'],
    ['win32', 'WriteFile: (0x0000048F) Das Gerät ist nicht angeschlossen', 'key_unplugged'],
    ['linux', 'could not write: Permission denied', 'key_unplugged'],
  ])('on %s, %j at a write is %s', async (platform, message, code) => {
    const device = await setUp({ write: new Error(message), platform }).first()
    await expect(device.write(new Uint8Array(64))).rejects.toMatchObject({ code })
  })

  test.each<['hangs' | Error]>([['hangs'], [new Error('no')]])('that will not close (%s) is left', async close => {
    const device = await setUp({ close }).first()
    await expect(device.close()).resolves.toBeUndefined()
  })

  test('is closed once, however often it is asked', async () => {
    const { first, closed } = setUp()
    const device = await first()
    await Promise.all([device.close(), device.close()])
    expect(closed()).toBe(1)
  })
})
