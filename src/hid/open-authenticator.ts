import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { Authenticator, CeremonyOptions } from './authenticator.ts'
import type { GetAssertionParameters, GetAssertionResult } from './ctap2/get-assertion.ts'
import { type AuthenticatorInfo, getInfo } from './ctap2/get-info.ts'
import type { MakeCredentialParameters, MakeCredentialResult } from './ctap2/make-credential.ts'
import { getAssertionAmong, makeCredentialUnless } from './ctap2/preflight.ts'
import { type Channel, type ChannelTimings, openChannel, speaksCbor } from './ctaphid/channel.ts'
import { keepalive } from './ctaphid/constants.ts'
import type { HidDevice } from './device.ts'
import { CtapError } from './errors.ts'

/** Some keys say "processing" even while they wait for a touch: after this many milliseconds it is taken for that. */
const touchAssumedAfter = 500

export interface Surroundings {
  readonly clock: Clock
  readonly random: Random
  readonly timings?: ChannelTimings | undefined
}

class Ctap2Authenticator implements Authenticator {
  readonly name: string
  readonly path: string
  readonly info: AuthenticatorInfo
  private readonly device: HidDevice
  private readonly channel: Channel
  private readonly clock: Clock

  constructor(device: HidDevice, channel: Channel, info: AuthenticatorInfo, clock: Clock) {
    this.name = device.product
    this.path = device.path
    this.info = info
    this.device = device
    this.channel = channel
    this.clock = clock
  }

  makeCredential(parameters: MakeCredentialParameters, options: CeremonyOptions = {}): Promise<MakeCredentialResult> {
    return makeCredentialUnless(this.channel, parameters, this.info, this.commandOptions(options))
  }

  getAssertion(parameters: GetAssertionParameters, options: CeremonyOptions = {}): Promise<GetAssertionResult> {
    return getAssertionAmong(this.channel, parameters, this.info, this.commandOptions(options))
  }

  close(): Promise<void> {
    return this.device.close()
  }

  private commandOptions({ signal, timeout, onTouchNeeded }: CeremonyOptions) {
    const onKeepalive = onTouchNeeded && touchNotice(this.clock, onTouchNeeded)
    return { signal, timeout, onKeepalive, maxMessageSize: this.info.maxMsgSize }
  }
}

/** A listener to KEEPALIVE that calls `notify` once, when the key says or seems to wait for a touch. */
export function touchNotice(clock: Clock, notify: () => void): (status: number) => void {
  const begun = clock.now()
  let notified = false
  return status => {
    const waits = status === keepalive.userPresenceNeeded || clock.now() - begun >= touchAssumedAfter
    if (notified || !waits) return
    notified = true
    notify()
  }
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
    return new Ctap2Authenticator(device, channel, await getInfo(channel, { signal }), clock)
  } catch (error) {
    await device.close()
    throw error
  }
}
