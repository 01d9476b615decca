import { type Authenticator, type AuthenticatorInfo, CtapError } from '../../hid/index.ts'

export type UserVerification = 'required' | 'preferred' | 'discouraged'

/** What a ceremony wants of a key, as far as user verification goes. */
export interface VerificationNeed {
  readonly userVerification: UserVerification
  readonly makesCredential: boolean
  /** Whether the credential has to live on the key. */
  readonly isDiscoverable: boolean
}

/** What the user can be verified by. */
export interface VerificationSources {
  /** Somebody, or a script, can give the PIN. */
  readonly pin: boolean
  /** False once the key has refused to take fingers. */
  readonly builtIn: boolean
}

/**
 * How a key verifies its user: not at all; by itself, as the `uv` option of the command; by itself, for a token
 * (CTAP 2.1 section 6.5.5.7.3); by its PIN, for a token.
 */
export type VerificationMeans = 'none' | 'uv_option' | 'uv_token' | 'pin'

/**
 * Whether the key refuses the command without user verification: `alwaysUv`; for makeCredential any key that is
 * protected, unless `makeCredUvNotRqd` lets it make credentials that live elsewhere (CTAP 2.1 section 6.1.2, steps 5
 * to 8; CTAP 2.0 keys with a PIN behave alike).
 */
function demandsVerification({ options }: AuthenticatorInfo, need: VerificationNeed): boolean {
  if (options.get('alwaysUv') === true) return true
  const isProtected = options.get('clientPin') === true || options.get('uv') === true
  if (!need.makesCredential || !isProtected) return false
  return options.get('makeCredUvNotRqd') !== true || need.isDiscoverable
}

/**
 * How `key` verifies its user in a ceremony: by itself where it can, else by its PIN. Where the relying party only
 * prefers it and the PIN can't be had, or counts no more, not at all.
 * @param isDemanded the key has said that it does nothing without.
 * @throws {CtapError} when it has to and can't: `key_pin_required` where nobody gives the PIN, `key_pin_not_set`,
 * `key_pin_change_required`, `key_uv_unsupported`
 */
export function verificationMeans(
  key: Authenticator,
  need: VerificationNeed,
  sources: VerificationSources,
  isDemanded = false,
): VerificationMeans {
  const { options, forcePinChange: isStale } = key.info
  const has = (option: string) => options.get(option) === true
  const mustVerify = isDemanded || need.userVerification === 'required' || demandsVerification(key.info, need)
  if (!mustVerify && need.userVerification === 'discouraged') return 'none'
  if (sources.builtIn && has('uv')) return has('pinUvAuthToken') ? 'uv_token' : 'uv_option'
  const takesPin = options.has('clientPin') && !has('noMcGaPermissionsWithClientPin')
  if (takesPin && has('clientPin') && sources.pin && !isStale) return 'pin'
  if (!mustVerify) return 'none'
  const details = { device: key.name }
  if (!takesPin) {
    throw new CtapError('key_uv_unsupported', 'user verification is needed, and the key has no way to it', details)
  }
  if (!has('clientPin')) {
    throw new CtapError('key_pin_not_set', 'user verification is needed, and the key has no PIN', details)
  }
  if (isStale) throw new CtapError('key_pin_change_required', 'the PIN of the key has to be changed first', details)
  throw new CtapError('key_pin_required', 'the PIN of the key is needed', details)
}
