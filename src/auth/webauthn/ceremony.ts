import { createHash } from 'node:crypto'
import type { PublicKeyCredentialDescriptorJson } from '../../contract/webauthn.ts'
import type {
  Authenticator,
  CeremonyOptions,
  CredentialDescriptor,
  PinUvAuthToken,
  TokenRequest,
} from '../../hid/index.ts'
import { fromBase64url } from '../../lib/base64url.ts'
import type { VerificationNeed } from './user-verification.ts'

/** Where the options name none. WebAuthn section 15.1 advises five minutes for those who need them. */
export const defaultTimeoutMilliseconds = 300_000

/** How the user is verified in a command: by the `uv` option, by a token, or not at all. */
export interface Verification {
  readonly uv?: true
  readonly token?: PinUvAuthToken
}

/** A ceremony, as every key that is there is asked for it. */
export interface Ceremony<T> {
  readonly rpId: string
  /** What a PIN/UV auth token has to be good for. */
  readonly permissions: TokenRequest['permissions']
  /** The key has to have one of these; empty where any credential will do, or none is needed. */
  readonly allowList: readonly CredentialDescriptor[]
  /** The key may have none of these. */
  readonly excludeList: readonly CredentialDescriptor[]
  /** @throws {CtapError} when the key can't take part at all */
  needOf(key: Authenticator): VerificationNeed
  /** Has the key do it: it blinks and waits to be touched. */
  perform(key: Authenticator, verification: Verification, options: CeremonyOptions): Promise<T>
}

export const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

export const descriptorsOf = (list: readonly PublicKeyCredentialDescriptorJson[] = []): CredentialDescriptor[] =>
  list.map(({ id }) => ({ id: fromBase64url(id) }))
