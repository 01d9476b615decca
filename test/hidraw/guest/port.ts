import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import type { SecurityKeyDevice } from '../../../src/simulators/security-key/index.ts'
import { until as untilUsual } from '../../support/until.ts'
import type { Report } from '../records.ts'

/** How long to wait for anything, in milliseconds: a machine in software on a busy one may take a minute for a second. */
export const patience = 60_000

/** As the `until` of the tests, with more patience. */
export const until: typeof untilUsual = (what, look) => untilUsual(what, look, patience)

/** A key that the kernel knows of. */
export interface PluggedIn {
  /** Its node, such as /dev/hidraw0. */
  readonly path: string
  unplug(): Promise<void>
}

/** What a port plugs in. */
export interface Plug {
  readonly device: SecurityKeyDevice
  readonly product: string
  readonly serial: string
  /** Told every report, in its order. */
  readonly onReport: (direction: Report['direction'], report: Uint8Array) => void
}

/** Where a key is plugged in. */
export type Port = (plug: Plug) => Promise<PluggedIn>

/** A file of sysfs; empty when there is none, or none any more. */
function readProperties(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The hidraw node of the device with this serial number; undefined when there is none. */
function hidrawNode(serial: string): string | undefined {
  const name = readdirSync('/sys/class/hidraw').find(each =>
    readProperties(`/sys/class/hidraw/${each}/device/uevent`).split('\n').includes(`HID_UNIQ=${serial}`),
  )
  return name && `/dev/${name}`
}

/** The driver of what a hidraw node's HID device hangs on: `usbhid` for a USB device, empty for a made-up one. */
export function driverOf(path: string): string {
  const properties = readProperties(`/sys/class/hidraw/${path.replace('/dev/', '')}/device/../uevent`)
  return /^DRIVER=(.*)$/m.exec(properties)?.[1] ?? ''
}

export const hidrawAppeared = (serial: string): Promise<string> =>
  until(`a hidraw node of ${serial}`, () => hidrawNode(serial))

export const hidrawVanished = (serial: string): Promise<true> =>
  until(`the end of the hidraw node of ${serial}`, () => hidrawNode(serial) === undefined || undefined)

/**
 * Gives what can be read from a character device to `take`, `length` bytes at a time. A read of such a device waits in
 * the kernel and cannot be taken back; a process that reads can be ended.
 * @param from an open file, or a path
 * @returns what ends the reading
 */
export function readRecords(
  from: number | string,
  length: number,
  take: (record: Buffer) => void,
): () => Promise<void> {
  const reader =
    typeof from === 'string'
      ? spawn('cat', [from], { stdio: ['ignore', 'pipe', 'inherit'] })
      : spawn('cat', { stdio: [from, 'pipe', 'inherit'] })
  let rest = Buffer.alloc(0)
  reader.stdout?.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= length) {
      take(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  })
  const ended = once(reader, 'close')
  return async () => {
    reader.kill('SIGKILL')
    await ended
  }
}
