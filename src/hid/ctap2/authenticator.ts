import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { Authenticator, CeremonyOptions, PinRetries, TokenRequest } from '../authenticator.ts'
import { type Channel, canWink } from '../ctaphid/channel.ts'
import { ping, wink } from '../ctaphid/commands.ts'
import { within } from '../ctaphid/within.ts'
import type { HidDevice } from '../device.ts'
import { isCtapError } from '../errors.ts'
import { touchNotice } from '../touch-notice.ts'
import { untouchedIsLate } from '../untouched.ts'
import { assertionParametersFor, credentialParametersFor } from './capabilities.ts'
import { callCtap2, ctap2Command } from './command.ts'
import type { CommandOptions, PinUvAuthToken } from './credentials.ts'
import { type GetAssertionParameters, type GetAssertionResult, getNextAssertion } from './get-assertion.ts'
import { type AuthenticatorInfo, getInfo } from './get-info.ts'
import type { MakeCredentialParameters, MakeCredentialResult } from './make-credential.ts'
import { type CredentialQuery, getAssertionAmong, hasCredential, makeCredentialUnless } from './preflight.ts'
import { select } from './selection.ts'
import { changePin, pinRetries, setPin, uvRetries, verifyUser, withFinger } from './user-verification.ts'

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
  readonly deviceVersion: readonly [number, number, number]
  readonly canWink: boolean
  private readonly device: HidDevice
  private readonly channel: Channel
  private readonly clock: Clock
  private readonly random: Random
  private currentInfo: AuthenticatorInfo

  constructor({ device, channel, info, clock, random }: Ctap2Connection) {
    this.name = device.product
    this.path = device.path
    this.deviceVersion = channel.deviceVersion
    this.canWink = canWink(channel)
    this.device = device
    this.channel = channel
    this.clock = clock
    this.random = random
    this.currentInfo = info
  }

  get info(): AuthenticatorInfo {
    return this.currentInfo
  }

  async makeCredential(
    parameters: MakeCredentialParameters,
    ceremony: CeremonyOptions = {},
  ): Promise<MakeCredentialResult> {
    const request = credentialParametersFor(this.info, parameters)
    const { channel, options } = this.begin(ceremony)
    const attempt = () => makeCredentialUnless(channel, request, this.info, options)
    return withFinger(this.key(), () => untouchedIsLate(this.clock, attempt))
  }

  async getAssertion(parameters: GetAssertionParameters, ceremony: CeremonyOptions = {}): Promise<GetAssertionResult> {
    const request = assertionParametersFor(this.info, parameters)
    const { channel, options } = this.begin(ceremony)
    const attempt = () => getAssertionAmong(channel, request, this.info, options)
    return withFinger(this.key(), () => untouchedIsLate(this.clock, attempt))
  }

  nextAssertion(): Promise<GetAssertionResult> {
    return getNextAssertion(this.channel)
  }

  hasCredential(query: CredentialQuery, ceremony: CeremonyOptions = {}): Promise<boolean | undefined> {
    const { channel, options } = this.begin(ceremony)
    return hasCredential(channel, query, this.info, options)
  }

  select(ceremony: CeremonyOptions = {}): Promise<void> {
    const { channel, options } = this.begin(ceremony)
    return untouchedIsLate(this.clock, () => select(channel, this.info, options))
  }

  verifyUser(request: TokenRequest, ceremony: CeremonyOptions = {}): Promise<PinUvAuthToken> {
    const { channel, options } = this.begin(ceremony)
    return untouchedIsLate(this.clock, () => verifyUser(this.key(channel), request, options))
  }

  async pinRetries(): Promise<PinRetries> {
    return pinRetries(this.key())
  }

  uvRetries(): Promise<number> {
    return uvRetries(this.key())
  }

  async setPin(pin: string): Promise<void> {
    await setPin(this.key(), pin)
    await this.renewInfo()
  }

  async changePin(current: string, next: string): Promise<void> {
    await changePin(this.key(), current, next)
    await this.renewInfo()
  }

  wink(): Promise<void> {
    return wink(this.channel)
  }

  ping(data: Uint8Array): Promise<void> {
    return ping(this.channel, data)
  }

  async reset(ceremony: CeremonyOptions = {}): Promise<void> {
    const { channel, options } = this.begin(ceremony)
    await untouchedIsLate(this.clock, () => callCtap2(channel, ctap2Command.reset, undefined, options))
    await this.renewInfo()
  }

  close(): Promise<void> {
    return this.device.close()
  }

  private key(channel = this.channel) {
    return { channel, info: this.info, random: this.random }
  }

  private begin({ signal, timeout, onTouchNeeded }: CeremonyOptions): { channel: Channel; options: CommandOptions } {
    const onKeepalive = onTouchNeeded && touchNotice(this.clock, onTouchNeeded)
    const channel = timeout === undefined ? this.channel : within(this.channel, this.clock, timeout)
    return { channel, options: { signal, onKeepalive, maxMessageSize: this.info.maxMsgSize } }
  }

  /** What the key says of itself changes with its PIN. Whatever goes wrong here will show at its next command. */
  private async renewInfo(): Promise<void> {
    try {
      this.currentInfo = await getInfo(this.channel)
    } catch (error) {
      if (!isCtapError(error)) throw error
    }
  }
}
