// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#authenticatorSelection
// Section 6.9, and what stands in for it on keys that lack it.

import type { Channel } from '../ctaphid/channel.ts'
import { isCtapError } from '../errors.ts'
import { hasSelection, preferredProtocol } from './capabilities.ts'
import { callCtap2, ctap2Command } from './command.ts'
import type { CommandOptions } from './credentials.ts'
import type { AuthenticatorInfo } from './get-info.ts'
import { type MakeCredentialParameters, makeCredential } from './make-credential.ts'

/** A relying party that can't exist, and which keys with a display know to be none. */
const nobody: MakeCredentialParameters = {
  clientDataHash: new Uint8Array(32),
  rp: { id: '.dummy' },
  user: { id: Uint8Array.of(1), name: 'dummy' },
  pubKeyCredParams: [{ alg: -7 }],
}

/** What touched keys answer an empty pinUvAuthParam (section 6.1.2 step 1); some old ones take it for a wrong one. */
const touched = ['key_pin_invalid', 'key_pin_not_set', 'key_pin_auth_invalid'] as const

/**
 * Blinks until it is touched. Where there is no authenticatorSelection: makeCredential with an empty pinUvAuthParam on
 * a key that can have a PIN, and a credential that nobody keeps on one that can't.
 * @throws {CtapError} `key_denied`, `key_timeout`, `key_cancelled`
 */
export async function select(channel: Channel, info: AuthenticatorInfo, options: CommandOptions): Promise<void> {
  if (hasSelection(info)) {
    try {
      await callCtap2(channel, ctap2Command.selection, undefined, options)
      return
    } catch (error) {
      if (!isCtapError(error, 'key_unsupported')) throw error
    }
  }
  const takesPinOrToken = info.options.has('clientPin') || info.options.get('pinUvAuthToken') === true
  const protocol = takesPinOrToken ? preferredProtocol(info) : undefined
  const token = protocol && { protocol, authenticate: () => new Uint8Array() }
  try {
    await makeCredential(channel, { ...nobody, token }, options)
  } catch (error) {
    if (!isCtapError(error, ...touched)) throw error
  }
}
