import { hash } from 'node:crypto'
import type { AuthenticationResponseJson } from '../../../contract/webauthn.ts'
import { equalBytes } from '../../../lib/bytes.ts'
import { parseAuthenticatorData, verifyAuthenticatorData } from './authenticator-data.ts'
import { type ExpectedClientData, verifyClientData } from './client-data.ts'
import { credentialKey, isValidSignature } from './cose-key.ts'
import { demand } from './error.ts'
import { bufferOf, openEnvelope } from './response.ts'

/** A stored credential record (WebAuthn Level 3 section 4). */
export interface StoredCredential {
  id: Uint8Array
  /** The COSE key as it was registered. */
  publicKey: Uint8Array
  signCount: number
  backupEligible: boolean
}

export interface ExpectedAssertion extends ExpectedClientData {
  rpId: string
  userVerification: 'required' | 'preferred' | 'discouraged'
  credential: StoredCredential
  /** The account's user handle, 1 to 64 bytes. */
  userHandle: Uint8Array
}

export interface VerifiedAssertion {
  /** To be stored in place of the credential's. */
  signCount: number
  /**
   * Whether the counter did not advance though authenticator or server have one: a sign that the credential may have
   * been copied, no refusal.
   */
  signCountRegressed: boolean
  userVerified: boolean
  backupState: boolean
}

/**
 * Verifies an assertion: WebAuthn Level 3 section 7.2, steps 5–22. The caller has found the credential among those of
 * the account (steps 5–6) and sees to it that the challenge is its own, fresh and used once.
 * @throws {WebAuthnError}
 */
export function verifyAssertion(
  credential: AuthenticationResponseJson,
  expected: ExpectedAssertion,
): VerifiedAssertion {
  const id = openEnvelope(credential)
  const { response } = credential
  // Steps 5 and 6: the credential that was asked for, and its owner. Some clients write an empty handle for none.
  demand(equalBytes(id, expected.credential.id), 'webauthn_credential_id_mismatch')
  if (response.userHandle) {
    demand(equalBytes(bufferOf(response.userHandle), expected.userHandle), 'webauthn_user_handle_mismatch')
  }
  // Step 7.
  const clientData = bufferOf(response.clientDataJSON)
  const authenticatorData = bufferOf(response.authenticatorData)
  const signature = bufferOf(response.signature)
  // Steps 8–14.
  verifyClientData(clientData, 'webauthn.get', expected)
  // Steps 15–18; section 6.1: no attested credential data in an assertion.
  const data = parseAuthenticatorData(authenticatorData)
  demand(data.attested === undefined, 'webauthn_attested_data_unexpected')
  verifyAuthenticatorData(data, expected)
  // Step 19.
  demand(data.backupEligible === expected.credential.backupEligible, 'webauthn_backup_eligibility_changed')
  // Steps 20 and 21.
  const key = credentialKey(expected.credential.id, expected.credential.publicKey)
  const signed = Buffer.concat([authenticatorData, hash('sha256', clientData, 'buffer')])
  demand(isValidSignature(key, signed, signature), 'webauthn_signature_invalid')
  // Step 22.
  const counted = data.signCount !== 0 || expected.credential.signCount !== 0
  return {
    signCount: data.signCount,
    signCountRegressed: counted && data.signCount <= expected.credential.signCount,
    userVerified: data.userVerified,
    backupState: data.backupState,
  }
}
