// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html
// Section 11.2: one request, one answer, on a channel of our own. A key is shared with other programs, so every wait
// skips what is not ours, and every wait ends: by an answer, by silence, or by its limit.

import { equalBytes } from '../../lib/bytes.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { HidDevice } from '../device.ts'
import { CtapError, isCtapError } from '../errors.ts'
import { broadcastChannel, capability, command, hidError } from './constants.ts'
import { framesOf, isOfChannel, MessageAssembler } from './framing.ts'

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

const slice = 100
const nonceLength = 8
const initAnswerLength = 17

export interface CallOptions {
  /** Aborting sends CANCEL, waits for the key to let go, and fails the call with `key_cancelled`. */
  readonly signal?: AbortSignal | undefined
  /** Told each KEEPALIVE's status byte (1: processing, 2: user presence needed). */
  readonly onKeepalive?: ((status: number) => void) | undefined
  /** For the answer as a whole, in milliseconds; the timings' `answer` when left out. */
  readonly timeout?: number | undefined
}

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
   * Sends a message and gives the payload of the answer to it. One call at a time.
   * @throws {CtapError} `key_cancelled`, `key_timeout`, `key_silent`, `key_unplugged`, `key_busy`, `key_protocol`,
   * `key_request_too_large`
   */
  call(command: number, payload: Uint8Array, options?: CallOptions): Promise<Uint8Array>
}

interface Line {
  readonly device: HidDevice
  readonly clock: Clock
  readonly random: Random
  readonly timings: ChannelTimings
}

const cancelled = (signal: AbortSignal) => new CtapError('key_cancelled', 'cancelled', {}, { cause: signal.reason })

async function send(line: Line, channel: number, kind: number, payload: Uint8Array): Promise<void> {
  for (const frame of framesOf(channel, { command: kind, payload })) await line.device.write(frame)
}

