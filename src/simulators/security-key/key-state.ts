import type { Random } from '../../lib/random.ts'
import type { AttestationKey } from './attestation.ts'
import type { ClientPin } from './client-pin.ts'
import type { CredentialStore } from './credentials.ts'
import type { Settings } from './settings.ts'
import type { TokenState } from './token.ts'
import type { FingerprintReader } from './user-verification.ts'

/** The parts of a key that commands work with. */
export interface KeyState {
  readonly settings: Settings
  readonly random: Random
  readonly credentials: CredentialStore
  readonly attestationKey: AttestationKey
  readonly token: TokenState
  readonly clientPin: ClientPin
  readonly reader: FingerprintReader
  /** Of all credentials together. */
  signatureCounter: number
}

/** Whether a PIN is set, or a finger enrolled (CTAP 2.1 section 5, "protected by some form of user verification"). */
export const isProtected = ({ clientPin, reader }: KeyState): boolean => clientPin.isSet || reader.isConfigured
