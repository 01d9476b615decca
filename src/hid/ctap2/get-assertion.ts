// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#authenticatorGetAssertion
// Section 6.2.

import type { CborMap } from '../../lib/cbor.ts'
import type { Channel } from '../ctaphid/channel.ts'
import {
  callCtap2,
  ctap2Command,
  malformed,
  optionalBytes,
  optionalNumber,
  presentEntries,
  requiredBytes,
} from './command.ts'
import {
  type CommandOptions,
  type CredentialDescriptor,
  type CtapOptions,
  descriptors,
  optionsMap,
  type PinUvAuthToken,
} from './credentials.ts'

export interface GetAssertionParameters {
  readonly rpId: string
  /** SHA-256 of the client data, 32 bytes. */
  readonly clientDataHash: Uint8Array
  readonly allowList?: readonly CredentialDescriptor[] | undefined
  readonly extensions?: CborMap | undefined
  readonly options?: CtapOptions | undefined
  /** Proves that the user was verified. */
  readonly token?: PinUvAuthToken | undefined
}

export interface GetAssertionResult {
  readonly credentialId: Uint8Array
  /** 37 bytes and more (WebAuthn section 6.1). */
  readonly authData: Uint8Array
  /** Over authData ‖ clientDataHash. */
  readonly signature: Uint8Array
  /** The user handle, where the key keeps one. */
  readonly userHandle: Uint8Array | undefined
  /** How many credentials the key has that would do; 1 where it does not say. */
  readonly numberOfCredentials: number
}

/** A key may leave the credential out when the allow list has just one (section 6.2.2). */
function credentialId(answer: CborMap, allowList: readonly CredentialDescriptor[]): Uint8Array {
  const credential = answer.get(0x01)
  if (credential instanceof Map) return requiredBytes(credential, 'id')
  const [only] = allowList
  if (only && allowList.length === 1) return only.id
  throw malformed('an assertion without its credential')
}

/** The request's map. */
export const assertionRequest = (parameters: GetAssertionParameters): CborMap =>
  presentEntries([
    [0x01, parameters.rpId],
    [0x02, parameters.clientDataHash],
    [0x03, descriptors(parameters.allowList)],
    [0x04, parameters.extensions],
    [0x05, optionsMap(parameters.options)],
    [0x06, parameters.token?.authenticate(parameters.clientDataHash)],
    [0x07, parameters.token?.protocol],
  ])

/**
 * Signs with a credential. The key blinks and waits for a touch, unless `options.up` is false.
 * @throws {CtapError} `key_no_credentials`, `key_denied`, `key_timeout`, `key_cancelled`, `key_pin_required` …
 */
export async function getAssertion(
  channel: Channel,
  parameters: GetAssertionParameters,
  options: CommandOptions = {},
): Promise<GetAssertionResult> {
  const answer = await callCtap2(channel, ctap2Command.getAssertion, assertionRequest(parameters), options)
  return assertion(answer, parameters.allowList ?? [])
}

/**
 * The next of several assertions (section 6.3), which the key keeps for half a minute.
 * @throws {CtapError} `key_not_allowed` when there is none
 */
export async function getNextAssertion(channel: Channel, options: CommandOptions = {}): Promise<GetAssertionResult> {
  return assertion(await callCtap2(channel, ctap2Command.getNextAssertion, undefined, options), [])
}

function assertion(answer: CborMap, allowList: readonly CredentialDescriptor[]): GetAssertionResult {
  const user = answer.get(0x04)
  return {
    credentialId: credentialId(answer, allowList),
    authData: requiredBytes(answer, 0x02),
    signature: requiredBytes(answer, 0x03),
    userHandle: user instanceof Map ? optionalBytes(user, 'id') : undefined,
    numberOfCredentials: optionalNumber(answer, 0x05) ?? 1,
  }
}
