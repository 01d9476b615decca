// Attestation statements with certificates made on the spot, for ceremonies of webauthn-ceremony.ts.

import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import {
  basicConstraints,
  type CertificateParts,
  type Extension,
  makeCertificate,
  name,
  octets,
  oid,
  printableString,
  sequence,
  tagged,
  utf8String,
} from './der.ts'
import { makeRsaKey, type Parts, type Signed, sha256, signWith } from './webauthn-ceremony.ts'

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

type AttestedParts = Pick<Parts, 'format' | 'statement'>

export const selfAttested: AttestedParts = {
  format: 'packed',
  statement: ({ key, authenticatorData, clientDataHash }) =>
    new Map<string, unknown>([
      ['alg', key.algorithm],
      ['sig', signWith(key, Buffer.concat([authenticatorData, clientDataHash]))],
    ]),
}

/** Packed attestation by a fresh P-256 key with a certificate for it. */
export function packedBy(changes: Partial<CertificateParts> = {}, key = p256()): AttestedParts {
  const certificate = issue(key.publicKey, changes)
  return {
    format: 'packed',
    statement: ({ authenticatorData, clientDataHash }) =>
      new Map<string, unknown>([
        ['alg', -7],
        ['sig', signWith({ ...key, hash: 'sha256' }, Buffer.concat([authenticatorData, clientDataHash]))],
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

/** TPM attestation of an RSA credential: TPMS_ATTEST and TPMT_PUBLIC (TPM 2.0 Library, part 2, 10.12.8 and 12.2.4). */
export function tpm(changes: Partial<CertificateParts> = {}): AttestedParts {
  const identity = makeRsaKey()
  const certificate = issue(identity.publicKey, { subject: name([]), extensions: tpmExtensions, ...changes })
  return {
    format: 'tpm',
    statement: ({ key, authenticatorData, clientDataHash }) => {
      const modulus = key.cose.get(-1)
      const pubArea = Buffer.concat([
        uint16(0x0001), // TPM_ALG_RSA
        uint16(0x000b), // TPM_ALG_SHA256
        uint32(0x00060472),
        sized(Buffer.alloc(32)),
        uint16(0x0010), // no symmetric algorithm
        uint16(0x0010), // no scheme
        uint16(2048),
        uint32(0),
        sized(modulus instanceof Uint8Array ? modulus : Buffer.alloc(0)),
      ])
      const algorithmAndDigest = (digest: Uint8Array) => sized(Buffer.concat([uint16(0x000b), digest]))
      const certInfo = Buffer.concat([
        uint32(0xff544347), // TPM_GENERATED_VALUE
        uint16(0x8017), // TPM_ST_ATTEST_CERTIFY
        algorithmAndDigest(Buffer.alloc(32, 1)),
        sized(sha256(Buffer.concat([authenticatorData, clientDataHash]))),
        Buffer.alloc(17),
        Buffer.alloc(8),
        algorithmAndDigest(sha256(pubArea)),
        algorithmAndDigest(Buffer.alloc(32, 2)),
      ])
      return new Map<string, unknown>([
        ['alg', -257],
        ['sig', signWith(identity, certInfo)],
        ['ver', '2.0'],
        ['x5c', [certificate]],
        ['pubArea', pubArea],
        ['certInfo', certInfo],
      ])
    },
  }
}
