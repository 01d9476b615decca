// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#authenticatorClientPIN
// Section 6.5: which subcommands a key with these capabilities is sent, and what its refusals mean.

import type { Random } from '../../lib/random.ts'
import type { PinRetries, TokenRequest } from '../authenticator.ts'
import type { Channel } from '../ctaphid/channel.ts'
import { CtapError, type CtapErrorDetails, isCtapError, type KeyErrorCode } from '../errors.ts'
import { preferredProtocol } from './capabilities.ts'
import { ClientPin } from './client-pin.ts'
import type { CommandOptions, PinUvAuthToken } from './credentials.ts'
import type { AuthenticatorInfo } from './get-info.ts'
import { isPossiblePin, minimumPinLength, paddedPin } from './pin.ts'
import { permissionMask } from './pin-uv-auth/token.ts'

export interface VerifyingKey {
  readonly channel: Channel
  readonly info: AuthenticatorInfo
  readonly random: Random
}

const unsupported = (what: string) => new CtapError('key_unsupported_option', `the security key ${what}`)

/** The same refusal, told with more, or as what it means here. */
const retold = (error: CtapError, code: KeyErrorCode, details: CtapErrorDetails = {}) =>
  new CtapError(code, error.message, { ...error.details, ...details }, { cause: error })

function clientPin({ channel, info, random }: VerifyingKey): ClientPin {
  const protocol = preferredProtocol(info)
  if (!protocol) throw unsupported('has no PIN/UV auth protocol that is known here')
  return new ClientPin(channel, protocol, random)
}

/** Tells `count` with a refusal of `code`. What was refused stays refused, whatever becomes of the question. */
async function withRetries<T>(attempt: () => Promise<T>, code: KeyErrorCode, count: () => Promise<number>): Promise<T> {
  try {
    return await attempt()
  } catch (error) {
    if (!isCtapError(error, code)) throw error
    let retriesLeft: number
    try {
      retriesLeft = await count()
    } catch (failure) {
      if (isCtapError(failure)) throw error
      throw failure
    }
    throw retold(error, code, { retriesLeft })
  }
}

/** Runs what a PIN is needed for; a wrong one tells how many attempts are left. */
function withPin<T>(key: VerifyingKey, pin: string, attempt: (subCommands: ClientPin) => Promise<T>): Promise<T> {
  const subCommands = clientPin(key)
  return withRetries(
    async () => {
      if (!isPossiblePin(pin)) throw new CtapError('key_pin_invalid', 'no security key has a PIN of this length')
      return attempt(subCommands)
    },
    'key_pin_invalid',
    async () => (await subCommands.pinRetries()).left,
  )
}

/** Runs what a finger may be needed for; a miss tells how many are left. */
export function withFinger<T>(key: VerifyingKey, attempt: () => Promise<T>): Promise<T> {
  return withRetries(attempt, 'key_uv_invalid', () => uvRetries(key))
}

function verifyPinIsSet({ info }: VerifyingKey): void {
  const isSet = info.options.get('clientPin')
  if (isSet === undefined) throw unsupported('has no PIN')
  if (!isSet) throw new CtapError('key_pin_not_set', 'the security key has no PIN yet')
}

const changeRequired = 'key_pin_change_required'

/** A token by PIN or by a finger (section 6.5.5.7). */
export async function verifyUser(
  key: VerifyingKey,
  { pin, permissions, rpId }: TokenRequest,
  options: CommandOptions,
): Promise<PinUvAuthToken> {
  const can = (option: string) => key.info.options.get(option) === true
  const scope = { permissions: permissionMask(permissions), rpId }
  if (pin === undefined) {
    if (!can('pinUvAuthToken') || !can('uv')) throw unsupported('gives no token for a finger')
    return withFinger(key, async () => clientPin(key).tokenByUv(scope, options))
  }
  verifyPinIsSet(key)
  if (key.info.forcePinChange) throw new CtapError(changeRequired, 'the PIN of the security key must be changed first')
  if (can('pinUvAuthToken') && can('noMcGaPermissionsWithClientPin')) throw unsupported('wants a finger, not a PIN')
  const silent = { ...options, onKeepalive: undefined }
  return withPin(key, pin, async subCommands => {
    try {
      return await subCommands.tokenByPin(pin, can('pinUvAuthToken') ? scope : undefined, silent)
    } catch (error) {
      // Section 6.5.5.7: to give a token is against the policy only for as long as the PIN must be changed.
      throw isCtapError(error, 'key_pin_policy') ? retold(error, changeRequired) : error
    }
  })
}

export const pinRetries = (key: VerifyingKey): Promise<PinRetries> => clientPin(key).pinRetries()

export const uvRetries = async (key: VerifyingKey): Promise<number> => clientPin(key).uvRetries()

/** The first PIN (section 6.5.5.5). */
export async function setPin(key: VerifyingKey, pin: string): Promise<void> {
  const { options, minPinLength } = key.info
  if (!options.has('clientPin')) throw unsupported('has no PIN')
  if (options.get('clientPin')) throw new CtapError('key_not_allowed', 'the security key has a PIN already')
  try {
    await clientPin(key).setPin(paddedPin(pin, minPinLength))
  } catch (error) {
    // Section 6.5.5.5: so it answers when another program has set a PIN meanwhile.
    if (isCtapError(error, 'key_pin_auth_invalid')) throw retold(error, 'key_not_allowed')
    throw withMinimum(error, key)
  }
}

/** Another PIN (section 6.5.5.6). */
export async function changePin(key: VerifyingKey, current: string, next: string): Promise<void> {
  verifyPinIsSet(key)
  const padded = paddedPin(next, key.info.minPinLength)
  try {
    await withPin(key, current, subCommands => subCommands.changePin(current, padded))
  } catch (error) {
    throw withMinimum(error, key)
  }
}

function withMinimum(error: unknown, { info }: VerifyingKey): unknown {
  if (!isCtapError(error, 'key_pin_policy')) return error
  return retold(error, error.code, { minimumPinLength: minimumPinLength(info.minPinLength) })
}
