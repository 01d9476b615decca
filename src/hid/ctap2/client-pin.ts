// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#authenticatorClientPIN
// Section 6.5.5: authenticatorClientPIN, subcommand by subcommand. CTAP 2.0 has 0x01 to 0x05.

import { concatBytes } from '../../lib/bytes.ts'
import type { CborMap, CborValue } from '../../lib/cbor.ts'
import type { Random } from '../../lib/random.ts'
import type { PinRetries } from '../authenticator.ts'
import type { Channel } from '../ctaphid/channel.ts'
import { callCtap2, ctap2Command, malformed, optionalNumber, presentEntries, requiredBytes } from './command.ts'
import type { CommandOptions, PinUvAuthToken } from './credentials.ts'
import { pinHash } from './pin.ts'
import { type Encapsulation, encapsulate } from './pin-uv-auth/key-agreement.ts'
import type { PinUvAuthProtocol } from './pin-uv-auth/shared-secret.ts'
import { pinUvAuthToken } from './pin-uv-auth/token.ts'

const subCommand = {
  getPinRetries: 0x01,
  getKeyAgreement: 0x02,
  setPin: 0x03,
  changePin: 0x04,
  getPinToken: 0x05,
  getPinUvAuthTokenUsingUvWithPermissions: 0x06,
  getUvRetries: 0x07,
  getPinUvAuthTokenUsingPinWithPermissions: 0x09,
} as const

/** What a token is wanted for (section 6.5.5.7). */
export interface TokenScope {
  /** Bits. */
  readonly permissions: number
  readonly rpId: string
}

interface Parameters {
  readonly platformKey?: CborMap
  readonly pinUvAuthParam?: Uint8Array
  readonly newPinEnc?: Uint8Array
  readonly pinHashEnc?: Uint8Array
  readonly scope?: TokenScope | undefined
}

/** The subcommands, by one PIN/UV auth protocol. Each makes a key agreement of its own: keys may renew their pair. */
export class ClientPin {
  private readonly channel: Channel
  private readonly protocol: PinUvAuthProtocol
  private readonly random: Random

  constructor(channel: Channel, protocol: PinUvAuthProtocol, random: Random) {
    this.channel = channel
    this.protocol = protocol
    this.random = random
  }

  /** Section 6.5.5.2. */
  async pinRetries(options?: CommandOptions): Promise<PinRetries> {
    const answer = await this.call(subCommand.getPinRetries, {}, options)
    return { left: count(answer, 0x03), powerCycleNeeded: answer.get(0x04) === true }
  }

  /** Section 6.5.5.3. */
  async uvRetries(options?: CommandOptions): Promise<number> {
    return count(await this.call(subCommand.getUvRetries, {}, options), 0x05)
  }

  /** Section 6.5.5.5. @param padded the PIN, 64 bytes. */
  async setPin(padded: Uint8Array, options?: CommandOptions): Promise<void> {
    const { platformKey, secret } = await this.agree(options)
    const newPinEnc = secret.encrypt(padded)
    const pinUvAuthParam = secret.authenticate(newPinEnc)
    await this.call(subCommand.setPin, { platformKey, pinUvAuthParam, newPinEnc }, options)
  }

  /** Section 6.5.5.6. @param padded the new PIN, 64 bytes. */
  async changePin(current: string, padded: Uint8Array, options?: CommandOptions): Promise<void> {
    const { platformKey, secret } = await this.agree(options)
    const newPinEnc = secret.encrypt(padded)
    const pinHashEnc = secret.encrypt(pinHash(current))
    const pinUvAuthParam = secret.authenticate(concatBytes(newPinEnc, pinHashEnc))
    await this.call(subCommand.changePin, { platformKey, pinUvAuthParam, newPinEnc, pinHashEnc }, options)
  }

  /** Section 6.5.5.7.2; without a scope section 6.5.5.7.1, the token of CTAP 2.0. */
  async tokenByPin(pin: string, scope: TokenScope | undefined, options?: CommandOptions): Promise<PinUvAuthToken> {
    const agreed = await this.agree(options)
    const kind = scope ? subCommand.getPinUvAuthTokenUsingPinWithPermissions : subCommand.getPinToken
    return this.token(kind, agreed, { pinHashEnc: agreed.secret.encrypt(pinHash(pin)), scope }, options)
  }

  /** Section 6.5.5.7.3. The key waits for a finger. */
  async tokenByUv(scope: TokenScope, options: CommandOptions): Promise<PinUvAuthToken> {
    const agreed = await this.agree({ ...options, onKeepalive: undefined })
    return this.token(subCommand.getPinUvAuthTokenUsingUvWithPermissions, agreed, { scope }, options)
  }

  private async token(
    kind: number,
    { platformKey, secret }: Encapsulation,
    parameters: Parameters,
    options: CommandOptions | undefined,
  ): Promise<PinUvAuthToken> {
    const answer = await this.call(kind, { ...parameters, platformKey }, options)
    return pinUvAuthToken(this.protocol, secret.decrypt(requiredBytes(answer, 0x02)))
  }

  /** Section 6.5.5.4. */
  private async agree(options: CommandOptions | undefined): Promise<Encapsulation> {
    const answer = await this.call(subCommand.getKeyAgreement, {}, options)
    return encapsulate(this.protocol, answer.get(0x01), this.random)
  }

  private call(kind: number, parameters: Parameters, options: CommandOptions | undefined): Promise<CborMap> {
    const { platformKey, pinUvAuthParam, newPinEnc, pinHashEnc, scope } = parameters
    const request = presentEntries<number>([
      [0x01, this.protocol],
      [0x02, kind],
      [0x03, platformKey satisfies CborValue | undefined],
      [0x04, pinUvAuthParam],
      [0x05, newPinEnc],
      [0x06, pinHashEnc],
      [0x09, scope?.permissions],
      [0x0a, scope?.rpId],
    ])
    return callCtap2(this.channel, ctap2Command.clientPin, request, options)
  }
}

function count(answer: CborMap, key: number): number {
  const value = optionalNumber(answer, key)
  if (value === undefined || value < 0) throw malformed('no number of attempts left')
  return value
}
