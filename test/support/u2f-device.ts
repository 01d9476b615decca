import { command } from '../../src/hid/ctaphid/constants.ts'
import { framesOf, MessageAssembler } from '../../src/hid/ctaphid/framing.ts'
import { concatBytes, fromHex, toHex } from '../../src/lib/bytes.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { MemoryDevice } from './memory-device.ts'

const channel = 0x0a0b0c0d
const broadcast = 0xffff_ffff

export interface U2fScript {
  /** INIT's flags; 0: MSG alone. */
  readonly capabilities?: number
  /** The hexadecimal answer to an APDU given in hexadecimal; undefined for none at all, an empty text for ERROR. */
  readonly answer: (apdu: string, push: (kind: number, payload: Uint8Array) => void) => string | undefined
  /** The hexadecimal answer to CBOR; ERROR when left out. */
  readonly cbor?: (request: string) => string
}

/** A device that answers MSG as a test says, and what it was asked, in hexadecimal. */
export function u2fDevice(clock: Clock, { capabilities = 0, answer, cbor }: U2fScript, path?: string) {
  const apdus: string[] = []
  const assembler = new MessageAssembler(channel)
  const respond = (report: Uint8Array, push: (report: Uint8Array) => void) => {
    const emit = (kind: number, payload: Uint8Array) => framesOf(channel, { command: kind, payload }).forEach(push)
    const refuse = (status: number) => emit(command.error, Uint8Array.of(status))
    if (report[4] === (command.init | 0x80)) {
      const target = new DataView(report.buffer).getUint32(0)
      const payload = concatBytes(report.subarray(7, 15), fromHex('0a0b0c0d02010203'), Uint8Array.of(capabilities))
      for (const frame of framesOf(target === broadcast ? broadcast : channel, { command: command.init, payload })) {
        push(frame)
      }
      return
    }
    const message = assembler.accept(report)
    if (!message) return
    const request = toHex(message.payload)
    if (message.command === command.ping) return emit(command.ping, message.payload)
    if (message.command === command.wink) return emit(command.wink, new Uint8Array())
    if (message.command === command.cbor && cbor) return emit(command.cbor, fromHex(cbor(request)))
    if (message.command !== command.msg) return refuse(1)
    apdus.push(request)
    const response = answer(request, emit)
    if (response === '') refuse(1)
    else if (response !== undefined) emit(command.msg, fromHex(response))
  }
  return { device: new MemoryDevice(clock, respond, path), apdus }
}
