// CTAP 2.1 sections 6.5.2.1 and 6.5.3.2: the pinUvAuthToken and its state.

import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import type { PinUvAuthProtocolNumber } from './settings.ts'

/** Section 6.5.5.7: what a token may be used for. */
export const permission = {
  makeCredential: 0x01,
  getAssertion: 0x02,
  credentialManagement: 0x04,
  bioEnrollment: 0x08,
  largeBlobWrite: 0x10,
  authenticatorConfiguration: 0x20,
} as const

const tokenLength = 32
/** How long a token waits for its first use, and how long the touch that came with it counts, over USB. */
const initialUsageTimeLimit = 30_000
const maxUsageTimePeriod = 600_000

export interface TokenRequest {
  /** The one that it is handed out by, and the only one that it can be used with. */
  readonly protocol: PinUvAuthProtocolNumber
  readonly permissions: number
  readonly rpId: string | undefined
  /** Whether the user verification came with a touch. */
  readonly isUserPresent: boolean
}

/** A token in use. */
export interface PinUvAuthToken {
  readonly protocol: PinUvAuthProtocolNumber
  readonly bytes: Uint8Array
  permissions: number
  rpId: string | undefined
  isUserPresent: boolean
  isUserVerified: boolean
  /** Whether it has been used since it was handed out. */
  isUsed: boolean
  readonly begun: number
}

/**
 * The one token that a key has in use at most. In CTAP 2.1, handing out another ends it, as do time and use. In CTAP
 * 2.0 (section 5.5.4) it lasts until the power goes or the PIN changes, is handed out again and again, and is good for
 * everything.
 */
export class TokenState {
  private readonly clock: Clock
  private readonly random: Random
  private readonly isLasting: boolean
  private token: PinUvAuthToken | undefined

  constructor(clock: Clock, random: Random, isLasting: boolean) {
    this.clock = clock
    this.random = random
    this.isLasting = isLasting
  }

  /** `resetPinUvAuthToken` and `beginUsingPinUvAuthToken`. */
  begin({ protocol, permissions, rpId, isUserPresent }: TokenRequest): PinUvAuthToken {
    const lasting = this.isLasting ? this.token?.bytes : undefined
    this.token = {
      protocol,
      bytes: lasting ?? this.random.bytes(tokenLength),
      permissions,
      rpId,
      isUserPresent,
      isUserVerified: true,
      isUsed: false,
      begun: this.clock.now(),
    }
    return this.token
  }

  /** The token, as long as it is in use: `pinUvAuthTokenUsageTimerObserver`, run whenever somebody looks. */
  inUse(): PinUvAuthToken | undefined {
    const { token } = this
    if (!token || this.isLasting) return token
    const age = this.clock.now() - token.begun
    if (age > maxUsageTimePeriod || (!token.isUsed && age > initialUsageTimeLimit)) this.stop()
    else if (age > initialUsageTimeLimit) token.isUserPresent = false
    return this.token
  }

  /** `clearUserPresentFlag`, `clearUserVerifiedFlag` and `clearPinUvAuthTokenPermissionsExceptLbw`. */
  spend(): void {
    if (!this.token || this.isLasting) return
    this.token.isUserPresent = false
    this.token.isUserVerified = false
    this.token.permissions &= permission.largeBlobWrite
  }

  /** `stopUsingPinUvAuthToken`. */
  stop(): void {
    this.token = undefined
  }
}
