// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html
// Section 6, the authenticator's side of CTAP2, and of CTAP 2.0 and U2F where the profile is one of these.

import { concatBytes } from '../../lib/bytes.ts'
import { type CborMap, encodeCbor } from '../../lib/cbor.ts'
import type { Clock } from '../../lib/clock.ts'
import { makeAttestationKey, softwareKeyAaguid } from './attestation.ts'
import { ClientPin } from './client-pin.ts'
import { CredentialStore } from './credentials.ts'
import { consentToAssertion20, consentToCredential20 } from './ctap20.ts'
import { Assertions, consentToAssertion } from './get-assertion.ts'
import { info } from './get-info.ts'
import type { KeyState } from './key-state.ts'
import { consentToCredential, createCredential } from './make-credential.ts'
import { readGetAssertion, readMakeCredential } from './requests.ts'
import { type AuthenticatorOptions, clockOf, type Settings, settle } from './settings.ts'
import { StatusError, status } from './status.ts'
import { TokenState } from './token.ts'
import { type AskForTouch, touched } from './touch.ts'
import { answerU2f } from './u2f.ts'
import { type Finger, FingerprintReader } from './user-verification.ts'

const command = {
  makeCredential: 0x01,
  getAssertion: 0x02,
  getInfo: 0x04,
  clientPin: 0x06,
  reset: 0x07,
  getNextAssertion: 0x08,
  selection: 0x0b,
} as const
/** Section 6.6. */
const resetWindow = 10_000

/** What is behind the HID interface: takes CTAP2 and U2F requests, gives their answers. */
export class SoftwareAuthenticator {
  readonly credentials = new CredentialStore()
  readonly protocols: readonly ('ctap2' | 'u2f')[]
  private readonly clock: Clock
  private readonly settings: Settings
  private readonly state: KeyState
  private readonly assertions: Assertions
  private poweredUp: number

  constructor(options: AuthenticatorOptions) {
    const { random } = options
    const settings = settle(options)
    this.clock = clockOf(options)
    this.settings = settings
    this.protocols = settings.profile === 'u2f' ? ['u2f'] : ['ctap2', 'u2f']
    const attestationKey = makeAttestationKey(random, softwareKeyAaguid)
    const token = new TokenState(this.clock, random, settings.profile === 'ctap2.0')
    const reader = new FingerprintReader(settings.hasFingerprintReader)
    const clientPin = new ClientPin(options, settings, token, reader)
    const { credentials } = this
    this.state = { settings, random, credentials, attestationKey, token, clientPin, reader, signatureCounter: 0 }
    this.assertions = new Assertions(this.state, this.clock)
    this.poweredUp = this.clock.now()
  }

  /** The DER certificate that signs attestation statements and U2F registrations. */
  get attestationCertificate(): Uint8Array {
    return this.state.attestationKey.certificate
  }

  /** What the fingerprint reader finds from now on. */
  setFinger(finger: Finger): void {
    this.state.reader.finger = finger
  }

  /** The key has been pulled out and plugged in again: what it kept in memory is gone. */
  powerCycle(): void {
    this.assertions.forget()
    this.state.clientPin.powerUp()
    this.poweredUp = this.clock.now()
  }

  /** The answer to a request: a status byte and, if that is 0x00, the CBOR map of the command, if it has one. */
  async answer(request: Uint8Array, ask: AskForTouch): Promise<Uint8Array> {
    try {
      if (request.length > this.settings.limits.request) throw new StatusError(status.requestTooLarge)
      const map = await this.run(request[0], request.subarray(1), ask)
      return concatBytes(Uint8Array.of(status.ok), map ? encodeCbor(map) : new Uint8Array())
    } catch (error) {
      if (error instanceof StatusError) return Uint8Array.of(error.status)
      throw error
    }
  }

  /** The answer to a U2F request. `takeTouch` tells, without waiting, whether the person has touched the key. */
  answerU2f(request: Uint8Array, takeTouch: () => boolean): Uint8Array {
    this.assertions.forget()
    return answerU2f(this.state, request, takeTouch)
  }

  private async run(kind: number | undefined, body: Uint8Array, ask: AskForTouch): Promise<CborMap | undefined> {
    if (kind === command.getNextAssertion) return this.assertions.next()
    this.assertions.forget()
    const is20 = this.settings.profile === 'ctap2.0'
    if (kind === command.makeCredential) return this.makeCredential(body, ask, is20)
    if (kind === command.getAssertion) return this.getAssertion(body, ask, is20)
    if (kind === command.getInfo) return info(this.state)
    if (kind === command.clientPin && this.state.clientPin.isSupported) return this.state.clientPin.run(body, ask)
    if (kind === command.reset) return this.reset(ask)
    if (kind === command.selection && !is20) {
      await touched(ask, status.userActionTimeout)
      return undefined
    }
    throw new StatusError(status.invalidCommand)
  }

  private async makeCredential(body: Uint8Array, ask: AskForTouch, is20: boolean): Promise<CborMap> {
    const request = readMakeCredential(body, this.settings.limits)
    const consent = is20 ? consentToCredential20 : consentToCredential
    return createCredential(this.state, request, await consent(this.state, request, ask))
  }

  private async getAssertion(body: Uint8Array, ask: AskForTouch, is20: boolean): Promise<CborMap> {
    const request = readGetAssertion(body, this.settings.limits)
    const consent = is20 ? consentToAssertion20 : consentToAssertion
    return this.assertions.first(request, await consent(this.state, request, ask))
  }

  /** Section 6.6. */
  private async reset(ask: AskForTouch): Promise<undefined> {
    const isLate = this.clock.now() - this.poweredUp > resetWindow
    if (this.settings.resetWindow && isLate) throw new StatusError(status.notAllowed)
    await touched(ask, status.userActionTimeout)
    this.credentials.clear()
    this.state.signatureCounter = 0
    this.state.clientPin.reset()
    this.state.reader.reset()
  }
}
