import type { CallOptions, Channel } from '../../src/hid/ctaphid/channel.ts'
import { CtapError, isCtapError } from '../../src/hid/errors.ts'
import { concatBytes } from '../../src/lib/bytes.ts'
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../src/lib/cbor.ts'

export interface Ctap2Request {
  readonly command: number
  readonly parameters: CborMap
}

/** What a key answers a CTAP2 request: a map, a status, or bytes as they are. */
export type Ctap2Answer = CborMap | number | Uint8Array

/** A map of any members. */
export const mapOf = (...members: readonly (readonly [number | string, CborValue])[]): CborMap => new Map(members)

/** A channel without a wire, whose other end is a function; it notes what it is sent. */
export class ScriptedChannel implements Channel {
  readonly id = 1
  readonly protocolVersion = 2
  readonly deviceVersion: readonly [number, number, number] = [5, 4, 3]
  readonly capabilities: number
  readonly requests: Ctap2Request[] = []
  readonly options: CallOptions[] = []
  private readonly respond: (request: Ctap2Request) => Ctap2Answer

  constructor(respond: (request: Ctap2Request) => Ctap2Answer, capabilities = 0x05) {
    this.respond = respond
    this.capabilities = capabilities
  }

  async call(command: number, payload: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
    if (options.signal?.aborted) throw new CtapError('key_cancelled', 'cancelled')
    if (command !== 0x10) return payload.slice()
    const body = payload.length > 1 ? decodeCbor(payload.subarray(1)) : new Map()
    if (!(body instanceof Map)) throw new Error('a request that is no map')
    const request = { command: payload[0] ?? 0, parameters: body }
    this.requests.push(request)
    this.options.push(options)
    const answer = this.respond(request)
    if (typeof answer === 'number') return Uint8Array.of(answer)
    if (answer instanceof Uint8Array) return answer
    return answer.size === 0 ? Uint8Array.of(0) : concatBytes(Uint8Array.of(0), encodeCbor(answer))
  }

  /** The commands that were sent, and for clientPIN its subcommand: `6.2`. */
  get sent(): string[] {
    return this.requests.map(({ command, parameters }) =>
      command === 6 ? `6.${parameters.get(2)}` : command.toString(16),
    )
  }
}

/** What a promise is refused with; fails where it is not, or with no {@link CtapError}. */
export async function refusal(promise: Promise<unknown>): Promise<CtapError> {
  const error = await promise.then(
    () => new Error('not refused'),
    reason => reason,
  )
  if (!isCtapError(error)) throw error
  return error
}
