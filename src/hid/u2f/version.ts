import type { CallOptions, Channel } from '../ctaphid/channel.ts'
import { command } from '../ctaphid/constants.ts'
import { callU2f, commandBytes, readResponse } from './apdu.ts'
import { versionRequest } from './messages.ts'
import { statusWord } from './status.ts'

/**
 * The version of U2F that the key speaks (Raw Message Formats section 6): `U2F_V2`. Keys of U2F 1.0 want a length of
 * zero spelt out, and call the request of section 3.1 too short. Undefined when the key refuses to say.
 */
export async function getVersion(channel: Channel, options: CallOptions = {}): Promise<string | undefined> {
  let answer = await callU2f(channel, versionRequest, options)
  if (answer.status === statusWord.wrongLength) {
    const spelt = Uint8Array.of(...commandBytes(versionRequest), 0, 0)
    answer = readResponse(await channel.call(command.msg, spelt, options))
  }
  if (answer.status !== statusWord.noError) return undefined
  return new TextDecoder('latin1').decode(answer.data)
}
