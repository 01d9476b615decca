// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html
// Section 11.2, the device's side of CTAPHID, written apart from src/hid on purpose: a misreading in one would show.

import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import { broadcast, Channels } from './channels.ts'
import { type Emit, emitMessage, InboundMessage, kindOf, packetError } from './packets.ts'
import { type AskForTouch, type TouchBehaviour, TouchSensor } from './touch.ts'

const hid = {
  ping: 0x81,
  msg: 0x83,
  lock: 0x84,
  init: 0x86,
  wink: 0x88,
  cbor: 0x90,
  cancel: 0x91,
  keepalive: 0xbb,
  error: 0xbf,
} as const
/** Section 11.2.9.1.3. */
const capability = { wink: 0x01, cbor: 0x04, noMsg: 0x08 } as const
const longestLock = 10
const keepalivePause = 100
/** Section 11.2.9.1: a message that is not complete by then is dropped. */
const packetPatience = 500

export interface DeviceOptions {
  readonly clock: Clock
  readonly random: Random
  readonly touch?: TouchBehaviour | undefined
  /** What KEEPALIVE says while the key waits for a touch: some keys say 1 (processing) all the time. Default: 2. */
  readonly keepaliveStatus?: 1 | 2 | undefined
}

/** What is behind the wire. */
export interface Ctap2Responder {
  /** What it speaks. Default: CTAP2 alone. */
  readonly protocols?: readonly ('ctap2' | 'u2f')[]
  /** The CTAP2 answer to a CTAP2 request; `askForTouch` waits for the person. */
  answer(request: Uint8Array, askForTouch: AskForTouch): Promise<Uint8Array>
  /** The U2F answer to a U2F request; `takeTouch` tells at once whether the person has touched the key. */
  answerU2f?(request: Uint8Array, takeTouch: () => boolean): Uint8Array
}

/** What the key is at: a message that comes in, or one that it works on. */
interface Transaction {
  readonly channel: number
  readonly emit: Emit
  readonly message: InboundMessage
  readonly abort: AbortController
  /** Aborted when all packets are there, or none is waited for any more. */
  readonly arrival: AbortController
  isProcessing: boolean
}

/**
 * A security key without a wire. Feed it reports of 64 bytes; it emits reports of 64 bytes. It serves one transaction
 * at a time and tells other channels that it is busy.
 */
export class SecurityKeyDevice {
  readonly sensor: TouchSensor
  /** How often each command's message arrived whole: `cancel` tells whether a client cleaned up. */
  readonly received: Record<string, number> = {}
  private readonly authenticator: Ctap2Responder
  private readonly clock: Clock
  private readonly keepaliveStatus: number
  private readonly channels: Channels
  private current: Transaction | undefined

  constructor(authenticator: Ctap2Responder, options: DeviceOptions) {
    this.authenticator = authenticator
    this.clock = options.clock
    this.channels = new Channels(options.clock, options.random)
    this.keepaliveStatus = options.keepaliveStatus ?? 2
    this.sensor = new TouchSensor(options.clock, options.touch ?? 'automatic')
  }

  /** Takes a report; what it answers, now or later, goes to `emit`. */
  receive(report: Uint8Array, emit: Emit): void {
    if (report.length !== 64) return
    const channel = new DataView(report.buffer, report.byteOffset).getUint32(0)
    const kind = kindOf(report)
    const refusal = kind === undefined ? this.continueMessage(channel, report) : this.take(channel, kind, report, emit)
    if (refusal !== undefined) emitMessage(channel, hid.error, Uint8Array.of(refusal), emit)
  }

  /** Takes an initialisation packet; gives the error to answer, if any. */
  private take(channel: number, kind: number, report: Uint8Array, emit: Emit): number | undefined {
    if (kind === hid.init) return this.initialise(channel, report, emit)
    if (!this.channels.has(channel)) return packetError.invalidChannel
    if (kind === hid.cancel) return this.cancel(channel)
    if (this.channels.isLockedOut(channel)) return packetError.channelBusy
    if (this.current && (this.current.channel !== channel || this.current.isProcessing)) return packetError.channelBusy
    if (this.current) {
      this.end(this.current)
      return packetError.invalidSequence
    }
    return this.beginMessage(channel, report, emit)
  }

  /** Stops what it is at, without a word: the plug is pulled. */
  unplug(): void {
    if (this.current) this.end(this.current)
    this.channels.clear()
    this.sensor.powerOff()
  }

  private count(name: string): void {
    this.received[name] = (this.received[name] ?? 0) + 1
  }

  private end(transaction: Transaction): void {
    if (this.current === transaction) this.current = undefined
    transaction.arrival.abort()
    transaction.abort.abort()
  }

