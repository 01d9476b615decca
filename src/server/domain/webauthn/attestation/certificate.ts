// X.509 certificates (RFC 5280), read strictly as far as WebAuthn Level 3 section 8 asks about them.

import { type KeyObject, X509Certificate } from 'node:crypto'
import { demand, WebAuthnError } from '../error.ts'
import {
  booleanOf,
  contentOf,
  type DerElement,
  isTagged,
  isUniversal,
  itemsOf,
  objectIdentifierOf,
  readWhole,
  smallIntegerOf,
  universal,
  unsignedIntegerOf,
} from './der.ts'

const malformed = 'webauthn_certificate_malformed'

// Certificates of makers have up to 2 KiB and 12 extensions. OpenSSL takes milliseconds over one of 16 KiB that is
// nothing but extensions or names.
const longestCertificate = 4096
const mostExtensions = 32
const mostAttributes = 32

export interface CertificateExtension {
  readonly critical: boolean
  /** The DER inside the extension's OCTET STRING. */
  readonly value: Uint8Array
}

export interface AttestationCertificate {
  readonly x509: X509Certificate
  readonly publicKey: KeyObject
  /** 1 to 3. */
  readonly version: number
  /** Attribute types in dots with their values as text, in order. */
  readonly subject: readonly NameAttribute[]
  /** By object identifier in dots. */
  readonly extensions: ReadonlyMap<string, CertificateExtension>
  /** Section 4.2.1.9; undefined where the extension is missing. */
  readonly basicConstraints: BasicConstraints | undefined
}

export interface NameAttribute {
  readonly type: string
  readonly value: string
}

export interface BasicConstraints {
  readonly ca: boolean
  /** How many certificates of authorities may follow below; undefined: any number. */
  readonly pathLength: number | undefined
}

const basicConstraintsId = '2.5.29.19'

/**
 * Reads a certificate of up to 4096 bytes, to its last.
 * @throws {WebAuthnError} webauthn_certificate_malformed, or webauthn_certificate_invalid for a key of a kind that
 * attestation does not use, or more bytes, names or extensions than any has
 */
export function parseCertificate(bytes: unknown): AttestationCertificate {
  demand(bytes instanceof Uint8Array, malformed)
  demand(bytes.length <= longestCertificate, 'webauthn_certificate_invalid')
  const [body, signatureAlgorithm, signature, ...rest] = itemsOf(readWhole(bytes))
  demand(isUniversal(signatureAlgorithm, universal.sequence) && rest.length === 0, malformed)
  demand(isUniversal(signature, universal.bitString), malformed)
  const { version, issuer, subject, keyInfo, extensions } = readBody(body)
  const subjectNames = readName(subject)
  readName(issuer)
  // OpenSSL imports the key together with the certificate, and takes its time over unusual ones.
  demandUsualKey(keyInfo)
  const x509 = openedByOpenSsl(bytes)
  const constraints = extensions.get(basicConstraintsId)
  return {
    x509,
    publicKey: x509.publicKey,
    version,
    subject: subjectNames,
    extensions,
    basicConstraints: constraints && readBasicConstraints(constraints.value),
  }
}

/** TBSCertificate, section 4.1. */
function readBody(body: DerElement | undefined): {
  version: number
  issuer: DerElement
  subject: DerElement
  keyInfo: DerElement
  extensions: ReadonlyMap<string, CertificateExtension>
} {
  const fields = itemsOf(body)
  let version = 1
  if (isTagged(fields[0], 0)) {
    version = smallIntegerOf(readWhole(fields.shift()?.content ?? new Uint8Array())) + 1
    demand(version === 2 || version === 3, malformed)
  }
  const [serial, algorithm, issuer, validity, subject, keyInfo, ...optional] = fields
  demand(isUniversal(serial, universal.integer) && isUniversal(algorithm, universal.sequence), malformed)
  demand(isUniversal(issuer, universal.sequence) && isUniversal(validity, universal.sequence), malformed)
  demand(isUniversal(subject, universal.sequence) && isUniversal(keyInfo, universal.sequence), malformed)
  const last = optional.at(-1)
  demand(last === undefined || version > 1, malformed)
  return { version, issuer, subject, keyInfo, extensions: isTagged(last, 3) ? readExtensions(last) : new Map() }
}

