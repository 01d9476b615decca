// Attestation statements with certificates made on the spot, for ceremonies of webauthn-ceremony.ts.

import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import {
  basicConstraints,
  type CertificateParts,
  der,
  type Extension,
  integer,
  makeCertificate,
  name,
  octets,
  oid,
  printableString,
  sequence,
  set,
  tagged,
  utf8String,
} from './der.ts'
import { makeKey, makeRsaKey, type Parts, type Signed, sha256, signWith, type TestKey } from './webauthn-ceremony.ts'

const p256 = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rootKey = p256()
export const rootName = name([['2.5.4.3', utf8String('Test attestation root')]])

export const rootCertificate = makeCertificate({
  version: 3,
  subject: rootName,
  issuer: rootName,
  publicKey: rootKey.publicKey,
  issuerKey: rootKey.privateKey,
  extensions: [basicConstraints(true)],
})

export const subject = (unit = 'Authenticator Attestation') =>
  name([
    ['2.5.4.6', printableString('CN')],
    ['2.5.4.10', utf8String('Test vendor')],
    ['2.5.4.11', utf8String(unit)],
    ['2.5.4.3', utf8String('Test key attestation')],
  ])

export const aaguidExtension = (aaguid: Uint8Array): Extension => ({
  id: '1.3.6.1.4.1.45724.1.1.4',
  value: octets(aaguid),
})

export const issue = (publicKey: KeyObject, changes: Partial<CertificateParts> = {}): Buffer =>
  makeCertificate({
    version: 3,
    subject: subject(),
    issuer: rootName,
    publicKey,
    issuerKey: rootKey.privateKey,
    extensions: [basicConstraints(false)],
    ...changes,
  })

export type AttestedParts = Pick<Parts, 'format' | 'statement'>
export type SigningKey = Pick<TestKey, 'algorithm' | 'hash' | 'privateKey' | 'publicKey'>

export const selfAttested: AttestedParts = {
  format: 'packed',
  statement: ({ key, authenticatorData, clientDataHash }) =>
    new Map<string, unknown>([
      ['alg', key.algorithm],
      ['sig', signWith(key, Buffer.concat([authenticatorData, clientDataHash]))],
    ]),
}

/** Packed attestation by `key`, if left out a fresh one on P-256, with a certificate for it. */
export function packedBy(changes: Partial<CertificateParts> = {}, key: SigningKey = makeKey('ES256')): AttestedParts {
  const certificate = issue(key.publicKey, changes)
  return {
    format: 'packed',
    statement: ({ authenticatorData, clientDataHash }) =>
      new Map<string, unknown>([
        ['alg', key.algorithm],
        ['sig', signWith(key, Buffer.concat([authenticatorData, clientDataHash]))],
        ['x5c', [certificate]],
      ]),
  }
}

