// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html
// Section 11.2.4: a message is one initialisation packet (channel 4 bytes, command 1 with bit 7 set, length 2, data 57)
// and up to 128 continuation packets (channel 4, sequence 1, data 59), each a report of 64 bytes.

import { concatBytes } from '../../lib/bytes.ts'
import { reportLength } from '../device.ts'
import { CtapError } from '../errors.ts'
import { command } from './constants.ts'

const firstHeader = 7
const nextHeader = 5
const firstCapacity = reportLength - firstHeader
const nextCapacity = reportLength - nextHeader
const lastSequence = 0x7f

/** The longest payload of a message: 57 + 128 × 59 = 7609 bytes. */
export const largestPayload = firstCapacity + (lastSequence + 1) * nextCapacity

export interface Message {
  /** Without bit 7. */
  readonly command: number
  readonly payload: Uint8Array
}

function report(channel: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(reportLength)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, channel)
  return { bytes, view }
}

/**
 * The reports of 64 bytes that carry a message, in order.
 * @throws {CtapError} `key_request_too_large` when the payload is over 7609 bytes.
 */
export function framesOf(channel: number, message: Message): Uint8Array[] {
  const { payload } = message
  if (payload.length > largestPayload) {
    throw new CtapError('key_request_too_large', `a message of ${payload.length} bytes; ${largestPayload} fit`)
  }
  const first = report(channel)
  first.view.setUint8(4, message.command | 0x80)
  first.view.setUint16(5, payload.length)
  first.bytes.set(payload.subarray(0, firstCapacity), firstHeader)
  const frames = [first.bytes]
  for (let offset = firstCapacity; offset < payload.length; offset += nextCapacity) {
    const next = report(channel)
    next.view.setUint8(4, frames.length - 1)
    next.bytes.set(payload.subarray(offset, offset + nextCapacity), nextHeader)
    frames.push(next.bytes)
  }
  return frames
}

/** Whether a report belongs to `channel`: its first 4 bytes say so. */
export const isOfChannel = (frame: Uint8Array, channel: number): boolean =>
  frame.length >= 4 && new DataView(frame.buffer, frame.byteOffset).getUint32(0) === channel

interface Partial {
  readonly command: number
  readonly length: number
  readonly parts: Uint8Array[]
  received: number
  sequence: number
}

/** Puts the messages of one channel together again. Reports of other channels are not its business: it skips them. */
export class MessageAssembler {
  private readonly channel: number
  private partial: Partial | undefined

  constructor(channel: number) {
    this.channel = channel
  }

  /** Whether a message has begun and not ended. */
  get isIncomplete(): boolean {
    return this.partial !== undefined
  }

  /**
   * Takes one report; gives the message that it completes, if it does. Continuation packets that continue nothing are
   * skipped (section 11.2.5.2): they are what is left of an abandoned message. KEEPALIVE passes between the packets of
   * another message, ERROR ends it.
   * @throws {CtapError} `key_protocol` for a report that is not 64 bytes long, a length over 7609 bytes, a packet out of
   * sequence, or a message that begins within another; what had arrived is then dropped.
   */
  accept(frame: Uint8Array): Message | undefined {
    if (!isOfChannel(frame, this.channel)) return undefined
    if (frame.length !== reportLength) throw this.broken(`a report of ${frame.length} bytes`)
    const kind = frame[4] ?? 0
    return kind & 0x80 ? this.begin(kind & 0x7f, frame) : this.advance(kind, frame)
  }

  private begin(kind: number, frame: Uint8Array): Message | undefined {
    const length = new DataView(frame.buffer, frame.byteOffset).getUint16(5)
    if (length > largestPayload) throw this.broken(`a message of ${length} bytes`)
    const data = frame.slice(firstHeader, firstHeader + Math.min(length, firstCapacity))
    if (this.partial && kind === command.keepalive && length === data.length) return { command: kind, payload: data }
    if (this.partial && kind !== command.error) throw this.broken('a message that begins within another')
    if (length === data.length) {
      this.partial = undefined
      return { command: kind, payload: data }
    }
    this.partial = { command: kind, length, parts: [data], received: data.length, sequence: 0 }
    return undefined
  }

  private advance(sequence: number, frame: Uint8Array): Message | undefined {
    const { partial } = this
    if (!partial) return undefined
    if (sequence !== partial.sequence) throw this.broken(`packet ${sequence} where ${partial.sequence} was due`)
    const data = frame.slice(nextHeader, nextHeader + Math.min(partial.length - partial.received, nextCapacity))
    partial.parts.push(data)
    partial.received += data.length
    partial.sequence++
    if (partial.received < partial.length) return undefined
    this.partial = undefined
    return { command: partial.command, payload: concatBytes(...partial.parts) }
  }

  private broken(what: string): CtapError {
    this.partial = undefined
    return new CtapError('key_protocol', `the security key sent ${what}`)
  }
}
