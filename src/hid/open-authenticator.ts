import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { Authenticator } from './authenticator.ts'
import { Ctap2Authenticator } from './ctap2/authenticator.ts'
import { getInfo } from './ctap2/get-info.ts'
import { type ChannelTimings, openChannel, speaksCbor } from './ctaphid/channel.ts'
import type { HidDevice } from './device.ts'
import { CtapError } from './errors.ts'

export interface Surroundings {
  readonly clock: Clock
  readonly random: Random
  readonly timings?: ChannelTimings | undefined
}

/**
 * Opens a channel on the device and asks what it is. The device is closed again on failure.
 * @throws {CtapError} `key_unsupported` when the key does not speak CTAP2; what {@link openChannel} throws.
 */
export async function openAuthenticator(
  device: HidDevice,
  { clock, random, timings }: Surroundings,
  signal?: AbortSignal,
): Promise<Authenticator> {
  try {
    const channel = await openChannel(device, { clock, random, signal, ...(timings ? { timings } : {}) })
    if (!speaksCbor(channel)) {
      throw new CtapError('key_unsupported', `${device.product} does not speak CTAP2`, { device: device.product })
    }
    return new Ctap2Authenticator({ device, channel, info: await getInfo(channel, { signal }), clock, random })
  } catch (error) {
    await device.close()
    throw error
  }
}
