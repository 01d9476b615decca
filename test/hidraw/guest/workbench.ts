import { readOverview } from '../../../src/contract/account.ts'
import type { EphemeralServer } from '../../support/ephemeral-server.ts'
import type { HufuOptions, RunningHufu } from '../../support/hufu.ts'
import { Person } from '../../support/person.ts'
import type { Bus, RecordedRun } from '../records.ts'
import { Key, type Kind } from './key.ts'
import type { Port } from './port.ts'
import { uhidPort } from './uhid.ts'
import { usbPort } from './usb.ts'

const ports: Readonly<Record<Bus, Port>> = { uhid: uhidPort, usb: usbPort }

/** Somebody with a key that is bound and plugged in. */
export interface Owner {
  readonly person: Person
  readonly key: Key
  /** How it was bound. */
  readonly binding: RecordedRun
}

/** A bus with its keys, and the one person who uses them. Machines in software are slow: they are bound once. */
export class Workbench {
  /** The folder of udev's program and rules. */
  readonly udev: string
  private readonly server: EphemeralServer
  private readonly bus: Bus
  private readonly keys: Key[] = []
  private made: Promise<Owner> | undefined

  constructor(server: EphemeralServer, bus: Bus, udev: string) {
    this.udev = udev
    this.server = server
    this.bus = bus
  }

  /** A new key, plugged in. */
  async key(product: string, kind?: Kind): Promise<Key> {
    const key = new Key(ports[this.bus], product, kind)
    this.keys.push(key)
    await key.plugIn()
    return key
  }

  /** The person, and their own key, which is plugged in and feels a touch whenever it blinks. */
  async owner(): Promise<Owner> {
    this.made ??= this.makeOwner()
    const owner = await this.made
    owner.key.touch = 'automatic'
    await owner.key.plugIn()
    return owner
  }

  private async makeOwner(): Promise<Owner> {
    const person = await Person.loggedIn(this.server)
    const key = await this.key('Tiger Tally')
    return { person, key, binding: await this.bind(person) }
  }

  /** Binds the key that is plugged in. @throws {Error} when that fails: what follows would prove nothing */
  async bind(person: Person, options: HufuOptions = {}): Promise<RecordedRun> {
    const run = await this.run(person, ['bind', 'webauthn', '--verify', 'password'], options)
    if (run.exitCode !== 0) throw new Error(`the key could not be bound: ${run.stderr}`)
    return run
  }

  /** For each bound key, in the order in which they were bound, whether it has been used. */
  usedKeys(person: Person): Promise<boolean[]> {
    return person.calling(async api => {
      const { items } = await api.call(readOverview, {})
      return items.flatMap(({ keys }) => keys ?? []).map(({ last_used_at }) => last_used_at !== null)
    })
  }

  /** Runs hufu as `person` to its end. */
  run(person: Person, args: readonly string[], options: HufuOptions = {}): Promise<RecordedRun> {
    return this.during(person, args, async () => undefined, options)
  }

  /** Runs hufu as `person` to its end, and `act` meanwhile. */
  async during(
    person: Person,
    args: readonly string[],
    act: (running: RunningHufu) => Promise<unknown>,
    options: HufuOptions = {},
  ): Promise<RecordedRun> {
    const before = this.keys.map(({ reports }) => reports.length)
    const running = person.start(args, options)
    try {
      await act(running)
    } catch (error) {
      running.kill('SIGKILL')
      throw error
    }
    const { exitCode, sequence, last, stdout, stderr } = await running.finished
    person.verifyNothingTold({ stdout, stderr })
    const reports = this.keys.map((key, index) => key.reports.slice(before[index]))
    return { exitCode, sequence, last, stderr, reports: reports.filter(({ length }) => length > 0) }
  }

  /** Pulls every key out. */
  async clear(): Promise<void> {
    for (const key of this.keys) await key.unplug()
  }
}
