import { systemClock } from '../../../src/lib/clock.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import {
  SecurityKeyDevice,
  SoftwareAuthenticator,
  type TouchBehaviour,
} from '../../../src/simulators/security-key/index.ts'
import { until } from '../../support/until.ts'
import type { Report } from '../records.ts'
import type { PluggedIn, Port } from './port.ts'

let serials = 0

/** A security key in software, with a plug. What it holds, it keeps while it is out. */
export class Key {
  /** Every report since it was made. */
  readonly reports: Report[] = []
  private readonly port: Port
  private readonly product: string
  private readonly serial = `SN${String(++serials).padStart(4, '0')}`
  private readonly device: SecurityKeyDevice
  private pluggedIn: PluggedIn | undefined

  constructor(port: Port, product: string) {
    this.port = port
    this.product = product
    const authenticator = new SoftwareAuthenticator({ random: systemRandom })
    this.device = new SecurityKeyDevice(authenticator, { clock: systemClock, random: systemRandom, touch: 'automatic' })
  }

  /** The hidraw node; empty while it is out. */
  get path(): string {
    return this.pluggedIn?.path ?? ''
  }

  /** Nothing happens when it is in. */
  async plugIn(): Promise<void> {
    if (this.pluggedIn) return
    const { port, device, product, serial } = this
    this.pluggedIn = await port({ device, product, serial, onReport: report => this.reports.push(report) })
  }

  async unplug(): Promise<void> {
    await this.pluggedIn?.unplug()
    this.pluggedIn = undefined
  }

  /** What the person does when it blinks next, and from then on. */
  set touch(behaviour: TouchBehaviour) {
    this.device.sensor.behaviour = behaviour
  }

  /** A finger on it, as soon as it blinks. */
  async touchOnceItBlinks(): Promise<void> {
    await this.blinks()
    this.device.sensor.touch()
  }

  blinks(): Promise<true> {
    return until('the blinking of the key', () => this.device.sensor.isAwaited || undefined)
  }

  /** How often CANCEL came. */
  get cancellations(): number {
    return this.device.received.cancel ?? 0
  }
}
