// Section 11.2.4 of CTAP 2.1: packets of 64 bytes.

/** Takes a report of 64 bytes away. */
export type Emit = (report: Uint8Array) => void

/** Section 11.2.9.1.6. */
export const packetError = {
  invalidCommand: 0x01,
  invalidParameter: 0x02,
  invalidLength: 0x03,
  invalidSequence: 0x04,
  messageTimeout: 0x05,
  channelBusy: 0x06,
  invalidChannel: 0x0b,
  other: 0x7f,
} as const

const packetLength = 64
const longest = 7609

/** The command byte of an initialisation packet, bit 7 included; undefined for a continuation packet. */
export function kindOf(packet: Uint8Array): number | undefined {
  const byte = packet[4] ?? 0
  return byte >= 0x80 ? byte : undefined
}

/** A message that comes in packet by packet. */
export class InboundMessage {
  readonly kind: number
  readonly length: number
  private readonly data: Uint8Array
  private filled = 0
  private due = 0

  private constructor(kind: number, length: number) {
    this.kind = kind
    this.length = length
    this.data = new Uint8Array(length)
  }

  /** The message that an initialisation packet begins, or undefined when it claims more than 7609 bytes. */
  static begin(packet: Uint8Array): InboundMessage | undefined {
    const length = ((packet[5] ?? 0) << 8) | (packet[6] ?? 0)
    if (length > longest) return undefined
    const message = new InboundMessage(packet[4] ?? 0, length)
    message.fill(packet, 7)
    return message
  }

  get isComplete(): boolean {
    return this.filled === this.length
  }

  /** Takes the next packet; false when it is not the one that is due. */
  add(packet: Uint8Array): boolean {
    if (packet[4] !== this.due) return false
    this.due++
    this.fill(packet, 5)
    return true
  }

  payload(): Uint8Array {
    return this.data
  }

  private fill(packet: Uint8Array, header: number): void {
    const count = Math.min(this.length - this.filled, packetLength - header)
    this.data.set(packet.subarray(header, header + count), this.filled)
    this.filled += count
  }
}

/** Sends a message in as many packets as it takes. */
export function emitMessage(channel: number, kind: number, payload: Uint8Array, emit: Emit): void {
  let sent = 0
  for (let index = -1; index < 0 || sent < payload.length; index++) {
    const packet = new Uint8Array(packetLength)
    const header = index < 0 ? [kind, payload.length >> 8, payload.length & 0xff] : [index]
    packet.set([channel >>> 24, (channel >>> 16) & 0xff, (channel >>> 8) & 0xff, channel & 0xff, ...header])
    const start = 4 + header.length
    const count = Math.min(packetLength - start, payload.length - sent)
    packet.set(payload.subarray(sent, sent + count), start)
    sent += count
    emit(packet)
  }
}