function hidFailure(status: number): CtapError {
  const name = Object.entries(hidError).find(([, value]) => value === status)?.[0] ?? 'unknown'
  if (status === hidError.channelBusy) return new CtapError('key_busy', 'the security key serves another program')
  const details = { status, statusName: name }
  return new CtapError(
    'key_protocol',
    `the security key refused the message: ${name} (0x${status.toString(16)})`,
    details,
  )
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

interface InitAnswer {
  readonly channel: number
  readonly protocolVersion: number
  readonly deviceVersion: readonly [number, number, number]
  readonly capabilities: number
}

/**
 * INIT (section 11.2.9.1.3) on `channel`: an 8-byte nonce out; nonce, channel, version and capabilities (17 bytes) back.
 * Everything else that arrives is an answer to somebody else, or to what we have given up.
 */
async function initialise(line: Line, channel: number, signal: AbortSignal | undefined): Promise<InitAnswer> {
  const nonce = line.random.bytes(nonceLength)
  const assembler = new MessageAssembler(channel)
  const deadline = line.clock.now() + line.timings.silence
  await send(line, channel, command.init, nonce)
  for (let left = line.timings.silence; left > 0; left = deadline - line.clock.now()) {
    if (signal?.aborted) throw cancelled(signal)
    const frame = await line.device.read(Math.min(slice, left))
    const message = frame && acceptLeniently(assembler, frame)
    if (!message) continue
    const { payload } = message
    if (message.command === command.error && payload[0] === hidError.channelBusy) throw hidFailure(payload[0])
    if (message.command !== command.init || payload.length < initAnswerLength) continue
    if (!equalBytes(payload.subarray(0, nonceLength), nonce)) continue
    const view = new DataView(payload.buffer, payload.byteOffset)
    return {
      channel: view.getUint32(8),
      protocolVersion: view.getUint8(12),
      deviceVersion: [view.getUint8(13), view.getUint8(14), view.getUint8(15)],
      capabilities: view.getUint8(16),
    }
  }
  throw new CtapError('key_silent', 'the security key does not answer')
}

/** On the broadcast channel, others' broken messages are not our error. */
function acceptLeniently(assembler: MessageAssembler, frame: Uint8Array) {
  try {
    return assembler.accept(frame)
  } catch {
    return undefined
  }
}

class OpenChannel implements Channel {
  readonly id: number
  readonly protocolVersion: number
  readonly deviceVersion: readonly [number, number, number]
  readonly capabilities: number
  private readonly line: Line
  /** Whether an answer may still come to a call that was given up: then INIT on the channel makes the key drop it. */
  private stale = false
  private calling = false

  constructor(line: Line, answer: InitAnswer) {
    this.line = line
    this.id = answer.channel
    this.protocolVersion = answer.protocolVersion
    this.deviceVersion = answer.deviceVersion
    this.capabilities = answer.capabilities
  }

  async call(kind: number, payload: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
    if (this.calling) throw new Error('one call at a time on a CTAPHID channel')
    this.calling = true
    try {
      return await whileBusy(this.line, options.signal, () => this.attempt(kind, payload, options))
    } finally {
      this.calling = false
    }
  }

  private async attempt(kind: number, payload: Uint8Array, options: CallOptions): Promise<Uint8Array> {
    if (options.signal?.aborted) throw cancelled(options.signal)
    if (this.stale) await initialise(this.line, this.id, options.signal)
    this.stale = true
    await send(this.line, this.id, kind, payload)
    const answer = await new Exchange(this.line, this.id, kind, options).answer()
    this.stale = false
    if ('failure' in answer) throw answer.failure
    return answer.payload
  }
}

type Answer = { readonly payload: Uint8Array } | { readonly failure: CtapError }

/** The wait for the answer to one message that has been sent. */
class Exchange {
  private readonly line: Line
  private readonly channel: number
  private readonly kind: number
  private readonly options: CallOptions
  private readonly assembler: MessageAssembler
  private readonly limit: number
  private heard: number
  /** Why the call will fail, once CANCEL is sent, and until when the key may answer that. */
  private givenUp: { readonly reason: CtapError; readonly until: number } | undefined

  constructor(line: Line, channel: number, kind: number, options: CallOptions) {
    this.line = line
    this.channel = channel
    this.kind = kind
    this.options = options
    this.assembler = new MessageAssembler(channel)
    this.heard = line.clock.now()
    this.limit = this.heard + (options.timeout ?? line.timings.answer)
  }

  /** The answer, or why there is none though the key is done with the message; throws when the key may not be. */
  async answer(): Promise<Answer> {
    const abort = abortion(this.options.signal)
    try {
      let reading: Promise<Uint8Array | undefined> | undefined
      for (;;) {
        reading ??= this.line.device.read(Math.min(slice, await this.timeLeft()))
        const outcome = await Promise.race(this.givenUp ? [reading] : [reading, abort.aborted])
        if (outcome instanceof CtapError) {
          await this.giveUp(outcome)
          continue
        }
        reading = undefined
        const answer = outcome && this.take(outcome)
        if (answer) return this.givenUp ? { failure: this.givenUp.reason } : answer
      }
    } finally {
      abort.forget()
    }
  }

  private async giveUp(reason: CtapError): Promise<void> {
    this.givenUp = { reason, until: this.line.clock.now() + this.line.timings.cancel }
    // Section 11.2.9.1.5: CANCEL has no answer of its own; it makes the key answer the pending CBOR with 0x2D.
    if (this.kind === command.cbor) await send(this.line, this.channel, command.cancel, new Uint8Array())
  }

  /** Milliseconds, at least 1, until something is to be done about silence. Throws when it is time. */
  private async timeLeft(): Promise<number> {
    const now = this.line.clock.now()
    if (!this.givenUp && now >= this.limit) {
      await this.giveUp(new CtapError('key_timeout', 'the security key took too long to answer'))
    }
    if (this.givenUp) {
      if (now >= this.givenUp.until) throw this.givenUp.reason
      return this.givenUp.until - now
    }
    const silentAt = this.heard + this.line.timings.silence
    if (now < silentAt) return Math.min(silentAt, this.limit) - now
    if (this.assembler.isIncomplete) throw new CtapError('key_protocol', 'the security key broke off within its answer')
    throw new CtapError('key_silent', 'the security key does not answer')
  }

  private take(frame: Uint8Array): Answer | undefined {
    if (!isOfChannel(frame, this.channel)) return undefined
    this.heard = this.line.clock.now()
    const message = this.assembler.accept(frame)
    if (!message) return undefined
    const status = message.payload[0] ?? 0
    if (message.command === command.keepalive) {
      if (!this.givenUp) this.options.onKeepalive?.(status)
      return undefined
    }
    if (message.command === command.error) return { failure: hidFailure(status) }
    if (message.command !== this.kind) {
      throw new CtapError('key_protocol', `the security key answered command ${this.kind} with ${message.command}`)
    }
    return { payload: message.payload }
  }
}

/** A promise of the error that `signal`'s abortion means, and a way not to listen any more. */
function abortion(signal: AbortSignal | undefined): { aborted: Promise<CtapError>; forget(): void } {
  let listener = () => {}
  const aborted = new Promise<CtapError>(resolve => {
    listener = () => signal && resolve(cancelled(signal))
  })
  if (signal?.aborted) listener()
  else signal?.addEventListener('abort', listener, { once: true })
  return { aborted, forget: () => signal?.removeEventListener('abort', listener) }
}

/**
 * Asks the device for a channel (section 11.2.9.1.3).
 * @throws {CtapError} `key_silent` when nothing answers within the timings' silence, `key_busy`, `key_cancelled`,
 * `key_unplugged`.
 */
export async function openChannel(
  device: HidDevice,
  {
    clock,
    random,
    timings = defaultTimings,
    signal,
  }: { clock: Clock; random: Random; timings?: ChannelTimings; signal?: AbortSignal | undefined },
): Promise<Channel> {
  const line = { device, clock, random, timings }
  const answer = await whileBusy(line, signal, () => initialise(line, broadcastChannel, signal))
  return new OpenChannel(line, answer)
}

/** Whether the key speaks CTAP2 (section 11.2.9.1.3, CAPABILITY_CBOR). */
export const speaksCbor = (channel: Channel): boolean => (channel.capabilities & capability.cbor) !== 0
