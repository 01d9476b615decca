// https://fidoalliance.org/specs/fido-u2f-v1.2-ps-20170411/fido-u2f-raw-message-formats-v1.2-ps-20170411.html
// Section 3: a request is an APDU of ISO 7816-4 in its extended-length form, an answer is data and a status word.

import { concatBytes } from '../../lib/bytes.ts'
import type { CallOptions, Channel } from '../ctaphid/channel.ts'
import { command } from '../ctaphid/constants.ts'
import { CtapError } from '../errors.ts'

export const instruction = { register: 0x01, authenticate: 0x02, version: 0x03 } as const

export interface CommandApdu {
  readonly instruction: number
  /** Default: 0. */
  readonly p1?: number
  /** Up to 65535 bytes. */
  readonly data?: Uint8Array
}

export interface ResponseApdu {
  readonly data: Uint8Array
  /** SW1 and SW2, 16 bits. */
  readonly status: number
}

const none = new Uint8Array()

/** CLA 0, INS, P1, P2 0; a zero byte, the length (2 bytes) and the data if there are any; Le of 65536 (section 3.1). */
export function commandBytes({ instruction, p1 = 0, data = none }: CommandApdu): Uint8Array {
  const length = data.length > 0 ? [data.length >> 8, data.length & 0xff] : []
  return concatBytes(Uint8Array.of(0, instruction, p1, 0, 0, ...length), data, Uint8Array.of(0, 0))
}

/** @throws {CtapError} `key_protocol` when there are not even 2 bytes of status */
export function readResponse(bytes: Uint8Array): ResponseApdu {
  if (bytes.length < 2) throw new CtapError('key_protocol', 'the security key answered without a status word')
  const end = bytes.length - 2
  return { data: bytes.slice(0, end), status: new DataView(bytes.buffer, bytes.byteOffset).getUint16(end) }
}

/** Sends an APDU over CTAPHID_MSG (CTAP 2.1 section 11.2.9.1.1). @throws what {@link Channel.call} throws */
export async function callU2f(channel: Channel, apdu: CommandApdu, options?: CallOptions): Promise<ResponseApdu> {
  return readResponse(await channel.call(command.msg, commandBytes(apdu), options))
}
