// WebAuthn as JSON: what travels between the server, the client and the authenticator's platform, and every reason
// for which the server refuses it. Names and forms are those of https://www.w3.org/TR/webauthn-3/ section 5.1
// (PublicKeyCredential.toJSON, parseCreationOptionsFromJSON, parseRequestOptionsFromJSON).

import type { Static } from 'typebox/type'
import * as Type from 'typebox/type'

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
 * what is in `attestationObject`: browsers send them, the server does not read them, nor members that it does not know.
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
      { additionalProperties: true },
    ),
  },
  { additionalProperties: true },
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
      { additionalProperties: true },
    ),
  },
  { additionalProperties: true },
)
export type AuthenticationResponseJson = Static<typeof AuthenticationResponseJson>
