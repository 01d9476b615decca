import { describe, expect, test } from 'vitest'
import {
  type NodeHid,
  type NodeHidHandle,
  nodeHidTransport,
  productName,
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
function setUp(options: { open?: Error; reads?: (Buffer | Error)[]; platform?: NodeJS.Platform; load?: Error } = {}) {
  const clock = new VirtualClock()
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
      written.push([...values])
      return values.length
    },
    async close() {
      closed++
    },
  }
  const open = async () => {
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
  return { transport, first, written, slices, closed: () => closed }
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
  test('without permission, names the udev rule', async () => {
    const { first } = setUp({ open: new Error('cannot open device with path /dev/hidraw3: Permission denied') })
    await expect(first()).rejects.toMatchObject({
      code: 'key_no_permission',
      details: {
        device: 'Key OTP +FIDO',
        udevRule:
          'KERNEL=="hidraw*", SUBSYSTEM=="hidraw", ATTRS{idVendor}=="1050", ATTRS{idProduct}=="0407", ' +
          'MODE="0660", GROUP="plugdev", TAG+="uaccess"',
      },
    })
  })

  test('on Windows, says that it takes an administrator', async () => {
    const { first } = setUp({ open: new Error('cannot open device'), platform: 'win32' })
    await expect(first()).rejects.toMatchObject({ code: 'key_needs_administrator' })
  })

  test('a key that has gone is unplugged', async () => {
    const { first } = setUp({ open: new Error('cannot open device with path /dev/hidraw3: No such file') })
    await expect(first()).rejects.toMatchObject({ code: 'key_unplugged' })
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

  test('is closed once, however often it is asked', async () => {
    const { first, closed } = setUp()
    const device = await first()
    await Promise.all([device.close(), device.close()])
    expect(closed()).toBe(1)
  })
})
