// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html
// Section 11.2: one request, one answer, on a channel of our own. A key is shared with other programs, so every wait
// skips what is not ours, and every wait ends: by an answer, by silence, or by its limit.

import type { HidDevice } from '../device.ts'
import { type CtapError, isCtapError } from '../errors.ts'
import { broadcastChannel, capability, hidError } from './constants.ts'
import { type CallOptions, Exchange } from './exchange.ts'
import { type InitAnswer, initialise } from './initialise.ts'
import { cancelled, either, Line, type LineOptions } from './line.ts'

export type { CallOptions } from './exchange.ts'
export { type ChannelTimings, defaultTimings } from './line.ts'

export interface Channel {
  /** 32 bits, the key's choice. */
  readonly id: number
  /** The version of CTAPHID, 2 in every key so far. */
  readonly protocolVersion: number
  /** The key's firmware: major, minor, build. */
  readonly deviceVersion: readonly [number, number, number]
  /** The flags of section 11.2.9.1.3; see `capability`. */
  readonly capabilities: number
  /**
   * Sends a message and gives the payload of the answer to it. One call at a time. After a failure the channel is
   * brought in order by INIT before the next message. A message that lost packets on its way is sent a second time.
   * @throws {CtapError} `key_cancelled`, `key_timeout`, `key_silent`, `key_unplugged`, `key_busy`, `key_protocol`,
   * `key_request_too_large`
   */
  call(command: number, payload: Uint8Array, options?: CallOptions): Promise<Uint8Array>
}

/** Runs `attempt` until the key is not busy, or has been for too long. */
async function whileBusy<T>(line: Line, signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T> {
  const deadline = line.clock.now() + line.timings.busy
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isCtapError(error, 'key_busy') || line.clock.now() >= deadline) throw error
    }
    await line.clock.sleep(line.timings.busyPause, signal).catch(error => {
      throw signal?.aborted ? cancelled(signal) : error
    })
  }
}

const isHidError = (error: unknown, ...statuses: number[]): error is CtapError =>
  isCtapError(error, 'key_protocol') && statuses.some(status => status === error.details.status)

/**
 * Whether the key has told that a message did not reach it whole (sections 11.2.5.1 and 11.2.5.2), as happens when this
 * program, or the machine, is slow: then it has done nothing about it, whatever the message was.
 */
const hasLostPackets = (error: unknown): boolean => isHidError(error, hidError.messageTimeout, hidError.invalidSequence)

class OpenChannel implements Channel {
  private readonly line: Line
  private answer: InitAnswer
  /** Whether an answer may still come to a call that was given up: then INIT on the channel makes the key drop it. */
  private stale = false
  private calling = false
  private readonly lifetime: AbortSignal | undefined

  constructor(line: Line, answer: InitAnswer, lifetime: AbortSignal | undefined) {
    this.line = line
    this.answer = answer
    this.lifetime = lifetime
  }

  get id(): number {
    return this.answer.channel
  }

  get protocolVersion(): number {
    return this.answer.protocolVersion
  }

  get deviceVersion(): readonly [number, number, number] {
    return this.answer.deviceVersion
  }

  get capabilities(): number {
    return this.answer.capabilities
  }

  async call(kind: number, payload: Uint8Array, given: CallOptions = {}): Promise<Uint8Array> {
    if (this.calling) throw new Error('one call at a time on a CTAPHID channel')
    this.calling = true
    const signal = this.lifetime ? either(given.signal, this.lifetime) : given.signal
    const options = { ...given, signal }
    try {
      return await whileBusy(this.line, signal, () => this.attempt(kind, payload, options))
    } catch (error) {
      // A key that has lost count of its channels has not taken the message either.
      if (isHidError(error, hidError.invalidChannel)) await this.obtainChannel(signal)
      else if (!hasLostPackets(error)) throw error
      return await whileBusy(this.line, signal, () => this.attempt(kind, payload, options))
    } finally {
      this.calling = false
    }
  }

  private async obtainChannel(signal: AbortSignal | undefined): Promise<void> {
    this.answer = await whileBusy(this.line, signal, () => initialise(this.line, broadcastChannel, signal))
    this.stale = false
  }

  private async attempt(kind: number, payload: Uint8Array, options: CallOptions): Promise<Uint8Array> {
    if (options.signal?.aborted) throw cancelled(options.signal)
    if (this.stale) await initialise(this.line, this.id, options.signal)
    this.stale = true
    await this.line.send(this.id, kind, payload, { signal: options.signal })
    const answer = await new Exchange(this.line, this.id, kind, options).answer()
    this.stale = false
    if ('failure' in answer) throw answer.failure
    return answer.payload
  }
}

/**
 * Asks the device for a channel (section 11.2.9.1.3). Aborting `signal` ends the asking, and
 * aborting `lifetime` every call on the channel, too.
 * @throws {CtapError} `key_silent` when nothing answers within the timings' silence, `key_busy`, `key_cancelled`,
 * `key_unplugged`.
 */
export async function openChannel(
  device: HidDevice,
  {
    signal,
    lifetime,
    ...options
  }: LineOptions & { readonly signal?: AbortSignal | undefined; readonly lifetime?: AbortSignal | undefined },
): Promise<Channel> {
  const line = new Line(device, options)
  const answer = await whileBusy(line, signal, () => initialise(line, broadcastChannel, signal))
  return new OpenChannel(line, answer, lifetime)
}

/** Whether the key speaks CTAP2 (section 11.2.9.1.3, CAPABILITY_CBOR). */
export const speaksCbor = (channel: Channel): boolean => (channel.capabilities & capability.cbor) !== 0

/** Whether the key speaks U2F (section 11.2.9.1.3, CAPABILITY_NMSG is not set). */
export const speaksMsg = (channel: Channel): boolean => (channel.capabilities & capability.noMsg) === 0

/** Whether the key can show itself (section 11.2.9.1.3, CAPABILITY_WINK). */
export const canWink = (channel: Channel): boolean => (channel.capabilities & capability.wink) !== 0
