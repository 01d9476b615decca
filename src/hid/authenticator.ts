// What the rest of src/hid, and src/auth through index.ts, know of a security key, whatever protocol it speaks.

import type { CredentialDescriptor, PinUvAuthToken } from './ctap2/credentials.ts'
import type { GetAssertionParameters, GetAssertionResult } from './ctap2/get-assertion.ts'
import type { AuthenticatorInfo } from './ctap2/get-info.ts'
import type { MakeCredentialParameters, MakeCredentialResult } from './ctap2/make-credential.ts'

export interface CeremonyOptions {
  /** Aborting makes the key stop blinking, and fails the ceremony with `key_cancelled`. */
  readonly signal?: AbortSignal | undefined
  /** Called at most once, when the key waits to be touched. */
  readonly onTouchNeeded?: (() => void) | undefined
  /** How long the whole ceremony may take, in milliseconds. Default: 120000; most keys give up after 30 s. */
  readonly timeout?: number | undefined
}

/** What a PIN/UV auth token is good for (CTAP 2.1 section 6.5.5.7): makeCredential, getAssertion. */
export type TokenPermission = 'mc' | 'ga'

export interface TokenRequest {
  /** Unicode; left out, the key verifies its user by itself: a finger. That takes `uv` and `pinUvAuthToken`. */
  readonly pin?: string | undefined
  /** `mc` and `ga` for a registration whose exclude list is longer than a request: the key is asked about it first. */
  readonly permissions: readonly TokenPermission[]
  readonly rpId: string
}

export interface PinRetries {
  readonly left: number
  /** Whether the key takes no PIN until it has been unplugged and plugged in. */
  readonly powerCycleNeeded: boolean
}

/** A security key that is plugged in and open. One call at a time. */
export interface Authenticator {
  /** Its product name. Printable. */
  readonly name: string
  /** What `--device` takes to name it. */
  readonly path: string
  readonly protocol: 'ctap2' | 'u2f'
  /** Of a key that speaks U2F alone: versions `['U2F_V2']`, an AAGUID of zeros, ES256, no options and no extensions. */
  readonly info: AuthenticatorInfo
  /** The firmware's version as CTAPHID tells it: major, minor, build. */
  readonly deviceVersion: readonly [number, number, number]
  readonly canWink: boolean
  makeCredential(parameters: MakeCredentialParameters, options?: CeremonyOptions): Promise<MakeCredentialResult>
  /** The first assertion; `numberOfCredentials` tells how many {@link nextAssertion} gives beyond it, plus one. */
  getAssertion(parameters: GetAssertionParameters, options?: CeremonyOptions): Promise<GetAssertionResult>
  /** The next of several assertions (section 6.3), right after {@link getAssertion}. @throws `key_not_allowed` */
  nextAssertion(): Promise<GetAssertionResult>
  /**
   * Whether the key has one of these credentials, without a touch; undefined where the key does not tell. Credentials
   * that only show themselves to a verified user need `token`.
   */
  hasCredential(
    query: Pick<GetAssertionParameters, 'rpId'> & {
      readonly credentials: readonly CredentialDescriptor[]
      readonly token?: PinUvAuthToken | undefined
    },
    options?: CeremonyOptions,
  ): Promise<boolean | undefined>
  /**
   * Blinks until it is touched, and nothing more: how a person picks one of several keys (section 6.9; on a CTAP 2.0
   * key makeCredential with an empty pinUvAuthParam, section 6.1.2 step 1; on a U2F key a registration that is thrown
   * away). @throws {CtapError} `key_denied`, `key_timeout`, `key_cancelled`, `key_unplugged`
   */
  select(options?: CeremonyOptions): Promise<void>
  /**
   * Verifies the user by the PIN or by the key itself, and gives the token that says so (section 6.5.5.7).
   * @throws {CtapError} `key_pin_invalid` and `key_uv_invalid` with `retriesLeft`; `key_pin_auth_blocked`,
   * `key_pin_blocked`, `key_uv_blocked`, `key_pin_not_set`, `key_pin_change_required`, `key_unsupported_option`
   */
  verifyUser(request: TokenRequest, options?: CeremonyOptions): Promise<PinUvAuthToken>
  /** How many wrong PINs the key still takes (section 6.5.5.2). */
  pinRetries(): Promise<PinRetries>
  /** How many misses of a finger the key still takes (section 6.5.5.3). */
  uvRetries(): Promise<number>
  /** Sets the first PIN. @throws {CtapError} `key_pin_policy`, `key_not_allowed` when there is one */
  setPin(pin: string): Promise<void>
  /** @throws {CtapError} `key_pin_invalid` with `retriesLeft`, `key_pin_policy` … */
  changePin(current: string, next: string): Promise<void>
  /** Has the key show itself. @throws {CtapError} `key_unsupported_option` when it can't */
  wink(): Promise<void>
  /** Sends `data` and checks that it comes back. @throws {CtapError} `key_protocol` */
  ping(data: Uint8Array): Promise<void>
  /**
   * Erases the key: every credential and the PIN (section 6.6). Keys want this within 10 s of being plugged in, and
   * a touch. @throws {CtapError} `key_not_allowed` when it is too late
   */
  reset(options?: CeremonyOptions): Promise<void>
  close(): Promise<void>
}
