import type { Device, HIDAsync } from 'node-hid'
import type { Clock } from '../../lib/clock.ts'
import { printable } from '../../lib/printable.ts'
import { type HidDevice, type HidDeviceListing, type HidTransport, reportLength } from '../device.ts'
import { CtapError } from '../errors.ts'

/** What is needed of the package node-hid. */
export interface NodeHid {
  devicesAsync(): Promise<Device[]>
  readonly HIDAsync: { open(path: string, options: { readonly nonExclusive: boolean }): Promise<NodeHidHandle> }
}
export type NodeHidHandle = Pick<HIDAsync, 'read' | 'write' | 'close'>

/** FIDO's usage page in the USB HID usage tables (CTAP 2.1 section 11.2.8.1). */
const fidoUsagePage = 0xf1d0
const longestName = 64
/** Operations on a handle queue behind each other: a report to write waits for the read in hand, so that one is short. */
const readSlice = 20
/** A handle that will not close must not keep the program, in milliseconds. */
const closePatience = 1_000

const hex4 = (value: number) => value.toString(16).padStart(4, '0')

/** A product's name as a terminal may show it: no control characters, at most 64 characters. */
export function productName(device: Pick<Device, 'product' | 'vendorId' | 'productId'>): string {
  const name = [...printable(device.product ?? '').trim()].slice(0, longestName).join('')
  return name || `security key ${hex4(device.vendorId)}:${hex4(device.productId)}`
}

/**
 * The udev rule that lets whoever sits at the machine, and members of `plugdev` who do not, open security keys of any
 * make. systemd's 60-fido-id.rules tell them by their HID descriptor; the file with this line has to come after that
 * one and before 73-seat-late.rules.
 */
export const udevRule =
  'KERNEL=="hidraw*", SUBSYSTEM=="hidraw", ENV{ID_SECURITY_TOKEN}=="1", MODE="0660", GROUP="plugdev", TAG+="uaccess"'

class NodeHidDevice implements HidDevice {
  readonly path: string
  readonly product: string
  private readonly handle: NodeHidHandle
  private readonly clock: Clock
  private readonly platform: NodeJS.Platform
  private closing: Promise<void> | undefined

  constructor(listing: Pick<HidDevice, 'path' | 'product'>, handle: NodeHidHandle, { clock, platform }: Host) {
    this.path = listing.path
    this.product = listing.product
    this.handle = handle
    this.clock = clock
    this.platform = platform
  }

  async write(report: Uint8Array): Promise<void> {
    const withId = Buffer.alloc(1 + reportLength)
    withId.set(report, 1)
    await this.whilePlugged(() => this.handle.write(withId))
  }

  async read(milliseconds: number): Promise<Uint8Array | undefined> {
    const end = this.clock.now() + milliseconds
    for (let left = milliseconds; left > 0; left = end - this.clock.now()) {
      const report = await this.whilePlugged(() => this.readSlice(Math.ceil(Math.min(readSlice, left))))
      if (report && report.length > 0) return new Uint8Array(report)
    }
    return undefined
  }

  /** A signal to this process may cut a read short: that is no unplugging. */
  private readSlice(milliseconds: number): Promise<Buffer | undefined> {
    return this.handle.read(milliseconds).catch(error => {
      if (/interrupted system call/i.test(textOf(error))) return undefined
      throw error
    })
  }

  close(): Promise<void> {
    this.closing ??= this.closeOrLeave()
    return this.closing
  }

  private async closeOrLeave(): Promise<void> {
    const closed = new AbortController()
    const leave = this.clock.sleep(closePatience, closed.signal)
    await Promise.race([this.handle.close(), leave]).catch(() => undefined)
    closed.abort()
    await leave.catch(() => undefined)
  }

  private async whilePlugged<T>(use: () => Promise<T>): Promise<T> {
    try {
      return await use()
    } catch (error) {
      // Windows may open a key for anybody, and then let only administrators write to it.
      if (this.platform === 'win32' && accessDenied.win32.test(textOf(error))) {
        throw needsAdministrator(this.product, error)
      }
      throw unplugged(this.product, error)
    }
  }
}

interface Host {
  readonly clock: Clock
  readonly platform: NodeJS.Platform
}

// Of a system's reasons, the package gives the text alone; on Windows, that is in the person's language but for the
// number. The numbers on macOS are those of IOReturn.
const accessDenied = {
  win32: /0x00000005\b/,
  darwin: /0xE00002(?:C1|E2)\b/i,
  others: /permission denied|access denied|operation not permitted/i,
}
const inUse = { win32: /0x00000020\b/, darwin: /0xE00002(?:C5|D5)\b/i, others: /device or resource busy/i }
/** File, path, device: not found; device not connected. */
const goneOnWindows = /0x(?:00000002|00000003|00000037|0000048F)\b/i

const reasonsOf = <T>(reasons: { win32: T; darwin: T; others: T }, platform: NodeJS.Platform): T =>
  platform === 'win32' || platform === 'darwin' ? reasons[platform] : reasons.others

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const unplugged = (product: string, cause: unknown) =>
  new CtapError('key_unplugged', `${product} is no longer plugged in`, { device: product }, { cause })

const needsAdministrator = (product: string, cause: unknown) =>
  new CtapError(
    'key_needs_administrator',
    `Windows lets only administrators use ${product}`,
    { device: product },
    { cause },
  )

function hidUnavailable(cause: unknown): CtapError {
  const [missingLibrary] = /\blib[\w.-]+\.so[\d.]*/.exec(textOf(cause)) ?? []
  const message = `cannot list HID devices${missingLibrary ? `: ${missingLibrary} is missing` : ''}`
  return new CtapError('key_hid_unavailable', message, missingLibrary ? { missingLibrary } : {}, { cause })
}

function openFailure(product: string, platform: NodeJS.Platform, cause: unknown): CtapError {
  const text = textOf(cause)
  if (reasonsOf(inUse, platform).test(text)) {
    return new CtapError('key_busy', `another program uses ${product}`, { device: product }, { cause })
  }
  if (platform === 'win32') {
    return goneOnWindows.test(text) ? unplugged(product, cause) : needsAdministrator(product, cause)
  }
  if (reasonsOf(accessDenied, platform).test(text)) {
    const details = { device: product, ...(platform === 'linux' ? { udevRule } : {}) }
    return new CtapError('key_no_permission', `no permission to open ${product}`, details, { cause })
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
        // A key serves several programs at once, each on a channel of its own.
        const handle = await nodeHid.HIDAsync.open(path, { nonExclusive: true }).catch(error => {
          throw openFailure(product, platform, error)
        })
        return new NodeHidDevice({ path, product }, handle, { clock, platform })
      }
      byPath.set(path, { path, product, open })
    }
    return [...byPath.values()]
  }

  return { list }
}
