import { equalBytes } from '../../lib/bytes.ts'
import { CtapError } from '../errors.ts'
import { broadcastChannel, command, hidError } from './constants.ts'
import { isOfChannel } from './framing.ts'
import { cancelled, hidFailure, type Line } from './line.ts'

const nonceLength = 8
const answerLength = 17
const header = 7

export interface InitAnswer {
  readonly channel: number
  readonly protocolVersion: number
  readonly deviceVersion: readonly [number, number, number]
  readonly capabilities: number
}

/**
 * INIT (section 11.2.9.1.3) on `channel`: an 8-byte nonce out; nonce, channel, version and capabilities (17 bytes) back,
 * in one packet. Everything else that arrives is an answer to somebody else, or to what we have given up.
 * @throws {CtapError} `key_silent`, `key_busy`, `key_cancelled`, `key_unplugged`; `key_protocol` when the key does not
 * know `channel` (ERR_INVALID_CHANNEL)
 */
export async function initialise(line: Line, channel: number, signal: AbortSignal | undefined): Promise<InitAnswer> {
  if (signal?.aborted) throw cancelled(signal)
  const nonce = line.random.bytes(nonceLength)
  const deadline = line.clock.now() + line.timings.silence
  await line.send(channel, command.init, nonce, { signal })
  for (let left = line.timings.silence; left > 0; left = deadline - line.clock.now()) {
    if (signal?.aborted) throw cancelled(signal)
    const frame = await line.read(left)
    if (!frame || frame.length < header + answerLength || !isOfChannel(frame, channel)) continue
    const failure = failureIn(frame, channel)
    if (failure) throw failure
    const answer = answerIn(frame, nonce)
    if (answer) return answer
  }
  throw new CtapError('key_silent', 'the security key does not answer')
}

function failureIn(frame: Uint8Array, channel: number): CtapError | undefined {
  if (frame[4] !== (command.error | 0x80)) return undefined
  const status = frame[header]
  const isFinal =
    status === hidError.channelBusy || (status === hidError.invalidChannel && channel !== broadcastChannel)
  return isFinal ? hidFailure(status) : undefined
}

function answerIn(frame: Uint8Array, nonce: Uint8Array): InitAnswer | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset)
  if (view.getUint8(4) !== (command.init | 0x80) || view.getUint16(5) < answerLength) return undefined
  if (!equalBytes(frame.subarray(header, header + nonceLength), nonce)) return undefined
  const channel = view.getUint32(header + 8)
  if (channel === broadcastChannel) return undefined
  return {
    channel,
    protocolVersion: view.getUint8(header + 12),
    deviceVersion: [view.getUint8(header + 13), view.getUint8(header + 14), view.getUint8(header + 15)],
    capabilities: view.getUint8(header + 16),
  }
}
