// CTAP 2.1 section 6.5.5: authenticatorClientPIN.

import { concatBytes, utf8 } from '../../lib/bytes.ts'
import type { CborMap } from '../../lib/cbor.ts'
import { type ClientPinRequest, readClientPin } from './client-pin-request.ts'
import { required } from './parameters.ts'
import { PinUvAuthProtocol } from './pin-uv-auth.ts'
import type { AuthenticatorOptions, Settings } from './settings.ts'
import { StatusError, status } from './status.ts'
import { pinHash, StoredPin } from './stored-pin.ts'
import { permission, type TokenState } from './token.ts'
import type { AskForTouch } from './touch.ts'
import type { FingerprintReader } from './user-verification.ts'

const paddedPinLength = 64
const subcommand = {
  getPinRetries: 0x01,
  getKeyAgreement: 0x02,
  setPin: 0x03,
  changePin: 0x04,
  getPinToken: 0x05,
  getPinUvAuthTokenUsingUvWithPermissions: 0x06,
  getUvRetries: 0x07,
  getPinUvAuthTokenUsingPinWithPermissions: 0x09,
} as const
const member = { keyAgreement: 1, pinUvAuthToken: 2, pinRetries: 3, powerCycleState: 4, uvRetries: 5 } as const
const makeAndGet = permission.makeCredential | permission.getAssertion
/** Permissions for what this key does not do. */
const unsupported =
  permission.credentialManagement |
  permission.bioEnrollment |
  permission.largeBlobWrite |
  permission.authenticatorConfiguration

type SharedSecret = ReturnType<PinUvAuthProtocol['decapsulate']>

export class ClientPin {
  private readonly settings: Settings
  private readonly token: TokenState
  private readonly reader: FingerprintReader
  private readonly protocols: readonly PinUvAuthProtocol[]
  private readonly pin: StoredPin
  private mustChange: boolean

  constructor(options: AuthenticatorOptions, settings: Settings, token: TokenState, reader: FingerprintReader) {
    this.settings = settings
    this.token = token
    this.reader = reader
    this.protocols = settings.pinUvAuthProtocols.map(number => new PinUvAuthProtocol(number, options.random))
    this.pin = new StoredPin(options.pin === undefined ? undefined : pinHash(utf8(options.pin)))
    this.mustChange = settings.profile === 'ctap2.1' && (options.forcePinChange ?? false)
  }

  /** Whether the key can have a PIN. */
  get isSupported(): boolean {
    return this.protocols.length > 0
  }

  get isSet(): boolean {
    return this.pin.isSet
  }

  get forcePinChange(): boolean {
    return this.mustChange
  }

  /** The protocol of that number, if the key speaks it. */
  protocol(number: number): PinUvAuthProtocol | undefined {
    return this.protocols.find(each => each.number === number)
  }

  /** What a replug does: new keys to agree on, no token, and three more PINs to try. */
  powerUp(): void {
    for (const protocol of this.protocols) protocol.regenerate()
    this.token.stop()
    this.pin.powerUp()
  }

  /** What a reset leaves: no PIN. */
  reset(): void {
    this.powerUp()
    this.pin.set(undefined)
    this.mustChange = false
  }

  /** @throws {StatusError} */
  async run(body: Uint8Array, ask: AskForTouch): Promise<CborMap | undefined> {
    const request = readClientPin(body)
    switch (request.subCommand) {
      case subcommand.getPinRetries:
        return this.getPinRetries(request)
      case subcommand.getKeyAgreement:
        return new Map([[member.keyAgreement, this.chosen(request).publicKey()]])
      case subcommand.setPin:
        return this.setPin(request)
      case subcommand.changePin:
        return this.changePin(request)
      case subcommand.getPinToken:
        return this.getPinToken(request)
    }
    if (this.settings.profile === 'ctap2.0') throw new StatusError(status.invalidParameter)
    switch (request.subCommand) {
      case subcommand.getPinUvAuthTokenUsingPinWithPermissions:
        return this.getTokenUsingPin(request)
      case subcommand.getPinUvAuthTokenUsingUvWithPermissions:
        if (this.reader.isPresent) return this.getTokenUsingUv(request, ask)
        break
      case subcommand.getUvRetries:
        if (this.reader.isPresent) return new Map([[member.uvRetries, this.reader.retries]])
    }
    throw new StatusError(status.invalidSubcommand)
  }

  private chosen({ pinUvAuthProtocol }: ClientPinRequest): PinUvAuthProtocol {
    const protocol = this.protocol(required(pinUvAuthProtocol))
    if (!protocol) throw new StatusError(status.invalidParameter)
    return protocol
  }

  /** Sections 6.5.5.2 and, in CTAP 2.0, 5.5: there, the protocol has to be named. */
  private getPinRetries(request: ClientPinRequest): CborMap {
    if (this.settings.profile === 'ctap2.0') {
      this.chosen(request)
      return new Map([[member.pinRetries, this.pin.retries]])
    }
    return new Map<number, number | boolean>([
      [member.pinRetries, this.pin.retries],
      [member.powerCycleState, this.pin.needsPowerCycle],
    ])
  }

  /** Section 6.5.5.5. */
  private setPin(request: ClientPinRequest): undefined {
    const platformKey = required(request.keyAgreement)
    const newPinEnc = required(request.newPinEnc)
    const pinUvAuthParam = required(request.pinUvAuthParam)
    const protocol = this.chosen(request)
    if (this.isSet) throw new StatusError(status.pinAuthInvalid)
    const secret = protocol.decapsulate(platformKey)
    if (!protocol.isAuthentic(secret, newPinEnc, pinUvAuthParam)) throw new StatusError(status.pinAuthInvalid)
    this.pin.set(this.newPin(protocol.decrypt(secret, newPinEnc)))
  }