/** Section 8.6: what a U2F key signs. */
export function u2fMessage({ key, rpIdHash, clientDataHash, credentialId }: Signed): Buffer {
  const { x = '', y = '' } = key.publicKey.export({ format: 'jwk' })
  const point = [Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
  return Buffer.concat([Buffer.from([0]), rpIdHash, clientDataHash, credentialId, ...point])
}

export function fidoU2f(changes: Partial<CertificateParts> = {}): AttestedParts {
  const key = p256()
  const certificate = issue(key.publicKey, changes)
  return {
    format: 'fido-u2f',
    statement: signed =>
      new Map<string, unknown>([
        ['sig', signWith({ ...key, hash: 'sha256' }, u2fMessage(signed))],
        ['x5c', [certificate]],
      ]),
  }
}

export const apple: AttestedParts = {
  format: 'apple',
  statement: ({ key, authenticatorData, clientDataHash }) => {
    const nonce = sha256(Buffer.concat([authenticatorData, clientDataHash]))
    const extension = { id: '1.2.840.113635.100.8.2', value: sequence(tagged(1, octets(nonce))) }
    const publicKey = createPublicKey(key.privateKey)
    return new Map<string, unknown>([['x5c', [issue(publicKey, { extensions: [extension] })]]])
  },
}

const uint16 = (value: number) => Buffer.from([value >> 8, value & 0xff])
const uint32 = (value: number) => Buffer.concat([uint16(value >>> 16), uint16(value & 0xffff)])
const sized = (bytes: Uint8Array) => Buffer.concat([uint16(bytes.length), bytes])

/** Section 8.3.1: no subject; manufacturer, model and version of the TPM in the alternative name; AIK usage. */
const tpmExtensions: readonly Extension[] = [
  {
    id: '2.5.29.17',
    critical: true,
    value: sequence(
      tagged(
        4,
        name([
          ['2.23.133.2.1', utf8String('id:FFFFF1D0')],
          ['2.23.133.2.2', utf8String('Test TPM')],
          ['2.23.133.2.3', utf8String('id:00000001')],
        ]),
      ),
    ),
  },
  { id: '2.5.29.37', value: sequence(oid('2.23.133.8.3')) },
  basicConstraints(false),
]

/** TPMT_PUBLIC of an RSA or EC key (TPM 2.0 Library, part 2, 12.2.4). */
function publicArea({ cose }: TestKey): Buffer {
  const bytesAt = (label: number) => Buffer.from(cose.get(label) as Uint8Array)
  const isRsa = cose.get(1) === 3
  const none = uint16(0x0010)
  const parameters = isRsa
    ? [uint16(bytesAt(-1).length * 8), uint32(0), sized(bytesAt(-1))]
    : [uint16(Number(cose.get(-1)) + 2), none, sized(bytesAt(-2)), sized(bytesAt(-3))]
  // Type; TPM_ALG_SHA256 for the name; attributes; policy; no symmetric algorithm; no scheme.
  const head = [
    uint16(isRsa ? 0x0001 : 0x0023),
    uint16(0x000b),
    uint32(0x00060472),
    sized(Buffer.alloc(32)),
    none,
    none,
  ]
  return Buffer.concat([...head, ...parameters])
}

export interface TpmParts {
  publicArea: (bytes: Buffer) => Buffer
  certInfo: (bytes: Buffer) => Buffer
  /** What is certified, if not the public area that is sent. */
  certified: (publicArea: Buffer) => Buffer
  /** The number of the hash in the certified name. */
  nameAlgorithm: number
  identity: SigningKey
}

const same = (bytes: Buffer) => bytes

/** TPM attestation: TPMS_ATTEST over the public area (TPM 2.0 Library, part 2, 10.12.8). */
export function tpm(changes: Partial<CertificateParts> = {}, parts: Partial<TpmParts> = {}): AttestedParts {
  const identity = parts.identity ?? makeRsaKey()
  const certificate = issue(identity.publicKey, { subject: name([]), extensions: tpmExtensions, ...changes })
  return {
    format: 'tpm',
    statement: ({ key, authenticatorData, clientDataHash }) => {
      const pubArea = (parts.publicArea ?? same)(publicArea(key))
      const ofAlgorithm = (digest: Uint8Array) => sized(Buffer.concat([uint16(parts.nameAlgorithm ?? 0x000b), digest]))
      const signed = Buffer.concat([authenticatorData, clientDataHash])
      const certInfo = (parts.certInfo ?? same)(
        Buffer.concat([
          uint32(0xff544347), // TPM_GENERATED_VALUE
          uint16(0x8017), // TPM_ST_ATTEST_CERTIFY
          ofAlgorithm(Buffer.alloc(32, 1)),
          sized(
            createHash(identity.hash ?? 'sha256')
              .update(signed)
              .digest(),
          ),
          Buffer.alloc(17),
          Buffer.alloc(8),
          ofAlgorithm(sha256((parts.certified ?? same)(pubArea))),
          ofAlgorithm(Buffer.alloc(32, 2)),
        ]),
      )
      return new Map<string, unknown>([
        ['alg', identity.algorithm],
        ['sig', signWith(identity, certInfo)],
        ['ver', '2.0'],
        ['x5c', [certificate]],
        ['pubArea', pubArea],
        ['certInfo', certInfo],
      ])
    },
  }
}

export interface AndroidParts {
  challenge: (hash: Uint8Array) => Uint8Array
  software: readonly Uint8Array[]
  hardware: readonly Uint8Array[]
  /** The certified key, if not the credential's. */
  certified: KeyObject
  /** The members of the key description. */
  description: (members: Uint8Array[]) => Uint8Array[]
}

/** [number] EXPLICIT, for numbers of two groups of seven bits. */
const highTagged = (number: number, ...items: Uint8Array[]) => {
  const [, ...rest] = der(0, ...items)
  return Buffer.from([0xbf, 0x80 | (number >> 7), number & 0x7f, ...rest])
}

export const androidPurpose = (...purposes: number[]) => tagged(1, set(...purposes.map(integer)))
export const androidAllApplications = () => highTagged(600, der(0x05))
export const androidOrigin = (origin: number) => highTagged(702, integer(origin))

/** Android key attestation: a certificate for the credential's key that describes it (section 8.4.1). */
export function androidKey(changes: Partial<CertificateParts> = {}, parts: Partial<AndroidParts> = {}): AttestedParts {
  return {
    format: 'android-key',
    statement: ({ key, authenticatorData, clientDataHash }) => {
      const description = [
        integer(100),
        der(0x0a, Buffer.from([1])),
        integer(100),
        der(0x0a, Buffer.from([1])),
        octets((parts.challenge ?? (hash => hash))(clientDataHash)),
        octets(),
        sequence(...(parts.software ?? [])),
        sequence(...(parts.hardware ?? [androidPurpose(2), androidOrigin(0)])),
      ]
      const value = sequence(...(parts.description?.(description) ?? description))
      const certificate = issue(parts.certified ?? createPublicKey(key.privateKey), {
        extensions: [{ id: '1.3.6.1.4.1.11129.2.1.17', value }],
        ...changes,
      })
      return new Map<string, unknown>([
        ['alg', key.algorithm],
        ['sig', signWith(key, Buffer.concat([authenticatorData, clientDataHash]))],
        ['x5c', [certificate]],
      ])
    },
  }
}
