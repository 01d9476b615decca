// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html
// Section 11.2.9: the commands that are the same whatever protocol a key speaks above CTAPHID.

import { equalBytes } from '../../lib/bytes.ts'
import { CtapError } from '../errors.ts'
import { type Channel, canWink } from './channel.ts'
import { command } from './constants.ts'

const longestLock = 10

/**
 * Sends up to 7609 bytes and checks that they come back (section 11.2.9.1.4).
 * @throws {CtapError} `key_protocol` when others do; what {@link Channel.call} throws
 */
export async function ping(channel: Channel, data: Uint8Array): Promise<void> {
  const answer = await channel.call(command.ping, data)
  if (!equalBytes(answer, data)) throw new CtapError('key_protocol', 'the security key sent other bytes back')
}

/** Has the key show itself (section 11.2.9.2.1). @throws {CtapError} `key_unsupported_option` when it can't */
export async function wink(channel: Channel): Promise<void> {
  if (!canWink(channel)) throw new CtapError('key_unsupported_option', 'the security key cannot wink')
  await channel.call(command.wink, new Uint8Array())
}

/**
 * Has the key serve this channel alone for `seconds`, a whole number from 1 to 10; 0 lets it go (section 11.2.9.2.2).
 * @throws {RangeError} for any other number
 * @throws {CtapError} `key_busy` when another channel has the lock, `key_protocol` when the key knows no locks
 */
export async function lock(channel: Channel, seconds: number): Promise<void> {
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > longestLock) {
    throw new RangeError(`a key is locked for 0 to ${longestLock} seconds`)
  }
  await channel.call(command.lock, Uint8Array.of(seconds))
}
