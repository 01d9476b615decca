import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { Authenticator } from './authenticator.ts'
import { Ctap2Authenticator } from './ctap2/authenticator.ts'
import { type AuthenticatorInfo, getInfo } from './ctap2/get-info.ts'
import { type Channel, type ChannelTimings, openChannel, speaksCbor, speaksMsg } from './ctaphid/channel.ts'
import type { HidDevice } from './device.ts'
import { CtapError, isCtapError } from './errors.ts'
import { U2fAuthenticator, u2fVersion } from './u2f/authenticator.ts'
import { getVersion } from './u2f/version.ts'

export interface Surroundings {
  readonly clock: Clock
  readonly random: Random
  readonly timings?: ChannelTimings | undefined
  /** Ends whatever the key is asked from now on. */
  readonly signal?: AbortSignal | undefined
}

/** CTAP1_ERR_INVALID_COMMAND, and ERR_INVALID_CMD of CTAPHID. */
const invalidCommand = 0x01

/**
 * Opens a channel on the device and asks what it is: CTAP2 where the key speaks that, else U2F (CTAP 2.1 sections 6.4
 * and 7.1). The device is closed again on failure.
 * @throws {CtapError} `key_unsupported` when the key speaks neither; what {@link openChannel} throws.
 */
export async function openAuthenticator(
  device: HidDevice,
  { clock, random, timings, signal: lifetime }: Surroundings,
  signal?: AbortSignal,
): Promise<Authenticator> {
  try {
    const channel = await openChannel(device, { clock, random, signal, timings, lifetime })
    const info = speaksCbor(channel) ? await ctap2Info(channel, signal) : undefined
    if (info) return new Ctap2Authenticator({ device, channel, info, clock, random })
    if (!speaksMsg(channel) || !(await speaksU2f(channel, signal))) {
      const { product } = device
      throw new CtapError('key_unsupported', `${product} speaks neither CTAP2 nor U2F`, { device: product })
    }
    return new U2fAuthenticator({ device, channel, clock })
  } catch (error) {
    await device.close()
    throw error
  }
}

/** What the key says of itself, or undefined when CTAP2 is not among it. */
async function ctap2Info(channel: Channel, signal: AbortSignal | undefined): Promise<AuthenticatorInfo | undefined> {
  try {
    const info = await getInfo(channel, { signal })
    return info.versions.some(version => version.startsWith('FIDO_2_')) ? info : undefined
  } catch (error) {
    if (isInvalidCommand(error) && speaksMsg(channel)) return undefined
    throw error
  }
}

async function speaksU2f(channel: Channel, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    return (await getVersion(channel, { signal })) === u2fVersion
  } catch (error) {
    if (isInvalidCommand(error)) return false
    throw error
  }
}

const isInvalidCommand = (error: unknown): boolean => isCtapError(error) && error.details.status === invalidCommand
