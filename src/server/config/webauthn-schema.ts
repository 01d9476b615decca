import * as Type from 'typebox/type'

const Aaguid = Type.String({
  description: 'A model of security key, by its AAGUID.',
  pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
  examples: ['cb69481e-8ff7-4039-93ec-0a2729a154a8'],
})

const pemFile = { minLength: 1, maxLength: 1024, examples: ['yubico.pem'] }

/** The member `webauthn` of the configuration file. */
export const WebAuthnSection = Type.Object(
  {
    attestation: Type.Optional(
      Type.Enum(['none', 'indirect', 'direct', 'enterprise'], {
        description: 'What keys are asked to say of their make.',
        default: 'none',
        examples: ['direct'],
      }),
    ),
    attestation_roots: Type.Optional(
      Type.Union([Type.String(pemFile), Type.Array(Type.String(pemFile), { minItems: 1 })], {
        description:
          'A file with certificates in PEM, or a list of such files: only keys whose attestation leads to one of them ' +
          'are bound. Relative to the folder of this file.',
        examples: [['yubico.pem']],
      }),
    ),
    user_verification: Type.Optional(
      Type.Enum(['required', 'preferred', 'discouraged'], {
        description: 'Whether keys must verify their owner, by PIN or finger.',
        default: 'preferred',
        examples: ['required'],
      }),
    ),
    allowed_aaguids: Type.Optional(
      Type.Array(Aaguid, { description: 'Models that may be bound; needs attestation_roots.', minItems: 1 }),
    ),
    denied_aaguids: Type.Optional(
      Type.Array(Aaguid, { description: 'Models that may not be bound, by what the key claims.', default: [] }),
    ),
    origins: Type.Optional(
      Type.Array(Type.String({ description: 'An origin, or android:apk-key-hash:….' }), {
        description: 'Origins whose ceremonies count, beside the server’s own.',
        default: [],
        examples: [['https://www.example.org']],
      }),
    ),
    top_origins: Type.Optional(
      Type.Array(Type.String({ description: 'An origin.' }), {
        description: 'Origins of pages that may hold a frame in which a ceremony runs.',
        default: [],
        examples: [['https://portal.example.net']],
      }),
    ),
  },
  { additionalProperties: false, title: 'Security keys', description: 'What is asked of security keys.' },
)
export type WebAuthnSection = Type.Static<typeof WebAuthnSection>
