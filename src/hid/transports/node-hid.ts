import type { Device, HIDAsync } from 'node-hid'
import type { Clock } from '../../lib/clock.ts'
import { printable } from '../../lib/printable.ts'
import { type HidDevice, type HidDeviceListing, type HidTransport, reportLength } from '../device.ts'
import { CtapError } from '../errors.ts'

/** What is needed of the package node-hid. */
export interface NodeHid {
  devicesAsync(): Promise<Device[]>
  readonly HIDAsync: { open(path: string): Promise<NodeHidHandle> }
}
export type NodeHidHandle = Pick<HIDAsync, 'read' | 'write' | 'close'>

/** FIDO's usage page in the USB HID usage tables (CTAP 2.1 section 11.2.8.1). */
const fidoUsagePage = 0xf1d0
const longestName = 64
/** Operations on a handle queue behind each other: a report to write waits for the read in hand, so that one is short. */
const readSlice = 20

const hex4 = (value: number) => value.toString(16).padStart(4, '0')

/** A product's name as a terminal may show it: no control characters, at most 64 characters. */
export function productName(device: Pick<Device, 'product' | 'vendorId' | 'productId'>): string {
  const name = [...printable(device.product ?? '').trim()].slice(0, longestName).join('')
  return name || `security key ${hex4(device.vendorId)}:${hex4(device.productId)}`
}

/** The udev rule that lets whoever sits at the machine open this model of key. */
export const udevRule = (device: Pick<Device, 'vendorId' | 'productId'>): string =>
  `KERNEL=="hidraw*", SUBSYSTEM=="hidraw", ATTRS{idVendor}=="${hex4(device.vendorId)}", ` +
  `ATTRS{idProduct}=="${hex4(device.productId)}", MODE="0660", GROUP="plugdev", TAG+="uaccess"`

class NodeHidDevice implements HidDevice {
  readonly path: string
  readonly product: string
  private readonly handle: NodeHidHandle
  private readonly clock: Clock
  private closing: Promise<void> | undefined

  constructor(path: string, product: string, handle: NodeHidHandle, clock: Clock) {
    this.path = path
    this.product = product
    this.handle = handle
    this.clock = clock
  }

  async write(report: Uint8Array): Promise<void> {
    const withId = Buffer.alloc(1 + reportLength)
    withId.set(report, 1)
    await this.whilePlugged(() => this.handle.write(withId))
  }

  async read(milliseconds: number): Promise<Uint8Array | undefined> {
    const end = this.clock.now() + milliseconds
    for (let left = milliseconds; left > 0; left = end - this.clock.now()) {
      const report = await this.whilePlugged(() => this.handle.read(Math.ceil(Math.min(readSlice, left))))
      if (report && report.length > 0) return new Uint8Array(report)
    }
    return undefined
  }

  close(): Promise<void> {
    this.closing ??= this.handle.close().catch(() => undefined)
    return this.closing
  }

  private async whilePlugged<T>(use: () => Promise<T>): Promise<T> {
    try {
      return await use()
    } catch (error) {
      throw unplugged(this.product, error)
    }
  }
}

const unplugged = (product: string, cause: unknown) =>
  new CtapError('key_unplugged', `${product} is no longer plugged in`, { device: product }, { cause })

function hidUnavailable(cause: unknown): CtapError {
  const [missingLibrary] = /\blib[\w.-]+\.so[\d.]*/.exec(cause instanceof Error ? cause.message : '') ?? []
  const message = `cannot list HID devices${missingLibrary ? `: ${missingLibrary} is missing` : ''}`
  return new CtapError('key_hid_unavailable', message, missingLibrary ? { missingLibrary } : {}, { cause })
}

function openFailure(device: Device, product: string, platform: NodeJS.Platform, cause: unknown): CtapError {
  const text = cause instanceof Error ? cause.message : String(cause)
  if (platform === 'win32') {
    const message = `Windows lets only administrators open ${product}`
    return new CtapError('key_needs_administrator', message, { device: product }, { cause })
  }
  if (/permission denied|access denied|not permitted|EACCES|EPERM/i.test(text)) {
    const message = `no permission to open ${product}`
    return new CtapError('key_no_permission', message, { device: product, udevRule: udevRule(device) }, { cause })
  }
  return unplugged(product, cause)
}

async function loadNodeHid(): Promise<NodeHid> {
  const { devicesAsync, HIDAsync } = await import('node-hid')
  return { devicesAsync, HIDAsync }
}

/**
 * The keys on USB (and what else the system shows as HID). The package is loaded on the first use: its binary needs
 * libusb and libudev, which a machine without keys may lack.
 */
export function nodeHidTransport(
  clock: Clock,
  load: () => Promise<NodeHid> = loadNodeHid,
  platform: NodeJS.Platform = process.platform,
): HidTransport {
  async function listing(): Promise<{ nodeHid: NodeHid; devices: Device[] }> {
    try {
      const nodeHid = await load()
      return { nodeHid, devices: await nodeHid.devicesAsync() }
    } catch (error) {
      throw hidUnavailable(error)
    }
  }

  async function list(): Promise<HidDeviceListing[]> {
    const { nodeHid, devices } = await listing()
    const byPath = new Map<string, HidDeviceListing>()
    for (const device of devices) {
      const { path } = device
      if (path === undefined || device.usagePage !== fidoUsagePage) continue
      const product = productName(device)
      const open = async () => {
        const handle = await nodeHid.HIDAsync.open(path).catch(error => {
          throw openFailure(device, product, platform, error)
        })
        return new NodeHidDevice(path, product, handle, clock)
      }
      byPath.set(path, { path, product, open })
    }
    return [...byPath.values()]
  }

  return { list }
}
