// The one door to security keys. What follows here, and in the types, is all that the rest of the program knows of them.

import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { Authenticator } from './authenticator.ts'
import type { ChannelTimings } from './ctaphid/channel.ts'
import type { HidDeviceListing, HidTransport } from './device.ts'
import { CtapError, isCtapError } from './errors.ts'
import { openAuthenticator } from './open-authenticator.ts'
import { nodeHidTransport } from './transports/node-hid.ts'
import { isUdpDevice, udpTransport } from './transports/udp.ts'

export type { Authenticator, CeremonyOptions, PinRetries, PinUvAuthToken, TokenRequest } from './authenticator.ts'
export type { CredentialDescriptor, CtapOptions, PinUvAuth } from './ctap2/credentials.ts'
export type { GetAssertionParameters, GetAssertionResult } from './ctap2/get-assertion.ts'
export type { AuthenticatorInfo } from './ctap2/get-info.ts'
export type { MakeCredentialParameters, MakeCredentialResult } from './ctap2/make-credential.ts'
export type { ChannelTimings } from './ctaphid/channel.ts'
export type { HidDevice, HidDeviceListing, HidTransport } from './device.ts'
export { CtapError, type CtapErrorDetails, isCtapError, type KeyErrorCode, keyErrorCodes } from './errors.ts'

const pollPause = 250
const defaultPatience = 60_000

/** What a watch of the keys tells. */
export interface Arrivals {
  /** A key that is plugged in, or has just been, is open. */
  readonly onKey: (key: Authenticator) => void
  /** A key is plugged in that can't be used, and why; told once for as long as it stays plugged in. */
  readonly onUnusable: (error: CtapError) => void
  /** The first look found no key at all. */
  readonly onNone?: (() => void) | undefined
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined
  /** Called at most once, when no key is plugged in yet. */
  readonly onWaiting?: (() => void) | undefined
  /** How long to wait for a key to be plugged in, in milliseconds. Default: 60000. */
  readonly patience?: number | undefined
}

/** Where keys come from. Several may be plugged in: whoever asks decides which of them blink. */
export interface AuthenticatorSource {
  /**
   * Opens every key that is plugged in now. Each stays open until its own `close`, or the source's.
   * @throws {CtapError} when there are some and none can be used, why the first cannot: `key_no_permission`,
   * `key_unsupported`, `key_busy` …
   */
  list(signal?: AbortSignal): Promise<Authenticator[]>
  /**
   * As `list`, but waits until there is at least one key; looks 4 times a second. A key that `device` named is not
   * waited for.
   * @throws {CtapError} `key_not_found` when none came, `key_cancelled`
   */
  wait(options?: WaitOptions): Promise<Authenticator[]>
  /**
   * Opens every key that is plugged in, and each that comes while `signal` has not aborted; looks 4 times a second. A
   * key that was pulled out and is plugged in again, comes again. Resolves when `signal` aborts.
   * @throws {CtapError} `key_not_found` at once when `device` named a key and it is not there, `key_hid_unavailable`
   */
  watch(arrivals: Arrivals, signal: AbortSignal): Promise<void>
  /** Where keys are plugged in now; none is opened. */
  present(): Promise<readonly { readonly path: string; readonly name: string }[]>
  /** Closes every key that this source opened. */
  close(): Promise<void>
}

export interface OpenAuthenticatorsOptions {
  readonly clock: Clock
  readonly random: Random
  /** A path as the system names it, or `udp:HOST:PORT[:LOCALPORT]`; any key on USB when left out. */
  readonly device?: string | undefined
  /** Ends every listing and waiting of the source. */
  readonly signal?: AbortSignal | undefined
  readonly timings?: ChannelTimings | undefined
  /** How devices are reached; by default what `device` says. */
  readonly transport?: HidTransport | undefined
}

class Source implements AuthenticatorSource {
  private readonly options: OpenAuthenticatorsOptions
  private readonly transport: HidTransport
  private readonly opened = new Set<Authenticator>()

  constructor(options: OpenAuthenticatorsOptions, transport: HidTransport) {
    this.options = options
    this.transport = transport
  }

  async list(signal?: AbortSignal): Promise<Authenticator[]> {
    return this.listUntil(this.eitherSignal(signal))
  }

  async wait({ signal, onWaiting, patience = defaultPatience }: WaitOptions = {}): Promise<Authenticator[]> {
    const { clock, device } = this.options
    const either = this.eitherSignal(signal)
    const end = clock.now() + patience
    for (let round = 0; ; round++) {
      const keys = await this.listUntil(either)
      if (keys.length > 0) return keys
      if (device !== undefined) throw new CtapError('key_not_found', `no security key at ${device}`, { device })
      if (round === 0) onWaiting?.()
      const left = end - clock.now()
      if (left <= 0) throw new CtapError('key_not_found', 'no security key was plugged in')
      await clock.sleep(Math.min(pollPause, left), either).catch(() => throwIfCancelled(either))
    }
  }

  async close(): Promise<void> {
    const keys = [...this.opened]
    this.opened.clear()
    await Promise.all(keys.map(key => key.close()))
  }

  private async listUntil(signal: AbortSignal): Promise<Authenticator[]> {
    throwIfCancelled(signal)
    const listed = (await this.transport.list()).filter(({ path }) => (this.options.device ?? path) === path)
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

  private async open(listing: HidDeviceListing, signal: AbortSignal): Promise<Authenticator> {
    const key = await openAuthenticator(await listing.open(), this.options, signal)
    this.opened.add(key)
    return key
  }

  /** A key pulled out between listing and opening is as good as not listed; over UDP, one that does not answer is. */
  private isAbsence(error: unknown): boolean {
    if (isCtapError(error, 'key_unplugged')) return true
    return isUdpDevice(this.options.device ?? '') && isCtapError(error, 'key_silent')
  }

  private eitherSignal(signal: AbortSignal | undefined): AbortSignal {
    return AbortSignal.any([this.options.signal, signal].filter(each => each !== undefined))
  }
}

function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new CtapError('key_cancelled', 'cancelled', {}, { cause: signal.reason })
}

/**
 * The security keys of this machine, or the one that `device` names. Nothing is touched before `list` or `wait`.
 * @throws {CtapError} `key_device_invalid` when `device` begins with `udp:` and is malformed.
 */
export function openAuthenticators(options: OpenAuthenticatorsOptions): AuthenticatorSource {
  const { clock, device } = options
  const usual = () =>
    device !== undefined && isUdpDevice(device) ? udpTransport(device, clock) : nodeHidTransport(clock)
  return new Source(options, options.transport ?? usual())
}