  /** Section 6.5.5.6. */
  private changePin(request: ClientPinRequest): undefined {
    const platformKey = required(request.keyAgreement)
    const newPinEnc = required(request.newPinEnc)
    const pinHashEnc = required(request.pinHashEnc)
    const pinUvAuthParam = required(request.pinUvAuthParam)
    const protocol = this.chosen(request)
    this.pin.refuseBlocked()
    const secret = protocol.decapsulate(platformKey)
    const isAuthentic = protocol.isAuthentic(secret, concatBytes(newPinEnc, pinHashEnc), pinUvAuthParam)
    if (!isAuthentic) throw new StatusError(status.pinAuthInvalid)
    this.verifyPin(protocol, secret, pinHashEnc)
    const hash = this.newPin(protocol.decrypt(secret, newPinEnc))
    if (this.mustChange && this.pin.isSame(hash)) throw new StatusError(status.pinPolicyViolation)
    this.mustChange = false
    this.pin.set(hash)
    this.token.stop()
  }

  /** The hash of a new PIN that is long enough: code points in CTAP 2.1, bytes in CTAP 2.0. */
  private newPin(padded: Uint8Array | undefined): Uint8Array {
    if (!padded) throw new StatusError(status.pinAuthInvalid)
    const is20 = this.settings.profile === 'ctap2.0'
    if (padded.length !== paddedPinLength) throw new StatusError(status.invalidParameter)
    const length = padded.findLastIndex(byte => byte !== 0) + 1
    const pin = padded.subarray(0, length)
    const count = is20 ? length : [...new TextDecoder().decode(pin)].length
    if (count < this.settings.minPinLength || length === paddedPinLength) {
      throw new StatusError(status.pinPolicyViolation)
    }
    return pinHash(pin)
  }

  /** A wrong PIN costs a try and the key agreement; the right one gives the finger's tries back, too. */
  private verifyPin(protocol: PinUvAuthProtocol, secret: SharedSecret, pinHashEnc: Uint8Array): void {
    this.pin.verify(protocol.decrypt(secret, pinHashEnc), () => protocol.regenerate())
    this.reader.restoreRetries()
  }

  /** Section 6.5.5.7.1. */
  private getPinToken(request: ClientPinRequest): CborMap {
    const platformKey = required(request.keyAgreement)
    const pinHashEnc = required(request.pinHashEnc)
    const protocol = this.chosen(request)
    const isNew = this.settings.profile === 'ctap2.1'
    if (isNew && (request.permissions !== undefined || request.rpId !== undefined)) {
      throw new StatusError(status.invalidParameter)
    }
    this.pin.refuseBlocked()
    const secret = protocol.decapsulate(platformKey)
    this.verifyPin(protocol, secret, pinHashEnc)
    if (this.mustChange) throw new StatusError(status.pinInvalid)
    const permissions = this.settings.noMcGaPermissionsWithClientPin ? 0 : makeAndGet
    return this.handOut(protocol, secret, permissions, undefined, false)
  }

  /** Section 6.5.5.7.2. */
  private getTokenUsingPin(request: ClientPinRequest): CborMap {
    const platformKey = required(request.keyAgreement)
    const pinHashEnc = required(request.pinHashEnc)
    const permissions = required(request.permissions)
    const protocol = this.chosen(request)
    const forbidden = this.settings.noMcGaPermissionsWithClientPin ? unsupported | makeAndGet : unsupported
    refusePermissions(permissions, forbidden, request.rpId)
    this.pin.refuseBlocked()
    const secret = protocol.decapsulate(platformKey)
    this.verifyPin(protocol, secret, pinHashEnc)
    if (this.mustChange) throw new StatusError(status.pinPolicyViolation)
    return this.handOut(protocol, secret, permissions, request.rpId, false)
  }

  /** Section 6.5.5.7.3. */
  private async getTokenUsingUv(request: ClientPinRequest, ask: AskForTouch): Promise<CborMap> {
    const platformKey = required(request.keyAgreement)
    const permissions = required(request.permissions)
    const protocol = this.chosen(request)
    refusePermissions(permissions, unsupported, request.rpId)
    if (!this.reader.isConfigured) throw new StatusError(status.notAllowed)
    if (this.reader.retries === 0) throw new StatusError(status.uvBlocked)
    const secret = protocol.decapsulate(platformKey)
    const hasInternalRetry = this.settings.preferredPlatformUvAttempts <= 1
    if (!(await this.reader.verify(hasInternalRetry, ask))) {
      throw new StatusError(this.reader.retries === 0 ? status.uvBlocked : status.uvInvalid)
    }
    return this.handOut(protocol, secret, permissions, request.rpId, true)
  }

  private handOut(
    protocol: PinUvAuthProtocol,
    secret: SharedSecret,
    permissions: number,
    rpId: string | undefined,
    isUserPresent: boolean,
  ): CborMap {
    const token = this.token.begin({ protocol: protocol.number, permissions, rpId, isUserPresent })
    return new Map([[member.pinUvAuthToken, protocol.encrypt(secret, token.bytes)]])
  }
}

/** Those that the key has no use for are refused, those that nobody has defined are not; mc and ga need a site. */
function refusePermissions(permissions: number, forbidden: number, rpId: string | undefined): void {
  if (permissions === 0) throw new StatusError(status.invalidParameter)
  if ((permissions & forbidden) !== 0) throw new StatusError(status.unauthorizedPermission)
  if ((permissions & makeAndGet) !== 0) required(rpId)
}
