// The one door to security keys. What follows here, and in the types, is all that the rest of the program knows of them.

import { type AuthenticatorSource, type OpenAuthenticatorsOptions, Source } from './authenticator-source.ts'
import { nodeHidTransport } from './transports/node-hid.ts'
import { isUdpDevice, udpTransport } from './transports/udp.ts'

export type { Authenticator, CeremonyOptions, PinRetries, TokenRequest } from './authenticator.ts'
export type { AuthenticatorSource, OpenAuthenticatorsOptions } from './authenticator-source.ts'
export type { CredentialDescriptor, CtapOptions, PinUvAuthToken } from './ctap2/credentials.ts'
export type { GetAssertionParameters, GetAssertionResult } from './ctap2/get-assertion.ts'
export type { AuthenticatorInfo } from './ctap2/get-info.ts'
export type { MakeCredentialParameters, MakeCredentialResult } from './ctap2/make-credential.ts'
export { minimumPinLength } from './ctap2/pin.ts'
export type { ChannelTimings } from './ctaphid/channel.ts'
export type { HidDevice, HidDeviceListing, HidTransport } from './device.ts'
export { CtapError, type CtapErrorDetails, isCtapError, type KeyErrorCode, keyErrorCodes } from './errors.ts'
export { udevRule } from './transports/node-hid.ts'
export type { Arrivals } from './watch.ts'

/**
 * The security keys of this machine, or the one that `device` names. Nothing is touched before `list`, `wait`, `watch`
 * or `present`.
 * @throws {CtapError} `key_device_invalid` when `device` begins with `udp:` and is malformed.
 */
export function openAuthenticators(options: OpenAuthenticatorsOptions): AuthenticatorSource {
  const { clock, device } = options
  const usual = () =>
    device !== undefined && isUdpDevice(device) ? udpTransport(device, clock) : nodeHidTransport(clock)
  return new Source(options, options.transport ?? usual())
}
