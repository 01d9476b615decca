import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { framesOf, largestPayload, type Message, MessageAssembler } from '../../../src/hid/ctaphid/framing.ts'
import { CtapError } from '../../../src/hid/errors.ts'
import { concatBytes, fromHex, toHex } from '../../../src/lib/bytes.ts'
import { emitMessage, InboundMessage } from '../../../src/simulators/security-key/packets.ts'

const channel = 0x0a0b0c0d
const padded = (hex: string) => hex.padEnd(128, '0')

function assemble(frames: readonly Uint8Array[], id = channel): Message[] {
  const assembler = new MessageAssembler(id)
  return frames.flatMap(frame => assembler.accept(frame) ?? [])
}

function codeOf(run: () => unknown): string | undefined {
  try {
    run()
  } catch (error) {
    return error instanceof CtapError ? error.code : String(error)
  }
  return undefined
}

describe('messages as bytes', () => {
  test('INIT on the broadcast channel', () => {
    const frames = framesOf(0xffffffff, { command: 0x06, payload: fromHex('0102030405060708') })
    expect(frames.map(toHex)).toEqual([padded('ffffffff8600080102030405060708')])
  })

  test('getInfo', () => {
    const frames = framesOf(channel, { command: 0x10, payload: Uint8Array.of(4) })
    expect(frames.map(toHex)).toEqual([padded('0a0b0c0d90000104')])
  })

  test('57 bytes fill one packet, the 58th begins another', () => {
    const payload = Uint8Array.from({ length: 58 }, (_, index) => index)
    expect(framesOf(channel, { command: 1, payload: payload.subarray(0, 57) })).toHaveLength(1)
    expect(framesOf(channel, { command: 1, payload }).map(toHex)).toEqual([
      `0a0b0c0d81003a${toHex(payload.subarray(0, 57))}`,
      padded('0a0b0c0d0039'),
    ])
  })

  test('the longest has 7609 bytes, in 129 packets; one byte more is refused', () => {
    const frames = framesOf(channel, { command: 1, payload: new Uint8Array(largestPayload) })
    expect([largestPayload, frames.length, frames.at(-1)?.[4]]).toEqual([7609, 129, 0x7f])
    expect(codeOf(() => framesOf(channel, { command: 1, payload: new Uint8Array(7610) }))).toBe('key_request_too_large')
  })
})

const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  fc.integer({ min: 0, max: largestPayload }).map(length => new Uint8Array(length).fill(length & 0xff)),
)
const messages = fc.record({ command: fc.integer({ min: 1, max: 0x2f }), payload: payloads })
const foreignFrames = fc
  .tuple(
    fc.integer({ min: 0, max: 0xffffffff }).filter(id => id !== channel),
    fc.uint8Array({ minLength: 60, maxLength: 60 }),
  )
  .map(([id, rest]) => {
    const head = new Uint8Array(4)
    new DataView(head.buffer).setUint32(0, id)
    return concatBytes(head, rest)
  })

describe('messages come back', () => {
  test('split and joined, with frames of other channels and stray continuations in between', () => {
    fc.assert(
      fc.property(messages, fc.array(foreignFrames, { maxLength: 10 }), fc.nat(), (message, foreign, where) => {
        const frames = framesOf(channel, message)
        const stray = fromHex(padded('0a0b0c0d05'))
        for (const [index, frame] of foreign.entries())
          frames.splice((where * (index + 1)) % (frames.length + 1), 0, frame)
        expect(assemble([stray, ...frames])).toEqual([message])
      }),
    )
  })

  test('one after the other', () => {
    fc.assert(
      fc.property(fc.array(messages, { maxLength: 4 }), list => {
        expect(assemble(list.flatMap(message => framesOf(channel, message)))).toEqual(list)
      }),
    )
  })

  test('through the simulator’s packets, which are written apart: ours read by it, its read by us', () => {
    fc.assert(
      fc.property(messages, message => {
        const theirs: Uint8Array[] = []
        emitMessage(channel, message.command | 0x80, message.payload, packet => theirs.push(packet))
        expect(assemble(theirs)).toEqual([message])
        const [first = new Uint8Array(), ...rest] = framesOf(channel, message)
        const inbound = InboundMessage.begin(first)
        for (const packet of rest) expect(inbound?.add(packet)).toBe(true)
        expect(inbound?.isComplete && inbound.payload()).toEqual(message.payload)
      }),
    )
  })
})

describe('broken messages', () => {
  const frames = framesOf(channel, { command: 0x10, payload: new Uint8Array(200).fill(7) })
  const [first = new Uint8Array(), second = new Uint8Array(), third = new Uint8Array()] = frames

  test('a packet out of sequence, twice, or left out', () => {
    expect(codeOf(() => assemble([first, third]))).toBe('key_protocol')
    expect(codeOf(() => assemble([first, second, second]))).toBe('key_protocol')
  })

  test('a message within another', () => expect(codeOf(() => assemble([first, first]))).toBe('key_protocol'))

  test('a length beyond what 129 packets hold', () => {
    expect(codeOf(() => assemble([fromHex(padded('0a0b0c0d901dba'))]))).toBe('key_protocol')
  })

  test('a report of another size', () => {
    expect(codeOf(() => assemble([first.subarray(0, 63)]))).toBe('key_protocol')
    expect(codeOf(() => assemble([fromHex('0a0b0c0d')]))).toBe('key_protocol')
    expect(assemble([fromHex('0a0b')])).toEqual([])
  })

  test('one cut short gives nothing, and is known to be incomplete', () => {
    const assembler = new MessageAssembler(channel)
    expect([assembler.accept(first), assembler.isIncomplete]).toEqual([undefined, true])
  })

  test('ERROR ends a message, KEEPALIVE does not', () => {
    const keepalive = fromHex(padded('0a0b0c0dbb000102'))
    const error = fromHex(padded('0a0b0c0dbf00017f'))
    const [answer] = assemble([first, keepalive, ...frames.slice(1)]).slice(1)
    expect(answer?.payload).toHaveLength(200)
    expect(assemble([first, error, second])).toEqual([{ command: 0x3f, payload: Uint8Array.of(0x7f) }])
  })

  test('arbitrary reports give messages or typed errors', () => {
    const report = fc.uint8Array({ minLength: 60, maxLength: 60 }).map(rest => concatBytes(fromHex('0a0b0c0d'), rest))
    fc.assert(
      fc.property(fc.array(report, { maxLength: 20 }), reports => {
        expect([undefined, 'key_protocol']).toContain(codeOf(() => assemble(reports)))
      }),
    )
  })
})
