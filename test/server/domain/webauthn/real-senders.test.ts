// Registrations of the shapes that makes of keys, operating systems and clients really send, with keys made on the spot.

import { X509Certificate } from 'node:crypto'
import { Value } from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { RegistrationResponseJson } from '../../../../src/contract/webauthn.ts'
import { verifyAssertion, verifyRegistration } from '../../../../src/server/domain/webauthn/index.ts'
import {
  basicConstraints,
  der,
  type Extension,
  integer,
  keyUsage,
  name,
  octets,
  oid,
  printableString,
  sequence,
  set,
  tagged,
  utf8String,
} from '../../../support/der.ts'
import {
  type AttestedParts,
  aaguidExtension,
  androidKey,
  androidOrigin,
  androidPurpose,
  apple,
  fidoU2f,
  issue,
  packedBy,
  rootCertificate,
  tpm,
} from '../../../support/webauthn-attestation.ts'
import {
  encode,
  expectedOf,
  flags,
  makeAssertion,
  makeKey,
  makeRegistration,
  makeRsaKey,
  type Parts,
  partsOf,
} from '../../../support/webauthn-ceremony.ts'

const root = new X509Certificate(rootCertificate)
const intermediateName = name([['2.5.4.3', utf8String('Attestation authority 7')]])
const intermediateKey = makeKey('ES384')
const intermediate = issue(intermediateKey.publicKey, {
  subject: intermediateName,
  extensions: [basicConstraints(true, 0), keyUsage(0x06)],
})
const belowIt = { issuer: intermediateName, issuerKey: intermediateKey.privateKey }

const withMore = ({ format, statement }: AttestedParts, ...certificates: Uint8Array[]): AttestedParts => ({
  format,
  statement: signed => {
    const members = statement(signed)
    return members.set('x5c', [...(members.get('x5c') as Uint8Array[]), ...certificates])
  },
})

const attribute = (type: string, value: string) => sequence(oid(type), utf8String(value))
/** One set of three attributes, in no order, as Microsoft's authority writes them. */
const tpmNames: Extension = {
  id: '2.5.29.17',
  critical: true,
  value: sequence(
    tagged(
      4,
      sequence(
        set(
          attribute('2.23.133.2.3', 'id:13'),
          attribute('2.23.133.2.2', 'NPCT6xx'),
          attribute('2.23.133.2.1', 'id:4E544300'),
        ),
      ),
    ),
  ),
}
const unexplained = (id: string): Extension => ({ id, value: octets(Buffer.alloc(20, 1)) })
const identityExtensions: Extension[] = [
  keyUsage(0x80),
  basicConstraints(false),
  { id: '2.5.29.32', critical: true, value: sequence(sequence(oid('1.3.6.1.4.1.311.21.31'))) },
  { id: '2.5.29.37', value: sequence(oid('1.3.6.1.4.1.311.21.36'), oid('2.23.133.8.3')) },
  tpmNames,
  { id: '2.5.29.35', value: sequence(der(0x80, Buffer.alloc(20, 1))) },
  unexplained('2.5.29.14'),
  unexplained('1.3.6.1.5.5.7.1.1'),
]
const identity = { ...makeRsaKey(), algorithm: -65535, hash: 'sha1' }
const noName = name([])

const software = [
  androidPurpose(2),
  // creationDateTime [701], attestationApplicationId [709]: tags of two bytes
  Buffer.from([0xbf, 0x85, 0x3d, 0x03, 0x02, 0x01, 0x05]),
  Buffer.from([0xbf, 0x85, 0x45, 0x04, 0x04, 0x02, 0x30, 0x00]),
]
const hardware = [
  androidPurpose(2),
  tagged(2, integer(3)),
  // noAuthRequired [503], a NULL
  Buffer.from([0xbf, 0x83, 0x77, 0x02, 0x05, 0x00]),
  androidOrigin(0),
]

const transportsExtension: Extension = { id: '1.3.6.1.4.1.45724.2.1.1', value: der(0x03, Buffer.from([4, 0x30])) }

const shapes: [string, string, Partial<Parts>][] = [
  [
    'tpm attca',
    'Windows Hello: an RSA key, RS1, an authority in between',
    {
      key: makeRsaKey(),
      ...withMore(tpm({ ...belowIt, subject: noName, extensions: identityExtensions }, { identity }), intermediate),
    },
  ],
  [
    'packed basic',
    'a USB key below an authority, with its model and its old serial extension',
    withMore(
      packedBy({
        ...belowIt,
        extensions: [
          { id: '1.3.6.1.4.1.41482.2', value: octets(Buffer.from('1.3.6.1.4.1.41482.1.7')) },
          transportsExtension,
          aaguidExtension(partsOf({}).aaguid),
          basicConstraints(false),
        ],
      }),
      intermediate,
    ),
  ],
  ['packed basic', 'a certificate whose time is over', packedBy({ validity: ['150101000000Z', '160101000000Z'] })],
  [
    'fido-u2f basic',
    'an old U2F key: a common name alone, no basic constraints',
    {
      ...fidoU2f({
        subject: name([['2.5.4.3', printableString('Yubico U2F EE Serial 13831167861')]]),
        extensions: [transportsExtension],
      }),
      aaguid: Buffer.alloc(16),
      credentialId: Buffer.alloc(64, 3),
      flags: flags.up,
    },
  ],
  [
    'android-key basic',
    'Android: both lists, an authority in between, the root sent along',
    withMore(androidKey(belowIt, { software, hardware }), intermediate, rootCertificate),
  ],
  [
    'apple anonca',
    'iOS 14: the algorithm beside the certificates',
    {
      format: 'apple',
      statement: signed => new Map<string, unknown>([['alg', -7], ...apple.statement(signed)]),
    },
  ],
]

