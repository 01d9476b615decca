// Sections 11.2.3 and 11.2.9.2.2 of CTAP 2.1: channels, and the lock that one of them may hold.

import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'

export const broadcast = 0xffff_ffff
const mostChannels = 256

export class Channels {
  private readonly clock: Clock
  private readonly random: Random
  private readonly known = new Set<number>()
  private lock: { readonly channel: number; readonly end: number } | undefined

  constructor(clock: Clock, random: Random) {
    this.clock = clock
    this.random = random
  }

  has(channel: number): boolean {
    return this.known.has(channel)
  }

  /** A new channel; the oldest is forgotten where there are too many. */
  allocate(): number {
    const [oldest] = this.known
    if (oldest !== undefined && this.known.size >= mostChannels) this.known.delete(oldest)
    for (;;) {
      const bytes = this.random.bytes(4)
      const channel = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
      if (channel === 0 || channel === broadcast || this.known.has(channel)) continue
      this.known.add(channel)
      return channel
    }
  }

  /** Keeps the others out for `seconds`; 0 lets them in again. */
  lockFor(channel: number, seconds: number): void {
    this.lock = { channel, end: this.clock.now() + seconds * 1000 }
  }

  /** Whether another channel keeps this one out. */
  isLockedOut(channel: number): boolean {
    return this.lock !== undefined && this.lock.channel !== channel && this.clock.now() < this.lock.end
  }

  clear(): void {
    this.known.clear()
    this.lock = undefined
  }
}
