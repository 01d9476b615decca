import type { Attestation } from './attestation-object.ts'
import { WebAuthnError } from './error.ts'

/**
 * The part of fido2-lib that is used: one verifier for each attestation format. It is handed what our own parsers
 * read, so that its CBOR reader, its key import and its ceremony checks never run.
 */
interface FormatVerifier {
  parseFn(statement: Record<string, unknown>): Map<string, unknown>
  validateFn(this: VerifierContext): Promise<boolean>
}

interface VerifierContext {
  authnrData: Map<string, unknown>
  clientData: Map<string, unknown>
  audit: { journal: Set<string>; info: Map<string, unknown>; warning: Map<string, unknown> }
}

interface Verifiers {
  packedAttestation: FormatVerifier
  fidoU2fAttestation: FormatVerifier
  tpmAttestation: FormatVerifier
  appleAttestation: FormatVerifier
}

const verifierOf: Readonly<Record<string, keyof Verifiers>> = {
  packed: 'packedAttestation',
  'fido-u2f': 'fidoU2fAttestation',
  tpm: 'tpmAttestation',
  apple: 'appleAttestation',
}

/**
 * Verifies a statement with certificates whose syntax has been checked: the verification procedures of WebAuthn Level
 * 3 sections 8.2, 8.3, 8.6 and 8.8. The certificate chain is not followed.
 * @throws {WebAuthnError} webauthn_attestation_invalid or webauthn_attestation_unsupported
 */
export async function verifyCertifiedStatement(attestation: Attestation): Promise<void> {
  const name = verifierOf[attestation.format]
  if (!name) throw new WebAuthnError('webauthn_attestation_unsupported')
  // Loaded with the first certificate: it takes longer than everything else here, and most registrations have none.
  const verifiers = (await import('fido2-lib')) as unknown as Verifiers
  const verifier = verifiers[name]
  let isValid: boolean
  try {
    isValid = await verifier.validateFn.call(contextOf(attestation, verifier))
  } catch (cause) {
    throw new WebAuthnError('webauthn_attestation_invalid', { cause })
  }
  if (!isValid) throw new WebAuthnError('webauthn_attestation_invalid')
}

function contextOf(attestation: Attestation, verifier: FormatVerifier): VerifierContext {
  const { statement, credential, key } = attestation
  const plainStatement = Object.fromEntries([...statement].map(([name, value]) => [String(name), unviewed(value)]))
  return {
    authnrData: new Map<string, unknown>([
      ...verifier.parseFn(plainStatement),
      ['rawAuthnrData', unviewed(attestation.authenticatorData)],
      ['rpIdHash', unviewed(attestation.rpIdHash)],
      ['aaguid', unviewed(credential.aaguid)],
      ['credId', unviewed(credential.id)],
      ['credentialPublicKeyJwk', key.jwk],
      ['credentialPublicKeyPem', key.key.export({ type: 'spki', format: 'pem' })],
    ]),
    clientData: new Map<string, unknown>([['rawClientDataJson', unviewed(attestation.clientData)]]),
    audit: { journal: new Set(), info: new Map(), warning: new Map() },
  }
}

/** A copy of `value` with an `ArrayBuffer` of its own for each byte string. */
function unviewed(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value).buffer
  return Array.isArray(value) ? value.map(unviewed) : value
}
