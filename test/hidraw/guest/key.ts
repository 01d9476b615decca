import { type Clock, systemClock } from '../../../src/lib/clock.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import {
  type AuthenticatorOptions,
  SecurityKeyDevice,
  SoftwareAuthenticator,
  type TouchBehaviour,
} from '../../../src/simulators/security-key/index.ts'
import type { Report } from '../records.ts'
import { type Plug, type PluggedIn, type Port, until } from './port.ts'

/** What sets a key apart from an ordinary one. */
export type Kind = Pick<AuthenticatorOptions, 'profile' | 'pin'>

/**
 * A key gives up on a message whose packets are half a second apart, and a machine in software may be slower than that:
 * to the key, four seconds are one.
 */
const slowClock: Clock = {
  now: () => systemClock.now() / 4,
  sleep: (milliseconds, signal) => systemClock.sleep(milliseconds * 4, signal),
}

let serials = 0

/** A security key in software, with a plug. What it holds, it keeps while it is out. */
export class Key {
  /** Every report since it was made. */
  readonly reports: Report[] = []
  private readonly port: Port
  private readonly product: string
  private readonly serial = `SN${String(++serials).padStart(4, '0')}`
  private readonly authenticator: SoftwareAuthenticator
  private readonly device: SecurityKeyDevice
  private pluggedIn: PluggedIn | undefined

  constructor(port: Port, product: string, kind: Kind = {}) {
    this.port = port
    this.product = product
    const surroundings = { clock: slowClock, random: systemRandom }
    this.authenticator = new SoftwareAuthenticator({ ...surroundings, ...kind })
    this.device = new SecurityKeyDevice(this.authenticator, { ...surroundings, touch: 'automatic' })
  }

  /** The hidraw node; empty while it is out. */
  get path(): string {
    return this.pluggedIn?.path ?? ''
  }

  /** Nothing happens when it is in. */
  async plugIn(): Promise<void> {
    if (this.pluggedIn) return
    const { port, device, product, serial } = this
    const onReport: Plug['onReport'] = (direction, report) => {
      this.reports.push({ at: Date.now(), direction, hex: Buffer.from(report).toString('hex') })
    }
    this.pluggedIn = await port({ device, product, serial, onReport })
  }

  async unplug(): Promise<void> {
    if (!this.pluggedIn) return
    await this.pluggedIn.unplug()
    this.pluggedIn = undefined
    this.authenticator.powerCycle()
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
}
