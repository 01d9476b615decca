import type {
  AuthenticationResponseJson,
  PublicKeyCredentialCreationOptionsJson,
  PublicKeyCredentialRequestOptionsJson,
  RegistrationResponseJson,
} from '../../contract/webauthn.ts'

/** A WebAuthn client for security keys: what a browser is on the web. */
export interface WebAuthnClient {
  create(options: PublicKeyCredentialCreationOptionsJson): Promise<RegistrationResponseJson>
  get(options: PublicKeyCredentialRequestOptionsJson): Promise<AuthenticationResponseJson>
}
