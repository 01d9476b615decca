// Kept apart from the schemas, so that a program that only names the codes does not load the schema library.

/**
 * Why a WebAuthn response is refused. The last five are decided where challenges and credentials are stored, the
 * others by looking at the response alone.
 */
export const webauthnProblems = {
  // the envelope
  webauthn_malformed: { status: 400, title: 'The security key response is malformed.' },
  webauthn_too_large: { status: 413, title: 'The security key response is larger than 16 KiB.' },
  webauthn_raw_id_mismatch: { status: 422, title: 'The members id and rawId of the response differ.' },
  webauthn_credential_id_length: { status: 422, title: 'The credential id is not 1 to 1023 bytes long.' },
  webauthn_credential_id_mismatch: { status: 422, title: 'The credential ids in the response differ.' },
  // the client data
  webauthn_client_data_malformed: { status: 400, title: 'The client data are no JSON object as WebAuthn has it.' },
  webauthn_type_mismatch: { status: 422, title: 'The response belongs to another kind of ceremony.' },
  webauthn_challenge_mismatch: { status: 422, title: 'The response answers another challenge.' },
  webauthn_origin_not_allowed: { status: 422, title: 'The response comes from an origin that is not allowed.' },
  webauthn_cross_origin: { status: 422, title: 'The response was made inside a page of another origin.' },
  webauthn_top_origin_not_allowed: {
    status: 422,
    title: 'The response was made inside a page of an origin that is not allowed.',
  },
  // CBOR
  webauthn_cbor_malformed: { status: 400, title: 'The CBOR in the response is malformed.' },
  webauthn_cbor_duplicate_key: { status: 400, title: 'A map in the response has a key twice.' },
  webauthn_cbor_indefinite_length: { status: 400, title: 'An item in the response has no definite length.' },
  webauthn_cbor_not_canonical: { status: 400, title: 'The CBOR in the response is not canonical.' },
  webauthn_trailing_bytes: { status: 400, title: 'There are bytes behind the end of what the response holds.' },
  // the authenticator data
  webauthn_attestation_object_malformed: { status: 400, title: 'The attestation object is malformed.' },
  webauthn_authenticator_data_malformed: { status: 400, title: 'The authenticator data are cut short.' },
  webauthn_extensions_invalid: { status: 400, title: 'The extensions of the authenticator data are no map.' },
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
  webauthn_user_handle_mismatch: { status: 422, title: 'The credential belongs to another user.' },
  // the public key and its signatures
  webauthn_algorithm_not_offered: { status: 422, title: 'The credential uses an algorithm that was not offered.' },
  webauthn_key_invalid: { status: 422, title: 'The public key of the credential is malformed or not supported.' },
  webauthn_key_off_curve: { status: 422, title: 'The public key of the credential is not on its curve.' },
  webauthn_rsa_key_short: { status: 422, title: 'The RSA key of the credential is shorter than 2048 bits.' },
  webauthn_rsa_exponent_invalid: { status: 422, title: 'The exponent of the RSA key of the credential is not 65537.' },
  webauthn_signature_malformed: { status: 422, title: 'The signature of the security key is no DER.' },
  webauthn_signature_invalid: { status: 422, title: 'The signature of the security key is not valid.' },
  // attestation
  webauthn_attestation_unsupported: { status: 422, title: 'The attestation format is not supported.' },
  webauthn_attestation_malformed: { status: 422, title: 'The attestation statement is not of the form of its format.' },
  webauthn_attestation_algorithm_mismatch: {
    status: 422,
    title: 'The attestation statement names another algorithm than that of its key.',
  },
  webauthn_attestation_signature_invalid: { status: 422, title: 'The signature of the attestation is not valid.' },
  webauthn_attestation_invalid: { status: 422, title: 'The attestation statement is about something else.' },
  webauthn_certificate_malformed: { status: 422, title: 'A certificate of the attestation is malformed.' },
  webauthn_certificate_invalid: { status: 422, title: 'A certificate of the attestation may not attest this key.' },
  webauthn_attestation_missing: { status: 422, title: 'The registration carries no attestation by a certificate.' },
  webauthn_attestation_untrusted: { status: 422, title: 'The attestation does not lead to a trusted root.' },
  webauthn_authenticator_not_allowed: { status: 422, title: 'Security keys of this model are not allowed.' },
  // challenges and credentials in the store
  webauthn_challenge_expired: { status: 422, title: 'The challenge has expired.' },
  webauthn_challenge_used: { status: 422, title: 'The challenge was already answered.' },
  webauthn_challenge_foreign: { status: 422, title: 'The challenge was given to another session.' },
  webauthn_credential_unknown: { status: 422, title: 'The credential is not bound to this account.' },
  webauthn_credential_in_use: { status: 409, title: 'The credential is already bound.' },
} as const satisfies Record<string, { status: number; title: string }>

export type WebAuthnProblemCode = keyof typeof webauthnProblems
