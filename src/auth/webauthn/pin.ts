import type { PinUvAuthToken, TokenRequest } from '../../hid/index.ts'
import { type Authenticator, type CeremonyOptions, CtapError, isCtapError } from '../../hid/index.ts'
import type { Interaction } from '../interaction.ts'

/**
 * How many wrong PINs the key still takes, at least 1: asked before a person types one.
 * @throws {CtapError} when it takes no PIN now: `key_pin_blocked`, `key_pin_auth_blocked`
 */
export async function pinTriesLeft(key: Authenticator): Promise<number> {
  const { left, powerCycleNeeded } = await key.pinRetries()
  if (left === 0) throw blocked(key)
  if (powerCycleNeeded) {
    throw new CtapError('key_pin_auth_blocked', 'the key takes no PIN until it is plugged in anew', {
      device: key.name,
      retriesLeft: left,
    })
  }
  return left
}

const blocked = (key: Authenticator) =>
  new CtapError('key_pin_blocked', 'the key takes no PIN any more', { device: key.name, retriesLeft: 0 })

/**
 * The token that the PIN of `key` gives. A wrong PIN that a person typed is asked again; one that a script supplied is
 * tried once.
 * @throws {CtapError} `key_pin_invalid` with `retriesLeft`, `key_pin_auth_blocked`, `key_pin_blocked` …
 * @throws {CancelledError} on Ctrl-C
 */
export async function tokenByPin(
  key: Authenticator,
  request: Omit<TokenRequest, 'pin'>,
  interaction: Interaction,
  options: CeremonyOptions & { readonly signal: AbortSignal },
): Promise<PinUvAuthToken> {
  let left = (await interaction.pinSource()) === 'person' ? await pinTriesLeft(key) : undefined
  for (;;) {
    const pin = await interaction.pin({ key: key.name, triesLeft: left }, options.signal)
    try {
      return await key.verifyUser({ ...request, pin }, options)
    } catch (error) {
      if (!isCtapError(error, 'key_pin_invalid', 'key_pin_policy') || !interaction.canRetry) throw error
      if (error.details.retriesLeft === 0) throw blocked(key)
      // It says how many tries are left.
      interaction.refused(error, [])
      left = undefined
    }
  }
}