const outcome = (changes: Partial<Parts>, trustedRoots?: X509Certificate[]) => {
  const parts = partsOf(changes)
  const response = makeRegistration(parts)
  expect(Value.Check(RegistrationResponseJson, response)).toBe(true)
  const expected = { ...expectedOf(parts), userVerification: 'preferred' as const }
  return verifyRegistration(response, { ...expected, ...(trustedRoots && { trustedRoots }) }).then(
    ({ attestationFormat, attestationType }) => `${attestationFormat} ${attestationType}`,
    error => error.code ?? error,
  )
}

test.each(shapes)('%s: %s', async (result, _, changes) => {
  expect(await outcome(changes)).toBe(result)
  expect(await outcome(changes, [root])).toBe(result)
})

test('a U2F key cannot claim to be of a model, because it does not sign that', async () => {
  const claimed = '00112233-4455-6677-8899-aabbccddeeff'
  const parts = partsOf(fidoU2f())
  const expected = { ...expectedOf(parts), trustedRoots: [root] }
  const response = makeRegistration(parts)
  await expect(verifyRegistration(response, { ...expected, allowedAaguids: [claimed] })).rejects.toMatchObject({
    code: 'webauthn_authenticator_not_allowed',
  })
  const noModel = '00000000-0000-0000-0000-000000000000'
  const allowed = verifyRegistration(response, { ...expected, allowedAaguids: [noModel], deniedAaguids: [claimed] })
  await expect(allowed).resolves.toMatchObject({ aaguid: noModel })
})

describe('credentials', () => {
  test.each<[string, Partial<Parts>]>([
    ['with 16 bytes of id', { credentialId: Buffer.alloc(16, 1) }],
    ['with 1023 bytes of id', { credentialId: Buffer.alloc(1023, 1) }],
    ['with an RSA key of 4096 bits', { key: makeRsaKey(4096) }],
    ['with a model, attested by nobody', { format: 'none' }],
    ['with transports that are new or many', { transports: ['usb', 'smart-card', 'hybrid', 'cable', 'x-y'] }],
    [
      'with extensions of the authenticator',
      {
        extensions: encode(
          new Map<string, unknown>([
            ['credProtect', 2],
            ['hmac-secret', true],
            ['minPinLength', 4],
          ]),
        ),
      },
    ],
    ['that are passkeys, backed up', { flags: flags.up | flags.uv | flags.be | flags.bs }],
    [
      'with client data of other members in another order',
      {
        clientDataText: text => {
          const { type, ...rest } = JSON.parse(text)
          const more = { tokenBinding: { status: 'supported' }, androidPackageName: 'com.android.chrome' }
          return JSON.stringify({ ...rest, ...more, crossOrigin: false, type, hashAlgorithm: 'SHA-256' })
        },
      },
    ],
  ])('%s', async (_, changes) => {
    expect(await outcome(changes)).toBe('none none')
    const parts = partsOf(changes)
    const isPasskey = parts.flags !== (flags.up | flags.uv)
    const credential = { ...expectedOf(parts).credential, backupEligible: isPasskey }
    expect(verifyAssertion(makeAssertion(parts), { ...expectedOf(parts), credential })).toBeDefined()
  })
})

test.each<[string, string, (object: Uint8Array) => Uint8Array]>([
  [
    'webauthn_cbor_duplicate_key',
    'a member twice',
    object => Buffer.concat([Buffer.from('a463666d74646e6f6e65', 'hex'), object.subarray(1)]),
  ],
  [
    'webauthn_cbor_indefinite_length',
    'no length',
    object => Buffer.concat([Buffer.from([0xbf]), object.subarray(1), Buffer.from([0xff])]),
  ],
  [
    'webauthn_attestation_object_malformed',
    'authenticator data that are a text',
    () => {
      const members: [string, unknown][] = [
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', 'x'.repeat(99)],
      ]
      return encode(new Map(members))
    },
  ],
])('%s: no client may write an attestation object with %s', async (code, _, attestationObject) => {
  expect(await outcome({ attestationObject })).toBe(code)
})
