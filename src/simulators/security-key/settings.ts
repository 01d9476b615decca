import type { CborMap } from '../../lib/cbor.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'

export type AttestationForm = 'certificate' | 'self' | 'none'

/** What the key speaks: CTAP 2.1 and U2F, CTAP 2.0 and U2F, or U2F alone. */
export type Profile = 'ctap2.1' | 'ctap2.0' | 'u2f'

export type PinUvAuthProtocolNumber = 1 | 2

export interface AuthenticatorOptions {
  readonly random: Random
  /** Default: the system's. */
  readonly clock?: Clock | undefined
  /** Of makeCredential; a U2F registration always has the certificate. Default: `certificate`. */
  readonly attestation?: AttestationForm | undefined
  /** How many credentials fit. Default: no limit. */
  readonly capacity?: number | undefined
  /** Default: `ctap2.1`. */
  readonly profile?: Profile | undefined
  /** The most preferred first; none: a key without PIN. Default: 2 and 1 in CTAP 2.1, 1 in CTAP 2.0. */
  readonly pinUvAuthProtocols?: readonly PinUvAuthProtocolNumber[] | undefined
  /** The PIN that it has from the start. Default: none. */
  readonly pin?: string | undefined
  /** In code points. Default: 4. */
  readonly minPinLength?: number | undefined
  /** Whether the PIN has to be changed before it opens anything. CTAP 2.1 alone. */
  readonly forcePinChange?: boolean | undefined
  /** Whether nothing is made or signed without user verification; U2F is off then. CTAP 2.1 alone. */
  readonly alwaysUv?: boolean | undefined
  /** Whether a credential that is not discoverable is made without user verification. Default: true. CTAP 2.1 alone. */
  readonly makeCredUvNotRqd?: boolean | undefined
  /** Whether the PIN is for managing the key alone, not for making credentials and signing. CTAP 2.1 alone. */
  readonly noMcGaPermissionsWithClientPin?: boolean | undefined
  /** A fingerprint reader, with a finger enrolled. Default: `none`. */
  readonly userVerification?: 'none' | 'fingerprint' | undefined
  /** How often a client ought to try the finger before it asks for the PIN. Default: 3. */
  readonly preferredPlatformUvAttempts?: number | undefined
  /** COSE algorithms, of -7, -8, -35, -36, -53 and -257. Default: -7 alone. */
  readonly algorithms?: readonly number[] | undefined
  /** Whether it forgets everything only within 10 seconds of being plugged in. */
  readonly resetWindow?: boolean | undefined
  /** In bytes. Default: 2048. */
  readonly maxMsgSize?: number | undefined
  /** Default: 16; in CTAP 2.0, none that it tells of. */
  readonly maxCredentialCountInList?: number | undefined
  /** In bytes. Default: 32; in CTAP 2.0, none that it tells of. Its own ids have 32. */
  readonly maxCredentialIdLength?: number | undefined
  /** Further members of getInfo's answer; they replace its own. */
  readonly extraInfo?: CborMap | undefined
}

/** What a key is, fixed at its making. */
export interface Settings {
  readonly profile: Profile
  readonly attestation: AttestationForm
  readonly capacity: number
  readonly pinUvAuthProtocols: readonly PinUvAuthProtocolNumber[]
  readonly minPinLength: number
  readonly alwaysUv: boolean
  readonly makeCredUvNotRqd: boolean
  readonly noMcGaPermissionsWithClientPin: boolean
  readonly hasFingerprintReader: boolean
  readonly preferredPlatformUvAttempts: number
  readonly algorithms: readonly number[]
  readonly resetWindow: boolean
  readonly limits: RequestLimits
  readonly extraInfo: CborMap
}

/** What a request may hold: bytes, credentials in a list, bytes of a credential id. */
export interface RequestLimits {
  readonly request: number
  readonly credentialsInList: number | undefined
  readonly credentialId: number | undefined
}

export function settle(options: AuthenticatorOptions): Settings {
  const { profile = 'ctap2.1' } = options
  const isNew = profile === 'ctap2.1'
  const alwaysUv = isNew && (options.alwaysUv ?? false)
  return {
    profile,
    attestation: options.attestation ?? 'certificate',
    capacity: options.capacity ?? Number.POSITIVE_INFINITY,
    pinUvAuthProtocols: options.pinUvAuthProtocols ?? (isNew ? [2, 1] : [1]),
    minPinLength: options.minPinLength ?? 4,
    alwaysUv,
    makeCredUvNotRqd: isNew && !alwaysUv && (options.makeCredUvNotRqd ?? true),
    noMcGaPermissionsWithClientPin: isNew && (options.noMcGaPermissionsWithClientPin ?? false),
    hasFingerprintReader: options.userVerification === 'fingerprint',
    preferredPlatformUvAttempts: options.preferredPlatformUvAttempts ?? 3,
    algorithms: options.algorithms ?? [-7],
    resetWindow: options.resetWindow ?? false,
    limits: {
      request: options.maxMsgSize ?? 2048,
      credentialsInList: options.maxCredentialCountInList ?? (isNew ? 16 : undefined),
      credentialId: options.maxCredentialIdLength ?? (isNew ? 32 : undefined),
    },
    extraInfo: options.extraInfo ?? new Map(),
  }
}

export const clockOf = (options: AuthenticatorOptions): Clock => options.clock ?? systemClock
