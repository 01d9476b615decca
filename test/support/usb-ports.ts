import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import {
  type SecurityKeyOptions,
  type SecurityKeySimulator,
  startSecurityKey,
} from '../../src/simulators/security-key/index.ts'
import { freshHome } from './hufu.ts'

/** A software key with the name of a product. */
export interface UsbKey extends SecurityKeySimulator {
  readonly name: string
}

/** The USB ports of a machine, which hufu sees instead of the real ones. */
export class UsbPorts {
  private readonly file = join(freshHome(), 'usb-ports.json')
  private readonly plugged: { path: string; product: string; port: number; closed?: true }[] = []
  private readonly keys: UsbKey[] = []
  private made = 0

  constructor() {
    this.write()
  }

  /** What makes hufu look here for its keys. */
  get env(): Record<string, string> {
    const preload = new URL('usb-ports.cjs', import.meta.url).pathname
    return { NODE_OPTIONS: `--require=${preload}`, USB_PORTS: this.file }
  }

  /** A key that is not plugged in yet, and which nobody touches. */
  async key(name: string, options: Partial<SecurityKeyOptions> = {}): Promise<UsbKey> {
    const started = await startSecurityKey({ clock: systemClock, random: systemRandom, touch: 'never', ...options })
    const key = Object.assign(started, { name })
    this.keys.push(key)
    return key
  }

  plugIn(...keys: UsbKey[]): void {
    for (const { name, port } of keys) this.plugged.push({ path: `/dev/hidraw${this.made++}`, product: name, port })
    this.write()
  }

  /** A key that this user may not open. */
  plugInClosed(name: string): void {
    this.plugged.push({ path: `/dev/hidraw${this.made++}`, product: name, port: 0, closed: true })
    this.write()
  }

  pullOut(key: UsbKey): void {
    const at = this.plugged.findIndex(({ port }) => port === key.port)
    if (at >= 0) this.plugged.splice(at, 1)
    this.write()
    key.powerCycle()
  }

  /** Pulls out and throws away every key. */
  async clear(): Promise<void> {
    this.plugged.length = 0
    this.write()
    for (const key of this.keys.splice(0)) await key.close()
  }

  private write(): void {
    writeFileSync(`${this.file}.new`, JSON.stringify(this.plugged))
    renameSync(`${this.file}.new`, this.file)
  }
}
