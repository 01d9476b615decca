import { equalBytes } from '../../lib/bytes.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { Authenticator, CeremonyOptions } from '../authenticator.ts'
import type { Channel } from '../ctaphid/channel.ts'
import { capability, command } from '../ctaphid/constants.ts'
import type { HidDevice } from '../device.ts'
import { CtapError } from '../errors.ts'
import { touchNotice } from '../touch-notice.ts'
import { malformed } from './command.ts'
import type { GetAssertionParameters, GetAssertionResult } from './get-assertion.ts'
import type { AuthenticatorInfo } from './get-info.ts'
import type { MakeCredentialParameters, MakeCredentialResult } from './make-credential.ts'
import { getAssertionAmong, makeCredentialUnless } from './preflight.ts'

export interface Ctap2Connection {
  readonly device: HidDevice
  readonly channel: Channel
  readonly info: AuthenticatorInfo
  readonly clock: Clock
  readonly random: Random
}

/** A key that speaks CTAP2. */
export class Ctap2Authenticator implements Authenticator {
  readonly protocol = 'ctap2'
  readonly name: string
  readonly path: string
  readonly info: AuthenticatorInfo
  readonly deviceVersion: readonly [number, number, number]
  readonly canWink: boolean
  private readonly device: HidDevice
  private readonly channel: Channel
  private readonly clock: Clock
  private readonly random: Random

  constructor({ device, channel, info, clock, random }: Ctap2Connection) {
    this.name = device.product
    this.path = device.path
    this.info = info
    this.deviceVersion = channel.deviceVersion
    this.canWink = (channel.capabilities & capability.wink) !== 0
    this.device = device
    this.channel = channel
    this.clock = clock
    this.random = random
  }

  makeCredential(parameters: MakeCredentialParameters, options: CeremonyOptions = {}): Promise<MakeCredentialResult> {
    return makeCredentialUnless(this.channel, parameters, this.info, this.commandOptions(options))
  }

  getAssertion(parameters: GetAssertionParameters, options: CeremonyOptions = {}): Promise<GetAssertionResult> {
    return getAssertionAmong(this.channel, parameters, this.info, this.commandOptions(options))
  }

  async wink(): Promise<void> {
    if (!this.canWink) throw new CtapError('key_unsupported_option', 'the security key cannot wink')
    await this.channel.call(command.wink, new Uint8Array())
  }

  async ping(data: Uint8Array): Promise<void> {
    const answer = await this.channel.call(command.ping, data)
    if (!equalBytes(answer, data)) throw malformed('other bytes back than it was pinged with')
  }

  close(): Promise<void> {
    return this.device.close()
  }

  private commandOptions({ signal, timeout, onTouchNeeded }: CeremonyOptions) {
    const onKeepalive = onTouchNeeded && touchNotice(this.clock, onTouchNeeded)
    return { signal, timeout, onKeepalive, maxMessageSize: this.info.maxMsgSize }
  }
}
