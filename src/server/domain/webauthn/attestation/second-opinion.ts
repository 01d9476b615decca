import { WebAuthnError } from '../error.ts'
import type { Attestation, VerifiedStatement } from './statement.ts'

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
  appleAttestation: FormatVerifier
}

const verifierOf: Readonly<Record<string, keyof Verifiers>> = {
  packed: 'packedAttestation',
  'fido-u2f': 'fidoU2fAttestation',
  apple: 'appleAttestation',
}
const p256 = 'prime256v1'

/** Takes longer than all the rest of a registration: a server that trusts makers has tested it before it listens. */
const loadSecondOpinion = async (): Promise<Verifiers> => (await import('fido2-lib')) as unknown as Verifiers

/**
 * Has fido2-lib, an implementation that is not ours, verify a statement with a certificate on P-256. On packed,
 * fido-u2f and apple statements it must agree; of what it cannot judge (other keys, TPMs, Android) it is not asked.
 * @throws {WebAuthnError} webauthn_attestation_invalid
 */
export async function askSecondOpinion(attestation: Attestation, { chain }: VerifiedStatement): Promise<void> {
  const name = verifierOf[attestation.format]
  const isOnP256 = chain[0]?.publicKey.asymmetricKeyDetails?.namedCurve === p256
  if (!name || !isOnP256) return
  const verifier = (await loadSecondOpinion())[name]
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
