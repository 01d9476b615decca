import { describe, expect, it } from 'vitest'
import { type UserVerification, verificationMeans } from '../../../src/auth/webauthn/user-verification.ts'
import { CtapError } from '../../../src/hid/index.ts'
import { FakeKey } from './fake-keys.ts'

const pinSet = { clientPin: true }
const finger = { uv: true, clientPin: true }
const tokens = { ...finger, pinUvAuthToken: true }

interface Case {
  readonly makes?: 'a credential' | 'an assertion' | 'a discoverable credential'
  readonly wants: UserVerification
  readonly of: Record<string, boolean>
  readonly is: string
  readonly pin?: boolean
  readonly builtIn?: boolean
  readonly isDemanded?: boolean
  readonly isStale?: boolean
}

function meansOf({ makes = 'an assertion', wants, of, pin = true, builtIn = true, isDemanded, isStale }: Case): string {
  const key = new FakeKey({ options: of, ...(isStale ? { forcePinChange: true } : {}) })
  const need = {
    userVerification: wants,
    makesCredential: makes !== 'an assertion',
    isDiscoverable: makes === 'a discoverable credential',
  }
  try {
    return verificationMeans(key, need, { pin, builtIn }, isDemanded)
  } catch (error) {
    if (error instanceof CtapError) return error.code
    throw error
  }
}

describe('the means of user verification', () => {
  it.each<Case>([
    // The key's own come first, by a token where it gives one.
    { wants: 'required', of: tokens, is: 'uv_token' },
    { wants: 'preferred', of: tokens, is: 'uv_token' },
    { wants: 'discouraged', of: tokens, is: 'none' },
    { wants: 'required', of: finger, is: 'uv_option' },
    { wants: 'required', of: { uv: true }, is: 'uv_option' },
    { wants: 'required', of: tokens, builtIn: false, is: 'pin' },
    { wants: 'required', of: { uv: true }, builtIn: false, is: 'key_uv_unsupported' },
    { wants: 'required', of: { uv: false, clientPin: true }, is: 'pin' },
    // The PIN, where somebody gives it.
    { wants: 'required', of: pinSet, is: 'pin' },
    { wants: 'preferred', of: pinSet, is: 'pin' },
    { wants: 'discouraged', of: pinSet, is: 'none' },
    { wants: 'required', of: pinSet, pin: false, is: 'key_pin_required' },
    { wants: 'preferred', of: pinSet, pin: false, is: 'none' },
    { wants: 'required', of: { clientPin: false }, is: 'key_pin_not_set' },
    { wants: 'preferred', of: { clientPin: false }, is: 'none' },
    { wants: 'required', of: {}, is: 'key_uv_unsupported' },
    { wants: 'preferred', of: {}, is: 'none' },
    { wants: 'required', of: { clientPin: true, noMcGaPermissionsWithClientPin: true }, is: 'key_uv_unsupported' },
    { wants: 'preferred', of: { clientPin: true, noMcGaPermissionsWithClientPin: true }, is: 'none' },
    { wants: 'required', of: { ...tokens, noMcGaPermissionsWithClientPin: true }, is: 'uv_token' },
    { wants: 'required', of: pinSet, isStale: true, is: 'key_pin_change_required' },
    { wants: 'preferred', of: pinSet, isStale: true, is: 'none' },
    // The key's own rules.
    { wants: 'discouraged', of: { ...pinSet, alwaysUv: true }, is: 'pin' },
    { wants: 'discouraged', of: { clientPin: false, alwaysUv: true }, is: 'key_pin_not_set' },
    { wants: 'discouraged', of: pinSet, makes: 'a credential', is: 'pin' },
    { wants: 'discouraged', of: pinSet, makes: 'a credential', pin: false, is: 'key_pin_required' },
    { wants: 'preferred', of: pinSet, makes: 'a credential', pin: false, is: 'key_pin_required' },
    { wants: 'discouraged', of: { clientPin: false }, makes: 'a credential', is: 'none' },
    { wants: 'discouraged', of: { ...pinSet, makeCredUvNotRqd: true }, makes: 'a credential', is: 'none' },
    { wants: 'discouraged', of: { ...pinSet, makeCredUvNotRqd: true }, makes: 'a discoverable credential', is: 'pin' },
    { wants: 'preferred', of: { ...pinSet, makeCredUvNotRqd: true }, makes: 'a credential', pin: false, is: 'none' },
    // It has said that it does nothing without.
    { wants: 'discouraged', of: pinSet, isDemanded: true, is: 'pin' },
    { wants: 'discouraged', of: { clientPin: false }, isDemanded: true, is: 'key_pin_not_set' },
  ])('%j', ({ is, ...given }) => expect(meansOf({ ...given, is })).toBe(is))
})
