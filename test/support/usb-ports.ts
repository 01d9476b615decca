import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshHome } from './hufu.ts'

/** What is plugged into a USB port: a software key at a UDP port of this machine, or one that may not be opened. */
export interface PluggedIn {
  readonly path: string
  readonly product: string
  readonly udpPort?: number
  readonly denied?: true
}

/** The USB ports of a machine that hufu believes to run on. Nothing is plugged in at first. */
export interface UsbPorts {
  /** What hufu needs in its environment to see them. */
  readonly env: Readonly<Record<string, string>>
  /** Pulls out whatever is there, and plugs these in. */
  plugIn(...keys: PluggedIn[]): void
}

const preloaded = new URL('usb-ports.cjs', import.meta.url).pathname

export function usbPorts(): UsbPorts {
  const file = join(freshHome(), 'usb-ports.json')
  const plugIn = (...keys: PluggedIn[]) => {
    const ports = keys.map(key => ({ vendorId: 0x1050, productId: 0x0407, ...key }))
    writeFileSync(`${file}.new`, JSON.stringify(ports))
    renameSync(`${file}.new`, file)
  }
  plugIn()
  return { env: { NODE_OPTIONS: `--require=${preloaded}`, USB_PORTS: file }, plugIn }
}