/** Section 4.1.2.9; one extension of each kind. */
function readExtensions(field: DerElement): ReadonlyMap<string, CertificateExtension> {
  const extensions = new Map<string, CertificateExtension>()
  const items = itemsOf(readWhole(field.content))
  demand(items.length <= mostExtensions, 'webauthn_certificate_invalid')
  for (const extension of items) {
    const [id, ...rest] = itemsOf(extension)
    const name = objectIdentifierOf(id)
    const critical = rest.length === 2 && booleanOf(rest.shift())
    demand(rest.length === 1 && !extensions.has(name), malformed)
    extensions.set(name, { critical, value: contentOf(rest[0], universal.octetString) })
  }
  return extensions
}

/**
 * A Name, section 4.1.2.4.
 * @throws {WebAuthnError} webauthn_certificate_malformed, or webauthn_certificate_invalid for more than 32 attributes
 */
export function readName(name: DerElement): NameAttribute[] {
  const sets = itemsOf(name)
  demand(sets.length <= mostAttributes, 'webauthn_certificate_invalid')
  return sets.flatMap(set =>
    itemsOf(set, universal.set).map(attribute => {
      const [type, value, ...rest] = itemsOf(attribute)
      demand(value?.tagClass === 'universal' && !value.constructed && rest.length === 0, malformed)
      return { type: objectIdentifierOf(type), value: Buffer.from(value.content).toString('utf8') }
    }),
  )
}

function readBasicConstraints(value: Uint8Array): BasicConstraints {
  const items = itemsOf(readWhole(value))
  const ca = isUniversal(items[0], universal.boolean) && booleanOf(items.shift())
  const pathLength = items.length > 0 ? smallIntegerOf(items.shift()) : undefined
  demand(items.length === 0, malformed)
  return { ca, pathLength }
}

const rsaEncryption = '1.2.840.113549.1.1.1'
const ecPublicKey = '1.2.840.10045.2.1'
const edwardsKeys: readonly string[] = ['1.3.101.112', '1.3.101.113']
/** P-256, P-384 and P-521, by name: a curve by its parameters can be one that nobody finishes computing on. */
const namedCurves: readonly string[] = ['1.2.840.10045.3.1.7', '1.3.132.0.34', '1.3.132.0.35']
const leastModulusBytes = 256
const mostModulusBytes = 512

/** SubjectPublicKeyInfo, section 4.1.2.7; RFC 3279 section 2.3, RFC 5480 and RFC 8410. */
function demandUsualKey(keyInfo: DerElement): void {
  const [algorithm, bits, ...rest] = itemsOf(keyInfo)
  const [id, parameters] = itemsOf(algorithm)
  const [unused, ...key] = contentOf(bits, universal.bitString)
  demand(unused === 0 && rest.length === 0, malformed)
  const name = objectIdentifierOf(id)
  if (name === ecPublicKey) {
    const isNamed = isUniversal(parameters, universal.objectIdentifier)
    demand(isNamed && namedCurves.includes(objectIdentifierOf(parameters)), 'webauthn_certificate_invalid')
  } else if (name === rsaEncryption) {
    const [modulus, exponent] = itemsOf(readWhole(Uint8Array.from(key)))
    const { length } = unsignedIntegerOf(modulus)
    const isUsual = length >= leastModulusBytes && length <= mostModulusBytes && smallIntegerOf(exponent) === 65_537
    demand(isUsual, 'webauthn_certificate_invalid')
  } else demand(edwardsKeys.includes(name), 'webauthn_certificate_invalid')
}

function openedByOpenSsl(bytes: Uint8Array): X509Certificate {
  try {
    const certificate = new X509Certificate(bytes)
    // A key that is not on its curve shows only here.
    if (certificate.publicKey.type === 'public') return certificate
  } catch (cause) {
    throw new WebAuthnError(malformed, { cause })
  }
  throw new WebAuthnError(malformed)
}
