import type { AuthenticationResponseJson, PublicKeyCredentialRequestOptionsJson } from '../../contract/webauthn.ts'
import type { GetAssertionResult } from '../../hid/index.ts'
import { toBase64url } from '../../lib/base64url.ts'
import { type Ceremony, defaultTimeoutMilliseconds, descriptorsOf, sha256 } from './ceremony.ts'
import { clientDataJson } from './client-data.ts'
import { type CeremonyTools, withTouchedKey } from './keys.ts'
import { verifyRpId } from './rp-id.ts'

/** The authentication ceremony (WebAuthn section 5.1.4.1). */
export async function authenticate(
  options: PublicKeyCredentialRequestOptionsJson,
  tools: CeremonyTools,
): Promise<AuthenticationResponseJson> {
  const rpId = await verifyRpId(options.rpId, tools.origin)
  const clientData = clientDataJson('webauthn.get', options.challenge, tools.origin)
  const clientDataHash = sha256(clientData)
  const allowList = descriptorsOf(options.allowCredentials)
  const { userVerification = 'preferred' } = options
  const ceremony: Ceremony<GetAssertionResult> = {
    rpId,
    permissions: ['ga'],
    allowList,
    excludeList: [],
    needOf: () => ({ userVerification, makesCredential: false, isDiscoverable: false }),
    perform: (key, { uv, token }, how) =>
      key.getAssertion({ rpId, clientDataHash, allowList, options: { uv }, token }, how),
  }
  const result = await withTouchedKey(tools, options.timeout ?? defaultTimeoutMilliseconds, ceremony)
  const id = toBase64url(result.credentialId)
  return {
    id,
    rawId: id,
    type: 'public-key',
    authenticatorAttachment: 'cross-platform',
    response: {
      clientDataJSON: toBase64url(clientData),
      authenticatorData: toBase64url(result.authData),
      signature: toBase64url(result.signature),
      ...(result.userHandle ? { userHandle: toBase64url(result.userHandle) } : {}),
    },
    clientExtensionResults: {},
  }
}
