import type { HidDevice, HidTransport } from '../../src/hid/device.ts'
import { CtapError } from '../../src/hid/errors.ts'
import { ReportQueue } from '../../src/hid/report-queue.ts'
import type { Clock } from '../../src/lib/clock.ts'
import type { SecurityKeyDevice } from '../../src/simulators/security-key/index.ts'

/** What answers a report: pushes any number of reports, now or later. */
export type Responder = (report: Uint8Array, push: (report: Uint8Array) => void) => void

/** A device without a wire. */
export class MemoryDevice implements HidDevice {
  readonly path: string
  readonly product: string
  readonly written: Uint8Array[] = []
  closeCount = 0
  private readonly queue: ReportQueue
  private readonly responder: Responder
  private isPlugged = true

  constructor(clock: Clock, responder: Responder, path = '/dev/hidraw7', product = 'Memory Key') {
    this.queue = new ReportQueue(clock)
    this.responder = responder
    this.path = path
    this.product = product
  }

  async write(report: Uint8Array): Promise<void> {
    if (!this.isPlugged) throw this.gone()
    this.written.push(report.slice())
    this.responder(report.slice(), answer => this.push(answer))
  }

  read(milliseconds: number): Promise<Uint8Array | undefined> {
    return this.queue.next(milliseconds)
  }

  async close(): Promise<void> {
    this.closeCount++
  }

  push(report: Uint8Array): void {
    if (this.isPlugged) this.queue.push(report)
  }

  unplug(): void {
    this.isPlugged = false
    this.queue.fail(this.gone())
  }

  /** How many messages of a command (bit 7 not included) were begun. */
  countOf(command: number): number {
    return this.written.filter(report => report[4] === (command | 0x80)).length
  }

  private gone(): CtapError {
    return new CtapError('key_unplugged', 'pulled out')
  }
}

export const connectedTo = (clock: Clock, key: SecurityKeyDevice, path?: string): MemoryDevice =>
  new MemoryDevice(clock, (report, push) => key.receive(report, push), path)

/** A transport whose devices a test plugs in and pulls out. */
export class MemoryTransport implements HidTransport {
  readonly devices: MemoryDevice[] = []
  listCount = 0
  onList: (round: number) => void = () => {}

  async list() {
    this.onList(++this.listCount)
    return this.devices.map(device => ({ path: device.path, product: device.product, open: async () => device }))
  }
}
