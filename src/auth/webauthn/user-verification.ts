import { type Authenticator, CtapError } from '../../hid/index.ts'

export type UserVerification = 'required' | 'preferred' | 'discouraged'

/**
 * The `uv` option for `key` (CTAP 2.1 section 6.1.1): true where the key verifies its user by itself and the relying
 * party cares.
 * @throws {CtapError} `key_pin_required`, `key_pin_not_set` when verification is required and the key can't by itself.
 */
export function uvOption(key: Authenticator, wanted: UserVerification): true | undefined {
  if (wanted === 'discouraged') return undefined
  if (key.info.options.get('uv') === true) return true
  if (wanted === 'preferred') return undefined
  const device = { device: key.name }
  if (key.info.options.get('clientPin') === true) {
    throw new CtapError('key_pin_required', 'the server requires user verification, and the key a PIN for it', device)
  }
  throw new CtapError('key_pin_not_set', 'the server requires user verification, and the key has no PIN', device)
}
