import type { PublicKeyCredentialCreationOptionsJson, RegistrationResponseJson } from '../../contract/webauthn.ts'
import { type Authenticator, CtapError } from '../../hid/index.ts'
import { fromBase64url, toBase64url } from '../../lib/base64url.ts'
import { attestationObject, attestedCredential } from './attestation.ts'
import { type Ceremony, defaultTimeoutMilliseconds, descriptorsOf, sha256 } from './ceremony.ts'
import { clientDataJson } from './client-data.ts'
import { type CeremonyTools, withTouchedKey } from './keys.ts'
import { credentialPublicKey } from './public-key.ts'
import { verifyRpId } from './rp-id.ts'

/** credProtect (CTAP 2.1 section 12.1): who finds the key can't list what is on it. */
const unlessNamedOrVerified = 2
/** CTAP 2.1 section 7.1.2, vendor-facilitated: the key itself knows which relying parties it identifies itself to. */
const vendorFacilitated = 1

/** Whether the credential is to live on the key, so that it needs no user name (WebAuthn section 5.4.4). */
function residentKeyOf({ authenticatorSelection: selection }: PublicKeyCredentialCreationOptionsJson) {
  return selection?.residentKey ?? (selection?.requireResidentKey ? 'required' : 'discouraged')
}

/** The registration ceremony, as a key is asked for it. */
function registrationOf(
  options: PublicKeyCredentialCreationOptionsJson,
  rpId: string,
  clientDataHash: Uint8Array,
): Ceremony<{ result: Awaited<ReturnType<Authenticator['makeCredential']>>; key: Authenticator }> {
  const { user, attestation } = options
  const residentKey = residentKeyOf(options)
  const excludeList = descriptorsOf(options.excludeCredentials)
  const keepsCredentials = (key: Authenticator) => key.info.options.get('rk') === true
  return {
    rpId,
    // A long exclude list is asked about by getAssertion.
    permissions: excludeList.length > 0 ? ['mc', 'ga'] : ['mc'],
    allowList: [],
    excludeList,
    needOf(key) {
      if (residentKey === 'required' && !keepsCredentials(key)) {
        throw new CtapError('key_unsupported_option', 'the key keeps no credentials of its own', { device: key.name })
      }
      return {
        userVerification: options.authenticatorSelection?.userVerification ?? 'preferred',
        makesCredential: true,
        isDiscoverable: residentKey === 'required',
      }
    },
    async perform(key, { uv, token }, ceremony) {
      const isVerified = uv === true || token !== undefined
      // A place on the key is scarce, and without verification anybody who finds the key could use what is in it.
      const isPlaced =
        residentKey === 'required' || (residentKey === 'preferred' && isVerified && keepsCredentials(key))
      const result = await key.makeCredential(
        {
          clientDataHash,
          rp: { id: rpId, name: options.rp.name },
          user: { id: fromBase64url(user.id), name: user.name, displayName: user.displayName },
          pubKeyCredParams: options.pubKeyCredParams.map(({ alg }) => ({ alg })),
          options: { rk: isPlaced ? true : undefined, uv },
          excludeList,
          credProtect: isPlaced ? unlessNamedOrVerified : undefined,
          enterpriseAttestation: attestation === 'enterprise' ? vendorFacilitated : undefined,
          token,
        },
        ceremony,
      )
      return { result, key }
    },
  }
}

/** The registration ceremony (WebAuthn section 5.1.3). */
export async function register(
  options: PublicKeyCredentialCreationOptionsJson,
  tools: CeremonyTools,
): Promise<RegistrationResponseJson> {
  const { authenticatorSelection: selection, attestation = 'none' } = options
  const rpId = await verifyRpId(options.rp.id, tools.origin)
  const clientData = clientDataJson('webauthn.create', options.challenge, tools.origin)
  if (selection?.authenticatorAttachment === 'platform') {
    throw new CtapError('key_unsupported', 'the server wants an authenticator that is built in, not a security key')
  }
  const ceremony = registrationOf(options, rpId, sha256(clientData))
  const { result, key } = await withTouchedKey(tools, options.timeout ?? defaultTimeoutMilliseconds, ceremony)
  const { transports } = key.info
  const attested = attestedCredential(result.authData)
  const publicKey = credentialPublicKey(attested.publicKey)
  const id = toBase64url(attested.id)
  return {
    id,
    rawId: id,
    type: 'public-key',
    authenticatorAttachment: 'cross-platform',
    response: {
      clientDataJSON: toBase64url(clientData),
      attestationObject: toBase64url(attestationObject(result, attestation)),
      transports: transports.length > 0 ? [...new Set(transports)].sort() : ['usb'],
      authenticatorData: toBase64url(result.authData),
      ...(publicKey ? { publicKeyAlgorithm: publicKey.algorithm } : {}),
      ...(publicKey?.spki ? { publicKey: toBase64url(publicKey.spki) } : {}),
    },
    clientExtensionResults: {},
  }
}
