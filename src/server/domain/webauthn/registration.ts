import type { X509Certificate } from 'node:crypto'
import type { RegistrationResponseJson } from '../../../contract/webauthn.ts'
import { equalBytes, toUuid } from '../../../lib/bytes.ts'
import type { AttestationType } from './attestation/statement.ts'
import { verifyAttestation } from './attestation/verify-attestation.ts'
import { parseAttestationObject } from './attestation-object.ts'
import { parseAuthenticatorData, verifyAuthenticatorData } from './authenticator-data.ts'
import { type ExpectedClientData, verifyClientData } from './client-data.ts'
import { importCoseKey } from './cose-key.ts'
import { demand } from './error.ts'
import { bytesOf, openEnvelope } from './response.ts'

export interface ExpectedRegistration extends ExpectedClientData {
  rpId: string
  /** COSE algorithm identifiers that were offered. */
  algorithms: readonly number[]
  userVerification: 'required' | 'preferred' | 'discouraged'
  /** Whom to believe. Left out, attestation statements are verified, but need not lead to anybody. */
  trustedRoots?: readonly X509Certificate[]
  /** AAGUIDs as UUIDs in lower case: where they are given, no other may register. */
  allowedAaguids?: readonly string[]
  /** AAGUIDs that may not register. */
  deniedAaguids?: readonly string[]
}

/** A credential to be stored (WebAuthn Level 3 section 4, "Credential Record"). */
export interface VerifiedRegistration {
  /** 1 to 1023 bytes. */
  credentialId: Uint8Array
  /** The COSE key, byte for byte as the authenticator wrote it. */
  publicKey: Uint8Array
  /** COSE algorithm identifier. */
  algorithm: number
  signCount: number
  /** As a UUID in lower case; all zeros for fido-u2f. */
  aaguid: string
  userVerified: boolean
  backupEligible: boolean
  backupState: boolean
  transports: string[]
  attestationFormat: string
  attestationType: AttestationType
}

/**
 * Verifies a registration: WebAuthn Level 3 section 7.1, steps 5–25. The caller sees to it that the challenge is its
 * own, fresh and used once, and that the credential id is bound to nobody yet (step 26).
 * @throws {WebAuthnError}
 */
export async function verifyRegistration(
  credential: RegistrationResponseJson,
  expected: ExpectedRegistration,
): Promise<VerifiedRegistration> {
  const id = openEnvelope(credential)
  const { response } = credential
  const clientData = bytesOf(response.clientDataJSON)
  const attestationObject = bytesOf(response.attestationObject)
  const transports = readTransports(response.transports)
  // Steps 5–11.
  verifyClientData(clientData, 'webauthn.create', expected)
  // Step 13.
  const { format, statement, authenticatorData } = parseAttestationObject(attestationObject)
  const data = parseAuthenticatorData(authenticatorData)
  // Steps 14–17.
  verifyAuthenticatorData(data, expected)
  // Section 6.5.1, and step 25 in parseAuthenticatorData.
  const { attested } = data
  demand(attested !== undefined, 'webauthn_attested_data_missing')
  demand(equalBytes(attested.id, id), 'webauthn_credential_id_mismatch')
  // Step 20.
  const key = importCoseKey(attested.coseKey)
  demand(expected.algorithms.includes(key.algorithm), 'webauthn_algorithm_not_offered')
  // Steps 21–24.
  const { rpIdHash } = data
  const attestationType = await verifyAttestation(
    { format, statement, authenticatorData, clientData, rpIdHash, credential: attested, key },
    expected.trustedRoots,
  )
  // U2F knows no models: its attestation does not sign the AAGUID, so that a key could claim to be of any.
  const aaguid = format === 'fido-u2f' ? noModel : toUuid(attested.aaguid)
  const isAllowed = expected.allowedAaguids?.includes(aaguid) ?? true
  demand(isAllowed && !expected.deniedAaguids?.includes(aaguid), 'webauthn_authenticator_not_allowed')
  return {
    credentialId: id,
    publicKey: attested.publicKey.slice(),
    algorithm: key.algorithm,
    signCount: data.signCount,
    aaguid,
    userVerified: data.userVerified,
    backupEligible: data.backupEligible,
    backupState: data.backupState,
    transports,
    attestationFormat: format,
    attestationType,
  }
}

const noModel = toUuid(new Uint8Array(16))

/**
 * Section 5.2.1: transports are distinct and sorted; unknown ones are kept. They are stored with blanks between them:
 * what is no word of printable ASCII is no transport of any WebAuthn to come, and is left out.
 */
function readTransports(transports: unknown): string[] {
  if (transports === undefined) return []
  demand(Array.isArray(transports), 'webauthn_malformed')
  const names = new Set<string>()
  for (const name of transports) {
    demand(typeof name === 'string', 'webauthn_malformed')
    if (/^[!-~]+$/.test(name)) names.add(name)
  }
  return [...names].sort()
}
