// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html
// Sections 6.1.2 and 6.2.2 with getInfo's limits (section 6.4): a list that is longer than the key takes is asked about
// in parts, without a touch ("pre-flight"), and the request itself then names the credential that the key has.

import type { Channel } from '../ctaphid/channel.ts'
import { CtapError, isCtapError } from '../errors.ts'
import { encodedSize } from './command.ts'
import type { CommandOptions, CredentialDescriptor, PinUvAuthToken } from './credentials.ts'
import {
  assertionRequest,
  type GetAssertionParameters,
  type GetAssertionResult,
  getAssertion,
} from './get-assertion.ts'
import type { AuthenticatorInfo } from './get-info.ts'
import {
  credentialRequest,
  type MakeCredentialParameters,
  type MakeCredentialResult,
  makeCredential,
} from './make-credential.ts'

type Limits = Pick<AuthenticatorInfo, 'maxMsgSize' | 'maxCredentialCountInList' | 'maxCredentialIdLength'>

/** Instead of a client data hash: what is signed without a touch is over nothing that a server asked for. */
const nothing = new Uint8Array(32)
/** Keys that say nothing without verification, or without a touch. */
const untold = ['key_pin_required', 'key_touch_required', 'key_unsupported_option'] as const
type List = readonly CredentialDescriptor[]

/** Only ids that the key can have made: it answers longer ones with an error, for the whole list. */
const possible = (list: List, { maxCredentialIdLength = Number.POSITIVE_INFINITY }: Limits): List =>
  list.filter(({ id }) => id.length <= maxCredentialIdLength)

/** `list` in parts, each as long as can be while `fits` says that the request stays short enough. */
function parts(list: List, limits: Limits, fits: (part: List) => boolean): List[] {
  const most = limits.maxCredentialCountInList ?? Number.POSITIVE_INFINITY
  const found: CredentialDescriptor[][] = []
  let part: CredentialDescriptor[] = []
  for (const descriptor of list) {
    if (part.length > 0 && (part.length >= most || !fits([...part, descriptor]))) {
      found.push(part)
      part = []
    }
    part.push(descriptor)
  }
  return part.length > 0 ? [...found, part] : found
}

/** The first of `list` that the key has, if any. Nobody needs to touch it. */
async function firstKnown(
  channel: Channel,
  list: List,
  { rpId, token }: Pick<GetAssertionParameters, 'rpId' | 'token'>,
  limits: Limits,
  options: CommandOptions,
): Promise<CredentialDescriptor | undefined> {
  const question = { rpId, token, clientDataHash: nothing, options: { up: false } }
  const request = (allowList: List): GetAssertionParameters => ({ ...question, allowList })
  const fits = (part: List) => encodedSize(assertionRequest(request(part))) <= limits.maxMsgSize
  const silent = { ...options, onKeepalive: undefined }
  let isAnswered = false
  let refusal: CtapError | undefined
  const ask = async (part: List): Promise<CredentialDescriptor | undefined> => {
    try {
      const { credentialId } = await getAssertion(channel, request(part), silent)
      return { id: credentialId }
    } catch (error) {
      if (isCtapError(error, 'key_no_credentials')) {
        isAnswered = true
        return undefined
      }
      if (!isCtapError(error, 'key_request_too_large')) throw error
      if (part.length === 1) {
        refusal = error
        return undefined
      }
      const middle = Math.ceil(part.length / 2)
      return (await ask(part.slice(0, middle))) ?? (await ask(part.slice(middle)))
    }
  }
  // An id that leaves no room in a request is of another key: this one could never be asked for it.
  const askable = possible(list, limits).filter(descriptor => fits([descriptor]))
  for (const part of parts(askable, limits, fits)) {
    const known = await ask(part)
    if (known) return known
  }
  // A key that takes other ids, but not this one, hasn't made it; one that takes none at all has told nothing.
  if (refusal && !isAnswered) throw refusal
  return undefined
}

/** Not every key tells its limits: some only refuse a list (0x15, 0x39) that may pass in halves. */
const isTooLong = (error: unknown, list: List): boolean =>
  isCtapError(error, 'key_request_too_large') && list.length > 1

export interface CredentialQuery {
  readonly rpId: string
  readonly credentials: List
  readonly token?: PinUvAuthToken | undefined
}

/** Whether the key has one of these credentials; undefined where it does not tell without a touch. */
export async function hasCredential(
  channel: Channel,
  { credentials, ...question }: CredentialQuery,
  limits: Limits,
  options: CommandOptions,
): Promise<boolean | undefined> {
  try {
    return (await firstKnown(channel, credentials, question, limits, options)) !== undefined
  } catch (error) {
    if (isCtapError(error, ...untold)) return undefined
    throw error
  }
}

const isWithin = (list: List, limits: Limits, size: number) =>
  size <= limits.maxMsgSize && list.length <= (limits.maxCredentialCountInList ?? Number.POSITIVE_INFINITY)

/** {@link getAssertion}, with an allow list of any length. */
export async function getAssertionAmong(
  channel: Channel,
  parameters: GetAssertionParameters,
  limits: Limits,
  options: CommandOptions,
): Promise<GetAssertionResult> {
  const { allowList = [] } = parameters
  if (allowList.length === 0) return getAssertion(channel, parameters, options)
  const list = possible(allowList, limits)
  // Without a list the key would offer any credential that it keeps for the site: that was not asked for.
  const none = () => new CtapError('key_no_credentials', 'the security key has none of these credentials')
  if (list.length === 0) throw none()
  const request = { ...parameters, allowList: list }
  if (isWithin(list, limits, encodedSize(assertionRequest(request)))) {
    try {
      return await getAssertion(channel, request, options)
    } catch (error) {
      if (!isTooLong(error, list)) throw error
    }
  }
  const known = await firstKnown(channel, list, parameters, limits, options)
  if (!known) throw none()
  return getAssertion(channel, { ...parameters, allowList: [known] }, options)
}

/** {@link makeCredential}, with an exclude list of any length. */
export async function makeCredentialUnless(
  channel: Channel,
  parameters: MakeCredentialParameters,
  limits: Limits,
  options: CommandOptions,
): Promise<MakeCredentialResult> {
  const list = possible(parameters.excludeList ?? [], limits)
  const request = { ...parameters, excludeList: list }
  if (isWithin(list, limits, encodedSize(credentialRequest(request)))) {
    try {
      return await makeCredential(channel, request, options)
    } catch (error) {
      if (!isTooLong(error, list)) throw error
    }
  }
  const question = { rpId: parameters.rp.id, token: parameters.token }
  const known = await firstKnown(channel, list, question, limits, options)
  return makeCredential(channel, { ...parameters, excludeList: known ? [known] : [] }, options)
}
