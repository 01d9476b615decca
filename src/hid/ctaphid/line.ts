import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { HidDevice } from '../device.ts'
import { CtapError } from '../errors.ts'
import { hidError, hidErrorNames } from './constants.ts'
import { framesOf } from './framing.ts'

/** How long to wait, in milliseconds. */
export interface ChannelTimings {
  /** For the next report of a key that ought to speak: while it works it sends KEEPALIVE every 100 ms. */
  readonly silence: number
  /** For the answer as a whole, however often KEEPALIVE comes. Keys give up waiting for a touch after 30 s or so. */
  readonly answer: number
  /** For the answer to CANCEL. */
  readonly cancel: number
  /** For a key that serves another program. */
  readonly busy: number
  /** Between two attempts at a busy key. */
  readonly busyPause: number
}

export const defaultTimings: ChannelTimings = {
  silence: 5_000,
  answer: 120_000,
  cancel: 1_000,
  busy: 3_000,
  busyPause: 100,
}

/** How long one read of the device lasts at most, in milliseconds. */
const slice = 100
/** After so many reports without a pause, the rest of the program gets its turn. */
const burst = 32

export interface LineOptions {
  readonly clock: Clock
  readonly random: Random
  readonly timings?: ChannelTimings | undefined
}

/** A device and what it takes to talk to it on any channel. */
export class Line {
  readonly clock: Clock
  readonly random: Random
  readonly timings: ChannelTimings
  private readonly device: HidDevice
  private readInARow = 0

  constructor(device: HidDevice, { clock, random, timings = defaultTimings }: LineOptions) {
    this.device = device
    this.clock = clock
    this.random = random
    this.timings = timings
  }

  /**
   * Sends a message, within `patience` milliseconds; the timings' `silence` when left out. What has begun to be sent
   * is sent, unless the device takes no more: aborting leaves it the timings' `cancel`.
   * @throws {CtapError} `key_silent` when the device does not take it, `key_cancelled`, `key_unplugged`
   */
  async send(
    channel: number,
    kind: number,
    payload: Uint8Array,
    { signal, patience = this.timings.silence }: { signal?: AbortSignal | undefined; patience?: number } = {},
  ): Promise<void> {
    const frames = framesOf(channel, { command: kind, payload })
    const sent = new AbortController()
    const stuck = this.tooLong(patience, signal, sent.signal)
    try {
      await Promise.race([this.write(frames), stuck])
    } finally {
      sent.abort()
    }
  }

  /** Fails when a message has not been sent in time; resolves some time after it has. */
  private async tooLong(patience: number, signal: AbortSignal | undefined, sent: AbortSignal): Promise<void> {
    const passes = (milliseconds: number, until: AbortSignal) =>
      this.clock.sleep(milliseconds, until).then(
        () => true,
        () => false,
      )
    if (await passes(patience, either(signal, sent))) {
      throw new CtapError('key_silent', 'the security key does not take what it is sent')
    }
    if (signal?.aborted && (await passes(this.timings.cancel, sent))) throw cancelled(signal)
  }

  /** The next report, of whatever channel, or undefined when none came within `milliseconds` or 100 ms. */
  async read(milliseconds: number): Promise<Uint8Array | undefined> {
    const report = await this.device.read(Math.min(slice, milliseconds))
    this.readInARow = report ? this.readInARow + 1 : 0
    if (this.readInARow >= burst) {
      this.readInARow = 0
      await nextTurn()
    }
    return report
  }

  private async write(frames: readonly Uint8Array[]): Promise<void> {
    for (const frame of frames) await this.device.write(frame)
  }
}

/** Aborts when one of the two does. */
export const either = (one: AbortSignal | undefined, other: AbortSignal): AbortSignal =>
  one ? AbortSignal.any([one, other]) : other

export const cancelled = (signal: AbortSignal): CtapError =>
  new CtapError('key_cancelled', 'cancelled', {}, { cause: signal.reason })

/** What ERROR with this status means (section 11.2.9.1.6). */
export function hidFailure(status: number): CtapError {
  const statusName = hidErrorNames.get(status) ?? 'unassigned'
  const details = { status, statusName }
  if (status === hidError.channelBusy) {
    return new CtapError('key_busy', 'the security key serves another program', details)
  }
  const message = `the security key refused the message: ${statusName} (0x${status.toString(16).padStart(2, '0')})`
  return new CtapError('key_protocol', message, details)
}
