import { createHash } from 'node:crypto'
import type {
  AuthenticationResponseJson,
  PublicKeyCredentialCreationOptionsJson,
  PublicKeyCredentialDescriptorJson,
  PublicKeyCredentialRequestOptionsJson,
  RegistrationResponseJson,
} from '../../contract/webauthn.ts'
import { type Authenticator, CtapError } from '../../hid/index.ts'
import { fromBase64url, toBase64url } from '../../lib/base64url.ts'
import { attestationObject, attestedCredentialId } from './attestation.ts'
import { clientDataJson } from './client-data.ts'
import { type KeyTools, withTouchedKey } from './keys.ts'
import { verifyRpId } from './rp-id.ts'
import { uvOption } from './user-verification.ts'

/** Where the options name none. WebAuthn section 15.1 advises five minutes for those who need them. */
const defaultTimeoutMilliseconds = 300_000

export interface CeremonyTools extends KeyTools {
  readonly origin: string
}

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

const descriptorsOf = (list: readonly PublicKeyCredentialDescriptorJson[] = []) =>
  list.map(({ id }) => ({ id: fromBase64url(id) }))

type Selection = PublicKeyCredentialCreationOptionsJson['authenticatorSelection']

/** Whether the credential is to live on the key, so that it needs no user name (WebAuthn section 5.4.4). */
function rkOption(key: Authenticator, selection: Selection): true | undefined {
  const wanted = selection?.residentKey ?? (selection?.requireResidentKey ? 'required' : 'discouraged')
  const { options } = key.info
  if (wanted === 'required') {
    if (options.get('rk') === true) return true
    throw new CtapError('key_unsupported_option', 'the key keeps no credentials of its own', { device: key.name })
  }
  // A place on the key is scarce, and without verification anybody who finds the key could use what is in it.
  return wanted === 'preferred' && options.get('rk') === true && options.get('uv') === true ? true : undefined
}

/** The registration ceremony (WebAuthn section 5.1.3). */
export async function register(
  options: PublicKeyCredentialCreationOptionsJson,
  tools: CeremonyTools,
): Promise<RegistrationResponseJson> {
  const { authenticatorSelection: selection, user, attestation = 'none' } = options
  const rpId = await verifyRpId(options.rp.id, tools.origin)
  const clientData = clientDataJson('webauthn.create', options.challenge, tools.origin)
  if (selection?.authenticatorAttachment === 'platform') {
    throw new CtapError('key_unsupported', 'the server wants an authenticator that is built in, not a security key')
  }
  const { result, transports } = await withTouchedKey(
    tools,
    options.timeout ?? defaultTimeoutMilliseconds,
    async (key, ceremony) => ({
      result: await key.makeCredential(
        {
          clientDataHash: sha256(clientData),
          rp: { id: rpId, name: options.rp.name },
          user: { id: fromBase64url(user.id), name: user.name, displayName: user.displayName },
          pubKeyCredParams: options.pubKeyCredParams.map(({ alg }) => ({ alg })),
          options: { rk: rkOption(key, selection), uv: uvOption(key, selection?.userVerification ?? 'preferred') },
          excludeList: descriptorsOf(options.excludeCredentials),
        },
        ceremony,
      ),
      transports: key.info.transports,
    }),
  )
  const id = toBase64url(attestedCredentialId(result.authData))
  return {
    id,
    rawId: id,
    type: 'public-key',
    authenticatorAttachment: 'cross-platform',
    response: {
      clientDataJSON: toBase64url(clientData),
      attestationObject: toBase64url(attestationObject(result, attestation)),
      transports: transports.length > 0 ? [...transports] : ['usb'],
      authenticatorData: toBase64url(result.authData),
    },
    clientExtensionResults: {},
  }
}

/** The authentication ceremony (WebAuthn section 5.1.4.1). */
export async function authenticate(
  options: PublicKeyCredentialRequestOptionsJson,
  tools: CeremonyTools,
): Promise<AuthenticationResponseJson> {
  const rpId = await verifyRpId(options.rpId, tools.origin)
  const clientData = clientDataJson('webauthn.get', options.challenge, tools.origin)
  const allowList = descriptorsOf(options.allowCredentials)
  const result = await withTouchedKey(tools, options.timeout ?? defaultTimeoutMilliseconds, async (key, ceremony) => {
    const uv = uvOption(key, options.userVerification ?? 'preferred')
    return key.getAssertion({ rpId, clientDataHash: sha256(clientData), allowList, options: { uv } }, ceremony)
  })
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
