import type { Clock } from '../../lib/clock.ts'
import type { CallOptions, Channel } from './channel.ts'

/** A channel whose calls take no longer than a time together. What it says of itself is what the other says by now. */
class LimitedChannel implements Channel {
  private readonly channel: Channel
  private readonly clock: Clock
  private readonly end: number

  constructor(channel: Channel, clock: Clock, end: number) {
    this.channel = channel
    this.clock = clock
    this.end = end
  }

  get id(): number {
    return this.channel.id
  }

  get protocolVersion(): number {
    return this.channel.protocolVersion
  }

  get deviceVersion(): readonly [number, number, number] {
    return this.channel.deviceVersion
  }

  get capabilities(): number {
    return this.channel.capabilities
  }

  call(kind: number, payload: Uint8Array, options?: CallOptions): Promise<Uint8Array> {
    return this.channel.call(kind, payload, { ...options, timeout: Math.max(1, this.end - this.clock.now()) })
  }
}

/** The same channel, whose calls from now on take no longer than `timeout` milliseconds together. */
export const within = (channel: Channel, clock: Clock, timeout: number): Channel =>
  new LimitedChannel(channel, clock, clock.now() + timeout)
