// WebAuthn as JSON: what travels between the server, the client and the authenticator's platform, and every reason
// for which the server refuses it. Names and forms are those of https://www.w3.org/TR/webauthn-3/ section 5.1
// (PublicKeyCredential.toJSON, parseCreationOptionsFromJSON, parseRequestOptionsFromJSON).

import Type, { type Static } from 'typebox'

/** The longest credential, as JSON, that the server looks at: 16 KiB. */
export const maxCredentialLength = 16_384

const base64url = (minLength: number, maxLength: number) =>
  Type.String({ pattern: '^[A-Za-z0-9_-]*$', minLength, maxLength })

// A credential id has 1 to 1023 bytes (section 4, "Credential ID"): 2 to 1364 characters.
const credentialId = base64url(2, 1364)
const challenge = base64url(22, 256)
const credentialType = Type.Literal('public-key')
const transports = Type.Array(Type.String({ minLength: 1, maxLength: 32 }), { maxItems: 16 })
const userVerification = Type.Union([Type.Literal('required'), Type.Literal('preferred'), Type.Literal('discouraged')])
const attachment = Type.Union([Type.Literal('platform'), Type.Literal('cross-platform')])
const milliseconds = Type.Integer({ minimum: 0, maximum: 600_000 })
const extensions = Type.Object({}, { additionalProperties: true })
const hints = Type.Array(Type.String({ maxLength: 32 }), { maxItems: 8 })

/** Section 5.8.3, PublicKeyCredentialDescriptorJSON. */
export const PublicKeyCredentialDescriptorJson = Type.Object(
  { type: credentialType, id: credentialId, transports: Type.Optional(transports) },
  { additionalProperties: false },
)
export type PublicKeyCredentialDescriptorJson = Static<typeof PublicKeyCredentialDescriptorJson>

/** Section 5.1.9, PublicKeyCredentialCreationOptionsJSON. */
export const PublicKeyCredentialCreationOptionsJson = Type.Object(
  {
    rp: Type.Object(
      { id: Type.String({ minLength: 1, maxLength: 253 }), name: Type.String({ maxLength: 128 }) },
      { additionalProperties: false },
    ),
    user: Type.Object(
      {
        id: base64url(2, 86),
        name: Type.String({ maxLength: 256 }),
        displayName: Type.String({ maxLength: 256 }),
      },
      { additionalProperties: false },
    ),
    challenge,
    pubKeyCredParams: Type.Array(
      Type.Object({ type: credentialType, alg: Type.Integer() }, { additionalProperties: false }),
      { minItems: 1, maxItems: 32 },
    ),
    timeout: Type.Optional(milliseconds),
    excludeCredentials: Type.Optional(Type.Array(PublicKeyCredentialDescriptorJson, { maxItems: 64 })),
    authenticatorSelection: Type.Optional(
      Type.Object(
        {
          authenticatorAttachment: Type.Optional(attachment),
          residentKey: Type.Optional(
            Type.Union([Type.Literal('required'), Type.Literal('preferred'), Type.Literal('discouraged')]),
          ),
          requireResidentKey: Type.Optional(Type.Boolean()),
          userVerification: Type.Optional(userVerification),
        },
        { additionalProperties: false },
      ),
    ),
    hints: Type.Optional(hints),
    attestation: Type.Optional(
      Type.Union([Type.Literal('none'), Type.Literal('indirect'), Type.Literal('direct'), Type.Literal('enterprise')]),
    ),
    attestationFormats: Type.Optional(Type.Array(Type.String({ maxLength: 32 }), { maxItems: 8 })),
    extensions: Type.Optional(extensions),
  },
  { additionalProperties: false },
)
export type PublicKeyCredentialCreationOptionsJson = Static<typeof PublicKeyCredentialCreationOptionsJson>

/** Section 5.1.10, PublicKeyCredentialRequestOptionsJSON. */
export const PublicKeyCredentialRequestOptionsJson = Type.Object(
  {
    challenge,
    timeout: Type.Optional(milliseconds),
    rpId: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
    allowCredentials: Type.Optional(Type.Array(PublicKeyCredentialDescriptorJson, { maxItems: 64 })),
    userVerification: Type.Optional(userVerification),
    hints: Type.Optional(hints),
    extensions: Type.Optional(extensions),
  },
  { additionalProperties: false },
)
export type PublicKeyCredentialRequestOptionsJson = Static<typeof PublicKeyCredentialRequestOptionsJson>

const credentialMembers = {
  id: credentialId,
  rawId: credentialId,
  type: credentialType,
  authenticatorAttachment: Type.Optional(Type.Union([Type.String({ maxLength: 32 }), Type.Null()])),
  clientExtensionResults: Type.Optional(extensions),
}

