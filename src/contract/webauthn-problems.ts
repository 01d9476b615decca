// Kept apart from the schemas, so that a program that only names the codes does not load the schema library.

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
