import type {
  AuthenticationResponseJson,
  PublicKeyCredentialCreationOptionsJson,
  PublicKeyCredentialRequestOptionsJson,
  RegistrationResponseJson,
} from '../../contract/webauthn.ts'
import type { CeremonyTools } from './keys.ts'

/** A WebAuthn client for security keys: what a browser is on the web. */
export interface WebAuthnClient {
  /**
   * Has a security key make a credential (WebAuthn section 5.1.3).
   * @throws {RpIdError} when the server speaks for a relying party that it is not
   * @throws {CtapError} `key_excluded` when the key is bound already, `key_denied`, `key_timeout`, `key_not_found`,
   * `key_pin_invalid` …
   * @throws {CancelledError} on Ctrl-C
   */
  create(options: PublicKeyCredentialCreationOptionsJson): Promise<RegistrationResponseJson>
  /**
   * Has a security key sign (WebAuthn section 5.1.4).
   * @throws {RpIdError} as `create`
   * @throws {CtapError} `key_no_credentials` when no key that is there is bound, and as `create`
   * @throws {CancelledError} on Ctrl-C
   */
  get(options: PublicKeyCredentialRequestOptionsJson): Promise<AuthenticationResponseJson>
}

/**
 * The WebAuthn client for the server at `origin`. Ceremonies, and with them all that speaks to security keys, are
 * loaded when the first begins.
 * @param options.openAuthenticators where the keys come from; called once for each ceremony, and closed after it.
 */
export const createWebAuthnClient = (options: CeremonyTools): WebAuthnClient => ({
  create: async creation => (await import('./registration.ts')).register(creation, options),
  get: async request => (await import('./authentication.ts')).authenticate(request, options),
})