/**
 * Section 5.1, RegistrationResponseJSON. `authenticatorData`, `publicKey` and `publicKeyAlgorithm` repeat, unsigned,
 * what is in `attestationObject`: browsers send them, the server does not read them.
 */
export const RegistrationResponseJson = Type.Object(
  {
    ...credentialMembers,
    response: Type.Object(
      {
        clientDataJSON: base64url(2, maxCredentialLength),
        attestationObject: base64url(2, maxCredentialLength),
        transports: Type.Optional(transports),
        authenticatorData: Type.Optional(base64url(0, maxCredentialLength)),
        publicKey: Type.Optional(Type.Union([base64url(0, maxCredentialLength), Type.Null()])),
        publicKeyAlgorithm: Type.Optional(Type.Integer()),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)
export type RegistrationResponseJson = Static<typeof RegistrationResponseJson>

/** Section 5.1, AuthenticationResponseJSON. */
export const AuthenticationResponseJson = Type.Object(
  {
    ...credentialMembers,
    response: Type.Object(
      {
        clientDataJSON: base64url(2, maxCredentialLength),
        authenticatorData: base64url(2, maxCredentialLength),
        signature: base64url(2, maxCredentialLength),
        userHandle: Type.Optional(Type.Union([base64url(0, 86), Type.Null()])),
        attestationObject: Type.Optional(Type.Union([base64url(0, maxCredentialLength), Type.Null()])),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)
export type AuthenticationResponseJson = Static<typeof AuthenticationResponseJson>

/**
 * Why a WebAuthn response is refused. The last five are decided where challenges and credentials are stored, the
 * others by looking at the response alone.
 */
export const webauthnProblems = {
  webauthn_malformed: { status: 400, title: 'The security key response is malformed.' },
  webauthn_too_large: { status: 413, title: 'The security key response is larger than 16 KiB.' },
  webauthn_type_mismatch: { status: 422, title: 'The response belongs to another kind of ceremony.' },
  webauthn_challenge_mismatch: { status: 422, title: 'The response answers another challenge.' },
  webauthn_origin_not_allowed: { status: 422, title: 'The response comes from an origin that is not allowed.' },
  webauthn_cross_origin: { status: 422, title: 'The response was made inside a page of another origin.' },
  webauthn_rp_id_mismatch: { status: 422, title: 'The response was made for another relying party.' },
  webauthn_user_not_present: { status: 422, title: 'Nobody touched the security key.' },
  webauthn_user_not_verified: { status: 422, title: 'The security key did not verify the user.' },
  webauthn_backup_flags_invalid: { status: 422, title: 'The credential is backed up though it cannot be.' },
  webauthn_backup_eligibility_changed: {
    status: 422,
    title: 'The backup eligibility of the credential differs from its registration.',
  },
  webauthn_attested_data_missing: { status: 422, title: 'The registration carries no credential.' },
  webauthn_attested_data_unexpected: { status: 422, title: 'The assertion carries a credential of its own.' },
  webauthn_credential_id_mismatch: { status: 422, title: 'The credential ids in the response differ.' },
  webauthn_credential_id_length: { status: 422, title: 'The credential id is not 1 to 1023 bytes long.' },
  webauthn_user_handle_mismatch: { status: 422, title: 'The credential belongs to another user.' },
  webauthn_algorithm_not_offered: { status: 422, title: 'The credential uses an algorithm that was not offered.' },
  webauthn_key_invalid: { status: 422, title: 'The public key of the credential is malformed or not supported.' },
  webauthn_key_off_curve: { status: 422, title: 'The public key of the credential is not on its curve.' },
  webauthn_rsa_key_weak: {
    status: 422,
    title: 'The RSA key of the credential is shorter than 2048 bits or its exponent is not 65537.',
  },
  webauthn_signature_invalid: { status: 422, title: 'The signature of the security key is not valid.' },
  webauthn_attestation_unsupported: { status: 422, title: 'The attestation format is not supported.' },
  webauthn_attestation_invalid: { status: 422, title: 'The attestation statement is not valid.' },
  webauthn_attestation_untrusted: { status: 422, title: 'The attestation does not lead to a trusted root.' },
  webauthn_challenge_expired: { status: 422, title: 'The challenge has expired.' },
  webauthn_challenge_used: { status: 422, title: 'The challenge was already answered.' },
  webauthn_challenge_foreign: { status: 422, title: 'The challenge was given to another session.' },
  webauthn_credential_unknown: { status: 422, title: 'The credential is not bound to this account.' },
  webauthn_credential_in_use: { status: 409, title: 'The credential is already bound.' },
} as const satisfies Record<string, { status: number; title: string }>

export type WebAuthnProblemCode = keyof typeof webauthnProblems
