// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#u2f-interop
// Section 7: a key that speaks U2F (CTAP1) alone, used as if it spoke CTAP2.

import type { Clock } from '../../lib/clock.ts'
import type { Authenticator, CeremonyOptions, PinRetries } from '../authenticator.ts'
import type { CredentialDescriptor, PinUvAuthToken } from '../ctap2/credentials.ts'
import type { GetAssertionParameters, GetAssertionResult } from '../ctap2/get-assertion.ts'
import type { AuthenticatorInfo } from '../ctap2/get-info.ts'
import type { MakeCredentialParameters, MakeCredentialResult } from '../ctap2/make-credential.ts'
import { type CallOptions, type Channel, canWink } from '../ctaphid/channel.ts'
import { ping, wink } from '../ctaphid/commands.ts'
import type { HidDevice } from '../device.ts'
import { CtapError, isCtapError } from '../errors.ts'
import { type CommandApdu, callU2f, type ResponseApdu } from './apdu.ts'
import { applicationOf, assertionFrom, credentialFrom, es256 } from './credential.ts'
import {
  authenticationRequest,
  control,
  longestKeyHandle,
  readAuthentication,
  readRegistration,
  registrationRequest,
  type U2fParameters,
} from './messages.ts'
import { statusWord, statusWordError } from './status.ts'
import { CeremonyTime } from './touch.ts'

export const u2fVersion = 'U2F_V2'

const parameterLength = 32
/** What browsers send for a touch and nothing else: keys with a screen know it, and name no site. */
const dummy: U2fParameters = {
  challenge: new Uint8Array(parameterLength).fill(0x42),
  application: new Uint8Array(parameterLength).fill(0x41),
}

const info: AuthenticatorInfo = {
  versions: [u2fVersion],
  extensions: [],
  aaguid: new Uint8Array(16),
  options: new Map(),
  maxMsgSize: 1024,
  pinUvAuthProtocols: [],
  maxCredentialCountInList: undefined,
  maxCredentialIdLength: longestKeyHandle,
  transports: [],
  algorithms: [es256],
  minPinLength: undefined,
  firmwareVersion: undefined,
  members: new Map(),
}

export interface U2fConnection {
  readonly device: HidDevice
  readonly channel: Channel
  readonly clock: Clock
}

/** A key that speaks U2F. */
export class U2fAuthenticator implements Authenticator {
  readonly protocol = 'u2f'
  readonly name: string
  readonly path: string
  readonly info = info
  readonly deviceVersion: readonly [number, number, number]
  readonly canWink: boolean
  private readonly device: HidDevice
  private readonly channel: Channel
  private readonly clock: Clock

  constructor({ device, channel, clock }: U2fConnection) {
    this.name = device.product
    this.path = device.path
    this.deviceVersion = channel.deviceVersion
    this.canWink = canWink(channel)
    this.device = device
    this.channel = channel
    this.clock = clock
  }

  /** Section 7.2. */
  async makeCredential(
    parameters: MakeCredentialParameters,
    options: CeremonyOptions = {},
  ): Promise<MakeCredentialResult> {
    const { clientDataHash, rp, pubKeyCredParams, excludeList = [] } = parameters
    refuseWhatU2fLacks(parameters)
    if (!pubKeyCredParams.some(({ alg }) => alg === es256)) {
      throw new CtapError('key_unsupported_algorithm', 'the security key knows ES256 alone')
    }
    const time = new CeremonyTime(this.clock, options)
    const application = applicationOf(rp.id)
    if (await this.known(excludeList, application, time)) {
      await this.touched(time, options)
      throw new CtapError('key_excluded', 'the security key has one of these credentials already')
    }
    const data = await this.register({ challenge: clientDataHash, application }, time, options)
    return credentialFrom(readRegistration(data), application)
  }

  /** Section 7.3. */
  async getAssertion(parameters: GetAssertionParameters, options: CeremonyOptions = {}): Promise<GetAssertionResult> {
    const { rpId, clientDataHash, allowList = [] } = parameters
    refuseWhatU2fLacks(parameters)
    const time = new CeremonyTime(this.clock, options)
    const application = applicationOf(rpId)
    const credential = await this.known(allowList, application, time)
    if (!credential) throw new CtapError('key_no_credentials', 'the security key has none of these credentials')
    const request = (controlByte: number) =>
      authenticationRequest(controlByte, { challenge: clientDataHash, application }, credential.id)
    const data =
      parameters.options?.up === false
        ? accepted(await this.ask(request(control.dontEnforceUserPresence), time.callOptions()))
        : accepted(await this.untilTouched(request(control.enforceUserPresence), time, options))
    return assertionFrom(readAuthentication(data), application, credential.id)
  }

