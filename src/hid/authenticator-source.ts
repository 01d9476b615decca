import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { Authenticator } from './authenticator.ts'
import type { ChannelTimings } from './ctaphid/channel.ts'
import type { HidDevice, HidDeviceListing, HidTransport } from './device.ts'
import { CtapError, isCtapError } from './errors.ts'
import { openAuthenticator } from './open-authenticator.ts'
import { isUdpDevice } from './transports/udp.ts'
import { type Arrivals, Watch } from './watch.ts'

/** Where keys come from. Several may be plugged in: whoever asks decides which of them blink. */
export interface AuthenticatorSource {
  /**
   * Opens every key that is plugged in now. Each stays open until its own `close`, or the source's.
   * @throws {CtapError} when there are some and none can be used, why the first cannot: `key_no_permission`,
   * `key_unsupported`, `key_busy` …
   */
  list(signal?: AbortSignal): Promise<Authenticator[]>
  /**
   * Opens every key that is plugged in, and each that comes while `signal` has not aborted; looks 4 times a second. A
   * key that was pulled out and is plugged in again, comes again. Resolves when `signal` aborts.
   * @throws {CtapError} `key_not_found` at once when `device` named a key and it is not there, `key_hid_unavailable`
   */
  watch(arrivals: Arrivals, signal: AbortSignal): Promise<void>
  /** Where keys are plugged in now; none is opened. */
  present(): Promise<readonly { readonly path: string; readonly name: string }[]>
  /** Closes every key that this source opened, and ends its listing and watching. */
  close(): Promise<void>
}

export interface OpenAuthenticatorsOptions {
  readonly clock: Clock
  readonly random: Random
  /** A path as the system names it, or `udp:HOST:PORT[:LOCALPORT]`; any key on USB when left out. */
  readonly device?: string | undefined
  /** Ends every listing and watching of the source, and whatever its keys are asked. */
  readonly signal?: AbortSignal | undefined
  readonly timings?: ChannelTimings | undefined
  /** How devices are reached; by default what `device` says. */
  readonly transport?: HidTransport | undefined
}

/** The keys that a transport reaches. */
export class Source implements AuthenticatorSource {
  private readonly options: OpenAuthenticatorsOptions
  private readonly transport: HidTransport
  private readonly opened = new Set<Authenticator>()
  private readonly opening = new Set<Promise<unknown>>()
  private closing = new AbortController()

  constructor(options: OpenAuthenticatorsOptions, transport: HidTransport) {
    this.options = options
    this.transport = transport
  }

  async list(signal?: AbortSignal): Promise<Authenticator[]> {
    return this.listUntil(this.eitherSignal(signal))
  }

  watch(arrivals: Arrivals, signal: AbortSignal): Promise<void> {
    const { clock, device } = this.options
    const either = this.eitherSignal(signal)
    const open = (listing: HidDeviceListing, onGone: () => void) => this.open(listing, either, onGone)
    const isAbsence = (error: unknown) => this.isAbsence(error)
    return new Watch({ clock, device, arrivals, list: () => this.listings(), open, isAbsence }, either).run()
  }

  async present(): Promise<readonly { readonly path: string; readonly name: string }[]> {
    return (await this.listings()).map(({ path, product }) => ({ path, name: product }))
  }

  async close(): Promise<void> {
    this.closing.abort()
    this.closing = new AbortController()
    await Promise.allSettled(this.opening)
    const keys = [...this.opened]
    this.opened.clear()
    await Promise.all(keys.map(key => key.close()))
  }

  private async listings(): Promise<HidDeviceListing[]> {
    return (await this.transport.list()).filter(({ path }) => (this.options.device ?? path) === path)
  }

  private async listUntil(signal: AbortSignal): Promise<Authenticator[]> {
    throwIfCancelled(signal)
    const listed = await this.listings()
    const outcomes = await Promise.allSettled(listed.map(listing => this.open(listing, signal)))
    const keys = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    if (signal.aborted) await Promise.all(keys.map(key => key.close()))
    throwIfCancelled(signal)
    if (keys.length > 0) return keys
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected' && !this.isAbsence(outcome.reason)) throw outcome.reason
    }
    return []
  }

  /** `onGone` is told when the key turns out to be no longer plugged in. */
  private open(listing: HidDeviceListing, signal: AbortSignal, onGone = () => {}): Promise<Authenticator> {
    const opening = this.openNow(listing, signal, onGone)
    this.opening.add(opening)
    const settled = () => this.opening.delete(opening)
    opening.then(settled, settled)
    return opening
  }

  private async openNow(listing: HidDeviceListing, signal: AbortSignal, onGone: () => void): Promise<Authenticator> {
    const device = await listing.open()
    const key = await openAuthenticator(tellingWhenGone(device, onGone), this.options, signal)
    this.opened.add(key)
    return key
  }

  /** A key pulled out between listing and opening is as good as not listed; over UDP, one that does not answer is. */
  private isAbsence(error: unknown): boolean {
    if (isCtapError(error, 'key_unplugged')) return true
    return isUdpDevice(this.options.device ?? '') && isCtapError(error, 'key_silent', 'key_not_found')
  }

  private eitherSignal(signal: AbortSignal | undefined): AbortSignal {
    return AbortSignal.any([this.closing.signal, this.options.signal, signal].filter(each => each !== undefined))
  }
}

/** The same device, which tells when its use fails because the key has been pulled out, not because it is closed. */
function tellingWhenGone(device: HidDevice, onGone: () => void): HidDevice {
  let isClosed = false
  const telling = (error: unknown) => {
    if (isCtapError(error, 'key_unplugged') && !isClosed) onGone()
    throw error
  }
  return {
    path: device.path,
    product: device.product,
    write: report => device.write(report).catch(telling),
    read: milliseconds => device.read(milliseconds).catch(telling),
    close: () => {
      isClosed = true
      return device.close()
    },
  }
}

function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new CtapError('key_cancelled', 'cancelled', {}, { cause: signal.reason })
}