  /** Section 11.2.9.1.3: a new channel, or, on a channel, whatever happened on it is forgotten. */
  private initialise(channel: number, report: Uint8Array, emit: Emit): number | undefined {
    const length = new DataView(report.buffer, report.byteOffset).getUint16(5)
    if (length !== 8) return packetError.invalidLength
    if (channel !== broadcast && !this.channels.has(channel)) return packetError.invalidChannel
    this.count('init')
    if (this.current?.channel === channel) this.end(this.current)
    const assigned = channel === broadcast ? this.channels.allocate() : channel
    const answer = new Uint8Array(17)
    answer.set(report.subarray(7, 15))
    new DataView(answer.buffer).setUint32(8, assigned)
    answer.set([2, 1, 0, 0, this.capabilities()], 12)
    emitMessage(channel, hid.init, answer, emit)
    return undefined
  }

  private speaks(protocol: 'ctap2' | 'u2f'): boolean {
    return (this.authenticator.protocols ?? ['ctap2']).includes(protocol)
  }

  private capabilities(): number {
    const { wink, cbor, noMsg } = capability
    return wink | (this.speaks('ctap2') ? cbor : 0) | (this.speaks('u2f') ? 0 : noMsg)
  }

  private cancel(channel: number): undefined {
    this.count('cancel')
    if (this.current?.channel === channel && this.current.isProcessing) this.current.abort.abort()
  }

  private beginMessage(channel: number, report: Uint8Array, emit: Emit): number | undefined {
    const message = InboundMessage.begin(report)
    if (!message) return packetError.invalidLength
    const transaction = {
      channel,
      emit,
      message,
      abort: new AbortController(),
      arrival: new AbortController(),
      isProcessing: false,
    }
    this.current = transaction
    if (message.isComplete) this.process(transaction)
    else this.dropWhenLate(transaction)
    return undefined
  }

  private dropWhenLate(transaction: Transaction): void {
    this.clock.sleep(packetPatience, transaction.arrival.signal).then(
      () => {
        if (this.current !== transaction) return
        this.end(transaction)
        emitMessage(transaction.channel, hid.error, Uint8Array.of(packetError.messageTimeout), transaction.emit)
      },
      () => undefined,
    )
  }

  private continueMessage(channel: number, report: Uint8Array): number | undefined {
    const transaction = this.current
    // Section 11.2.5.2: spurious continuation packets are ignored.
    if (transaction?.channel !== channel || transaction.isProcessing) return undefined
    if (!transaction.message.add(report)) {
      this.end(transaction)
      return packetError.invalidSequence
    }
    if (transaction.message.isComplete) this.process(transaction)
    return undefined
  }

  private process(transaction: Transaction): void {
    transaction.arrival.abort()
    transaction.isProcessing = true
    this.work(transaction)
      .catch(() => failure(packetError.other))
      .then(([kind, payload]) => {
        if (this.current !== transaction) return
        this.current = undefined
        emitMessage(transaction.channel, kind, payload, transaction.emit)
      })
  }

  /** The command byte and payload of the answer. */
  private async work(transaction: Transaction): Promise<readonly [number, Uint8Array]> {
    const { message } = transaction
    const payload = message.payload()
    switch (message.kind) {
      case hid.ping:
        this.count('ping')
        return [hid.ping, payload]
      case hid.wink:
        this.count('wink')
        return [hid.wink, new Uint8Array()]
      case hid.lock:
        this.count('lock')
        return this.lock(transaction.channel, payload)
      case hid.msg:
        if (!this.speaks('u2f') || !this.authenticator.answerU2f) return failure(packetError.invalidCommand)
        this.count('msg')
        return [hid.msg, this.authenticator.answerU2f(payload, () => this.sensor.takeTouch())]
      case hid.cbor:
        if (!this.speaks('ctap2')) return failure(packetError.invalidCommand)
        this.count('cbor')
        if (payload.length === 0) return failure(packetError.invalidLength)
        return [hid.cbor, await this.authenticator.answer(payload, () => this.askForTouch(transaction))]
      default:
        return failure(packetError.invalidCommand)
    }
  }

  /** Section 11.2.9.2.2: a byte of seconds. */
  private lock(channel: number, payload: Uint8Array): readonly [number, Uint8Array] {
    const [seconds] = payload
    if (seconds === undefined || payload.length !== 1) return failure(packetError.invalidLength)
    if (seconds > longestLock) return failure(packetError.invalidParameter)
    this.channels.lockFor(channel, seconds)
    return [hid.lock, new Uint8Array()]
  }

  /** Blinks: says so at once and every 100 ms, until the person has done something. */
  private async askForTouch({ channel, emit, abort }: Transaction) {
    const done = new AbortController()
    const blink = async () => {
      while (!done.signal.aborted) {
        emitMessage(channel, hid.keepalive, Uint8Array.of(this.keepaliveStatus), emit)
        await this.clock.sleep(keepalivePause, done.signal).catch(() => undefined)
      }
    }
    const blinking = blink()
    const outcome = await this.sensor.wait(abort.signal)
    done.abort()
    await blinking
    return outcome
  }
}

const failure = (code: number) => [hid.error, Uint8Array.of(code)] as const