  async nextAssertion(): Promise<GetAssertionResult> {
    throw new CtapError('key_not_allowed', 'the security key has no further assertion')
  }

  async hasCredential(
    {
      rpId,
      credentials,
    }: Pick<GetAssertionParameters, 'rpId'> & { readonly credentials: readonly CredentialDescriptor[] },
    options: CeremonyOptions = {},
  ): Promise<boolean> {
    const time = new CeremonyTime(this.clock, options)
    return (await this.known(credentials, applicationOf(rpId), time)) !== undefined
  }

  async select(options: CeremonyOptions = {}): Promise<void> {
    await this.register(dummy, new CeremonyTime(this.clock, options), options)
  }

  async verifyUser(): Promise<PinUvAuthToken> {
    throw unsupported('verify its user')
  }

  async pinRetries(): Promise<PinRetries> {
    throw unsupported('have a PIN')
  }

  async uvRetries(): Promise<number> {
    throw unsupported('verify its user')
  }

  async setPin(): Promise<void> {
    throw unsupported('have a PIN')
  }

  async changePin(): Promise<void> {
    throw unsupported('have a PIN')
  }

  async reset(): Promise<void> {
    throw unsupported('be reset')
  }

  wink(): Promise<void> {
    return wink(this.channel)
  }

  ping(data: Uint8Array): Promise<void> {
    return ping(this.channel, data)
  }

  close(): Promise<void> {
    return this.device.close()
  }

  /** The first of these credentials that the key knows, by check-only requests: no touch. */
  private async known(
    credentials: readonly CredentialDescriptor[],
    application: Uint8Array,
    time: CeremonyTime,
  ): Promise<CredentialDescriptor | undefined> {
    for (const credential of credentials) {
      if (credential.id.length === 0 || credential.id.length > longestKeyHandle) continue
      const parameters = { challenge: dummy.challenge, application }
      const request = authenticationRequest(control.checkOnly, parameters, credential.id)
      if (isKnown(await this.ask(request, time.callOptions()))) return credential
    }
    return undefined
  }

  private async register(parameters: U2fParameters, time: CeremonyTime, options: CeremonyOptions) {
    return accepted(await this.untilTouched(registrationRequest(parameters), time, options))
  }

  /** Waits for a touch. Touched, a key that knows the dummy for what it is may refuse it, even by ERROR. */
  private async touched(time: CeremonyTime, options: CeremonyOptions): Promise<void> {
    try {
      await this.untilTouched(registrationRequest(dummy), time, options)
    } catch (error) {
      if (!isCtapError(error, 'key_protocol') || error.details.status === undefined) throw error
    }
  }

  private untilTouched(apdu: CommandApdu, time: CeremonyTime, options: CeremonyOptions): Promise<ResponseApdu> {
    return time.untilTouched(callOptions => this.ask(apdu, callOptions), options.onTouchNeeded)
  }

  private ask(apdu: CommandApdu, options: CallOptions): Promise<ResponseApdu> {
    return callU2f(this.channel, apdu, options)
  }
}

const unsupported = (what: string) =>
  new CtapError('key_unsupported_option', `a security key that speaks U2F alone cannot ${what}`)

function refuseWhatU2fLacks({ options, token }: Pick<MakeCredentialParameters, 'options' | 'token'>): void {
  if (options?.rk) throw unsupported('keep a credential that is found without its id')
  if (options?.uv || token) throw unsupported('verify its user')
}

function accepted({ status, data }: ResponseApdu): Uint8Array {
  if (status !== statusWord.noError) throw statusWordError(status)
  return data
}

/** What the answer to a check-only request says; some keys call the length of another's key handle wrong. */
function isKnown({ status }: ResponseApdu): boolean {
  if (status === statusWord.conditionsNotSatisfied || status === statusWord.noError) return true
  if (status === statusWord.wrongData || status === statusWord.wrongLength) return false
  throw statusWordError(status)
}
