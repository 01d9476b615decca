import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { type WebAuthnProblemCode, webauthnProblems } from '../../../../src/contract/webauthn-problems.ts'
import { verifyRegistration } from '../../../../src/server/domain/webauthn/index.ts'
import {
  basicConstraints,
  type Extension,
  integer,
  keyUsage,
  name,
  octets,
  oid,
  sequence,
  tagged,
  utf8String,
} from '../../../support/der.ts'
import {
  aaguidExtension,
  androidAllApplications,
  androidKey,
  androidOrigin,
  androidPurpose,
  apple,
  fidoU2f,
  issue,
  packedBy,
  rootCertificate,
  selfAttested,
  subject,
  tpm,
} from '../../../support/webauthn-attestation.ts'
import {
  expectedOf,
  keyKinds,
  makeKey,
  makeRegistration,
  makeRsaKey,
  type Parts,
  partsOf,
  type Signed,
  type TestKey,
} from '../../../support/webauthn-ceremony.ts'

type Attested = Pick<Parts, 'format' | 'statement'>

const aaguid = partsOf({}).aaguid
const rsa = makeRsaKey()
const notRoot = makeKey('ES256')

/** `attested`, with its statement changed after it was made. */
const changed = (attested: Attested, change: (statement: Map<string, unknown>) => void): Attested => ({
  ...attested,
  statement: signed => {
    const statement = attested.statement(signed)
    change(statement)
    // A member that was added goes where canonical CBOR has it.
    return new Map([...statement].sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1)))
  },
})

/** `attested`, made over something else than what is sent. */
const misdirected = (attested: Attested, other: (signed: Signed) => Partial<Signed>): Attested => ({
  ...attested,
  statement: signed => attested.statement({ ...signed, ...other(signed) }),
})

const overOtherClientData = (attested: Attested) =>
  misdirected(attested, () => ({ clientDataHash: Buffer.alloc(32, 1) }))

const chainOf = (statement: Map<string, unknown>) => statement.get('x5c') as Uint8Array[]

async function outcome(attested: Attested, key?: TestKey, trustedRoots?: X509Certificate[]): Promise<unknown> {
  const parts = partsOf({ ...attested, ...(key && { key }) })
  const expected = { ...expectedOf(parts), ...(trustedRoots && { trustedRoots }) }
  return verifyRegistration(makeRegistration(parts), expected).then(
    ({ attestationFormat, attestationType }) => `${attestationFormat} ${attestationType}`,
    error => error.code ?? error,
  )
}

const tpmAttributes = ['2.23.133.2.1', '2.23.133.2.2', '2.23.133.2.3'] as const
const tpmName = (types: readonly string[]): Extension => ({
  id: '2.5.29.17',
  critical: true,
  value: sequence(tagged(4, name(types.map(type => [type, utf8String('id:FFFFF1D0')])))),
})
const use = (purpose: string): Extension => ({ id: '2.5.29.37', value: sequence(oid(purpose)) })

const rsaSigning = (algorithm: number, hash: string) => ({ ...rsa, algorithm, hash })
const ecIdentity = makeKey('ES256')

test.each<[string, string, Attested, TestKey?]>([
  ['packed basic', 'with the model in its certificate', packedBy({ extensions: ofModel(aaguid) })],
  ['packed basic', 'for an Ed25519 credential', packedBy(), makeKey('Ed25519')],
  ['packed basic', 'for an ES512 credential', packedBy(), makeKey('ES512')],
  ['packed basic', 'by RS384', packedBy({}, rsaSigning(-258, 'sha384'))],
  ['packed basic', 'by RS512', packedBy({}, rsaSigning(-259, 'sha512'))],
  ['packed basic', 'by Ed448 under its own number', packedBy({}, { ...makeKey('Ed448'), algorithm: -53 })],
  ['fido-u2f basic', '', fidoU2f()],
  ['apple anonca', '', apple],
  ['apple anonca', 'with the algorithm, as older devices send it', changed(apple, s => s.set('alg', -7))],
  ['tpm attca', 'of an RSA key by RS256', tpm(), rsa],
  ['tpm attca', 'of an RSA key by RS1', tpm({}, { identity: rsaSigning(-65535, 'sha1') }), rsa],
  ['tpm attca', 'of an RSA key by ES256', tpm({}, { identity: ecIdentity }), rsa],
  ['tpm attca', 'of a P-256 key', tpm()],
  ['tpm attca', 'of a P-384 key', tpm(), makeKey('ES384')],
  ['tpm attca', 'of a P-521 key by ES256', tpm({}, { identity: ecIdentity }), makeKey('ES512')],
  ['android-key basic', 'described by hardware', androidKey()],
  ['android-key basic', 'of an RSA key', androidKey(), rsa],
  [
    'android-key basic',
    'described by software',
    androidKey({}, { software: [androidPurpose(2), androidOrigin(0)], hardware: [] }),
  ],
  ['android-key basic', 'described by nobody', androidKey({}, { hardware: [] })],
])('%s %s', async (result, _, attested, key) => {
  expect(await outcome(attested, key)).toBe(result)
})

test.each(keyKinds)('packed self by %s', async kind => {
  expect(await outcome(selfAttested, makeKey(kind))).toBe('packed self')
})

test.each(keyKinds)('packed with a certificate for a key of %s', async kind => {
  expect(await outcome(packedBy({}, makeKey(kind)))).toBe('packed basic')
})

const malformed = 'webauthn_attestation_malformed'
const mismatch = 'webauthn_attestation_algorithm_mismatch'
const unsigned = 'webauthn_attestation_signature_invalid'
const otherwise = 'webauthn_attestation_invalid'
const badDer = 'webauthn_certificate_malformed'
const unfit = 'webauthn_certificate_invalid'

/** Each a good statement in which one thing was changed. */
const refused: [WebAuthnProblemCode, string, Attested, TestKey?][] = [
  [mismatch, 'self: another algorithm than the key’s', changed(selfAttested, s => s.set('alg', -35))],
  [malformed, 'self: no algorithm', changed(selfAttested, s => s.delete('alg'))],
  [malformed, 'self: no signature', changed(selfAttested, s => s.delete('sig'))],
  [malformed, 'self: a member more', changed(selfAttested, s => s.set('ver', '2.0'))],
  [malformed, 'self: a signature that is a text', changed(selfAttested, s => s.set('sig', 'x'))],
  [unsigned, 'self: over other client data', overOtherClientData(selfAttested)],
  ['webauthn_signature_malformed', 'self: a byte behind the signature', changed(selfAttested, longerSignature)],
  [unsigned, 'packed: over other client data', overOtherClientData(packedBy())],
  [malformed, 'packed: no certificate', changed(packedBy(), s => s.set('x5c', []))],
  [malformed, 'packed: seven certificates', changed(packedBy(), s => s.set('x5c', Array(7).fill(chainOf(s)[0])))],
  [malformed, 'packed: x5c that is no list', changed(packedBy(), s => s.set('x5c', chainOf(s)[0]))],
  [malformed, 'packed: an algorithm that is a text', changed(packedBy(), s => s.set('alg', 'ES256'))],
  [malformed, 'packed: a member more', changed(packedBy(), s => s.set('zzzz', 1))],
  [badDer, 'packed: a certificate that is none', changed(packedBy(), s => s.set('x5c', [Buffer.from('MIIB')]))],
  [badDer, 'packed: a certificate that is a text', changed(packedBy(), s => s.set('x5c', ['MIIB']))],
  [badDer, 'packed: a certificate with bytes behind', changed(packedBy(), longerCertificate)],
  [badDer, 'packed: a certificate as PEM', changed(packedBy(), asPem)],
  [badDer, 'packed: a second certificate that is none', changed(packedBy(), s => chainOf(s).push(Buffer.alloc(3)))],
  [badDer, 'packed: an extension twice', packedBy({ extensions: [basicConstraints(false), basicConstraints(false)] })],
  [mismatch, 'packed: an RSA algorithm with an EC certificate', changed(packedBy(), s => s.set('alg', -257))],
  [mismatch, 'packed: an algorithm that is unknown', changed(packedBy(), s => s.set('alg', -47))],
  [mismatch, 'packed: ES256 with a certificate on P-384', packedBy({}, { ...makeKey('ES384'), algorithm: -7 })],
  [mismatch, 'packed: SHA-1', packedBy({}, rsaSigning(-65535, 'sha1'))],
  ['webauthn_signature_malformed', 'packed: a byte behind the signature', changed(packedBy(), longerSignature)],
  [unsigned, 'packed: a certificate for another key', packedBy({ publicKey: notRoot.publicKey })],
  [unfit, 'packed: version 1', packedBy({ version: 1 })],
  [unfit, 'packed: another unit', packedBy({ subject: subject('Authenticator attestation') })],
  [unfit, 'packed: no subject', packedBy({ subject: name([]) })],
  [unfit, 'packed: a country that is none', packedBy({ subject: nameOf('China', 'Vendor', 'Key') })],
  [unfit, 'packed: no organization', packedBy({ subject: nameOf('CN', '', 'Key') })],
  [unfit, 'packed: no common name', packedBy({ subject: nameOf('CN', 'Vendor', '') })],
  [unfit, 'packed: a certificate authority', packedBy({ extensions: [basicConstraints(true)] })],
  [unfit, 'packed: no basic constraints', packedBy({ extensions: [] })],
  [unfit, 'packed: another model', packedBy({ extensions: ofModel(Buffer.alloc(16, 1)) })],
  [unfit, 'packed: a model that is critical', packedBy({ extensions: ofModel(aaguid, true) })],
  [unfit, 'packed: a key on secp256k1', packedBy({ publicKey: onCurve('secp256k1') })],
  [unfit, 'packed: an RSA key of 8192 bits', packedBy({ publicKey: rsaOf(8192) })],
  [unfit, 'packed: an RSA key of 1024 bits', packedBy({}, makeRsaKey(1024))],
  [
    unfit,
    'packed: a certificate of more than 4 KiB',
    packedBy({ extensions: [{ id: '1.3.6', value: Buffer.alloc(4000) }] }),
  ],
  [unfit, 'packed: 33 extensions', packedBy({ extensions: extensions(33) })],
  [unfit, 'packed: 33 names', packedBy({ subject: name(Array(33).fill(['2.5.4.11', utf8String('x')])) })],
  [unfit, 'packed: an RSA exponent of 3', packedBy({}, makeRsaKey(2048, 3))],
  [unsigned, 'fido-u2f: over other client data', overOtherClientData(fidoU2f())],
  [unsigned, 'fido-u2f: another credential', misdirected(fidoU2f(), () => ({ credentialId: Buffer.alloc(32, 1) }))],
  [malformed, 'fido-u2f: two certificates', changed(fidoU2f(), s => chainOf(s).push(rootCertificate))],
  [malformed, 'fido-u2f: an algorithm', changed(fidoU2f(), s => s.set('alg', -7))],
  [mismatch, 'fido-u2f: a certificate on P-384', fidoU2f({ publicKey: onCurve('P-384') })],
  [mismatch, 'fido-u2f: a credential that is no ES256', fidoU2f(), makeKey('ES384')],
  [otherwise, 'apple: over other client data', overOtherClientData(apple)],
  [otherwise, 'apple: a certificate for another key', misdirected(apple, () => ({ key: makeKey('ES256') }))],
  [mismatch, 'apple: another algorithm', changed(apple, s => s.set('alg', -257))],
  [unfit, 'apple: a certificate without nonce', changed(apple, s => s.set('x5c', [issue(notRoot.publicKey)]))],
  [malformed, 'apple: a signature', changed(apple, s => s.set('sig', Buffer.alloc(64)))],
  [otherwise, 'tpm: over other client data', overOtherClientData(tpm())],
  [otherwise, 'tpm: another key in the public area', misdirected(tpm(), () => ({ key: makeKey('ES256') }))],
  [otherwise, 'tpm: another public area certified', tpm({}, { certified: bytes => flipped(bytes, 8) })],
  [otherwise, 'tpm: another hash in the certified name', tpm({}, { nameAlgorithm: 0x000c })],
  [malformed, 'tpm: version 1.2', changed(tpm(), s => s.set('ver', '1.2'))],
  [malformed, 'tpm: no signature', changed(tpm(), s => s.delete('sig'))],
  [malformed, 'tpm: a public area cut short', tpm({}, { publicArea: bytes => bytes.subarray(0, -1) })],
  [malformed, 'tpm: a byte behind the public area', tpm({}, { publicArea: longer })],
  [malformed, 'tpm: a public area of another type', tpm({}, { publicArea: bytes => flipped(bytes, 1) })],
  [malformed, 'tpm: a name by an unknown hash', tpm({}, { publicArea: bytes => flipped(bytes, 2) })],
  [malformed, 'tpm: an empty certInfo', tpm({}, { certInfo: () => Buffer.alloc(0) })],
  [malformed, 'tpm: a byte behind certInfo', tpm({}, { certInfo: longer })],
  [malformed, 'tpm: not made by a TPM', tpm({}, { certInfo: bytes => flipped(bytes, 0) })],
  [malformed, 'tpm: a quote, no certification', tpm({}, { certInfo: bytes => flipped(bytes, 5) })],
  [unsigned, 'tpm: another signature', changed(tpm(), s => s.set('sig', flipped(s.get('sig') as Buffer, 100)))],
  [mismatch, 'tpm: an algorithm that is not the certificate’s', changed(tpm(), s => s.set('alg', -7))],
  [mismatch, 'tpm: an algorithm without a hash', tpm({}, { identity: makeKey('Ed25519') })],
  [unfit, 'tpm: a subject', tpm({ subject: subject() })],
  [unfit, 'tpm: no alternative name', tpm({ extensions: [basicConstraints(false)] })],
  [unfit, 'tpm: no use stated', tpm({ extensions: [basicConstraints(false), tpmName(tpmAttributes)] })],
  [unfit, 'tpm: another use', tpm({ extensions: [basicConstraints(false), tpmName(tpmAttributes), use('1.3.6.1')] })],
  [
    unfit,
    'tpm: a TPM without a version',
    tpm({ extensions: [basicConstraints(false), tpmName(tpmAttributes.slice(0, 2)), use('2.23.133.8.3')] }),
  ],
  [otherwise, 'android-key: all of it by and for another key', misdirected(androidKey(), () => ({ key: notRoot }))],
  [
    mismatch,
    'android-key: another algorithm of the same key',
    misdirected(androidKey(), ({ key }) => ({ key: { ...key, algorithm: -258, hash: 'sha384' } })),
    rsa,
  ],
  [
    badDer,
    'android-key: a unique id that is a number',
    androidKey({}, { description: members => [...members.slice(0, 5), integer(1), ...members.slice(6)] }),
  ],
  [unsigned, 'android-key: over other client data', overOtherClientData(androidKey())],
  [otherwise, 'android-key: another challenge', androidKey({}, { challenge: hash => flipped(Buffer.from(hash), 0) })],
  [unsigned, 'android-key: another key', androidKey({}, { certified: notRoot.publicKey })],
  [mismatch, 'android-key: another algorithm', changed(androidKey(), s => s.set('alg', -35))],
  [malformed, 'android-key: an algorithm that is a text', changed(androidKey(), s => s.set('alg', 'ES256'))],
  [malformed, 'android-key: no certificate', changed(androidKey(), s => s.set('x5c', []))],
  [unfit, 'android-key: no description', androidKey({ extensions: [] })],
  [otherwise, 'android-key: for all applications', androidKey({}, { software: [androidAllApplications()] })],
  [otherwise, 'android-key: an imported key', androidKey({}, { hardware: [androidPurpose(2), androidOrigin(2)] })],
  [otherwise, 'android-key: imported, says software', androidKey({}, { software: [androidOrigin(2)] })],
  [otherwise, 'android-key: to decrypt with', androidKey({}, { hardware: [androidPurpose(2, 1), androidOrigin(0)] })],
  [badDer, 'android-key: a short description', androidKey({}, { description: members => members.slice(0, 7) })],
  [badDer, 'android-key: no level', androidKey({}, { description: members => members.toSpliced(1, 1, octets()) })],
]

test.each(refused)('%s: %s', async (code, _, attested, key) => {
  expect(await outcome(attested, key)).toBe(code)
})

test('every problem with a statement has a case here or with the roots', () => {
  const codes = Object.keys(webauthnProblems).filter(code => /_(attestation|certificate)_/.test(code))
  const withRoots = ['webauthn_attestation_missing', 'webauthn_attestation_untrusted']
  // Refused before there is a statement (refusals.test.ts).
  const before = ['webauthn_attestation_object_malformed', 'webauthn_attestation_unsupported']
  const here = new Set<string>([...refused.map(([code]) => code), ...withRoots, ...before])
  expect(codes.filter(code => !here.has(code))).toEqual([])
})

function ofModel(model: Uint8Array, critical = false) {
  return [basicConstraints(false), { ...aaguidExtension(model), critical }]
}

function extensions(count: number): Extension[] {
  const others = Array.from({ length: count - 1 }, (_, index) => ({ id: `1.3.6.1.${index}`, value: octets() }))
  return [basicConstraints(false), ...others]
}

/** A key whose private half nobody has. */
function rsaOf(bits: number) {
  const n = Buffer.alloc(bits / 8, 0xff).toString('base64url')
  return createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' })
}

function onCurve(namedCurve: string) {
  return generateKeyPairSync('ec', { namedCurve }).publicKey
}

function nameOf(country: string, organization: string, commonName: string) {
  return name([
    ['2.5.4.6', utf8String(country)],
    ['2.5.4.10', utf8String(organization)],
    ['2.5.4.11', utf8String('Authenticator Attestation')],
    ['2.5.4.3', utf8String(commonName)],
  ])
}

function longer(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(1)])
}

/** `bytes` with the lowest bit of one byte turned. */
function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

function longerSignature(statement: Map<string, unknown>): void {
  statement.set('sig', longer(statement.get('sig') as Uint8Array))
}

function longerCertificate(statement: Map<string, unknown>): void {
  statement.set('x5c', chainOf(statement).map(longer))
}

function asPem(statement: Map<string, unknown>): void {
  statement.set(
    'x5c',
    chainOf(statement).map(certificate => Buffer.from(new X509Certificate(certificate).toString())),
  )
}

const root = new X509Certificate(rootCertificate)
const nameNumber = (number: number) => name([['2.5.4.3', utf8String(`Intermediate ${number}`)]])

/** A packed attestation below `count` authorities, the topmost signed by the root; `extensions` by number from the top. */
function below(count: number, extensions: (number: number) => Extension[] = () => [basicConstraints(true)]): Attested {
  const authorities = Array.from({ length: count }, (_, number) => ({ number, ...makeKey('ES256') }))
  const above = (number: number) => {
    const authority = authorities[number - 1]
    return authority ? { issuer: nameNumber(number - 1), issuerKey: authority.privateKey } : {}
  }
  const chain = authorities.map(({ number, publicKey }) =>
    issue(publicKey, { subject: nameNumber(number), extensions: extensions(number), ...above(number) }),
  )
  return changed(packedBy(above(count)), s => chainOf(s).push(...chain.reverse()))
}

const ownRootName = nameNumber(99)
const ofOwnRoot = { issuer: ownRootName, issuerKey: notRoot.privateKey }

const untrusted = 'webauthn_attestation_untrusted'
const missing = 'webauthn_attestation_missing'

test.each<[string, string, Attested, TestKey?]>([
  ['packed basic', 'by the root', packedBy()],
  ['packed basic', 'on Ed25519 by the root', packedBy({}, makeKey('Ed25519'))],
  ['packed basic', 'with the root in the chain', changed(packedBy(), s => chainOf(s).push(rootCertificate))],
  ['fido-u2f basic', 'by the root', fidoU2f()],
  ['apple anonca', 'by the root', apple],
  ['tpm attca', 'by the root', tpm(), rsa],
  ['android-key basic', 'by the root', androidKey()],
  ['packed basic', 'by an authority below the root', below(1)],
  ['packed basic', 'by five', below(5)],
  ['packed basic', 'by two that may have just as many below', below(2, n => [basicConstraints(true, 1 - n)])],
  ['packed basic', 'by one that may sign certificates', below(1, () => [basicConstraints(true), keyUsage(0x04)])],
  [untrusted, 'by one that is no authority', below(1, () => [basicConstraints(false)])],
  [untrusted, 'by one that does not say what it is', below(1, () => [])],
  [untrusted, 'by two, of which the upper may have none below', below(2, () => [basicConstraints(true, 0)])],
  [untrusted, 'by one that may not sign certificates', below(1, () => [basicConstraints(true), keyUsage(0x80)])],
  [untrusted, 'by an authority that is not sent along', changed(below(2), s => s.set('x5c', chainOf(s).slice(0, 2)))],
  [untrusted, 'by authorities in the wrong order', changed(below(2), swapAuthorities)],
  [untrusted, 'by one who says to be the root', packedBy({ issuerKey: notRoot.privateKey })],
  [untrusted, 'by a root of its own', changed(packedBy(ofOwnRoot), s => chainOf(s).push(ownRoot()))],
  [missing, 'by itself', selfAttested],
  [missing, 'by nobody', { format: 'none', statement: () => new Map() }],
])('with a trusted root, %s: %s', async (result, _, attested, key) => {
  expect(await outcome(attested, key, [root])).toBe(result)
})

function swapAuthorities(statement: Map<string, unknown>): void {
  const [first, ...authorities] = chainOf(statement)
  statement.set('x5c', [first, ...authorities.reverse()])
}

function ownRoot(): Buffer {
  return issue(notRoot.publicKey, { subject: ownRootName, extensions: [basicConstraints(true)], ...ofOwnRoot })
}

test('an attestation certificate may itself be trusted', async () => {
  const attested = packedBy({ issuerKey: notRoot.privateKey })
  let sent: Uint8Array = Buffer.alloc(0)
  const seen = changed(attested, s => {
    sent = chainOf(s)[0] ?? sent
  })
  await outcome(seen)
  expect(await outcome(attested, undefined, [new X509Certificate(sent)])).toBe('packed basic')
  // It vouches for itself alone, even where its key signs others.
  const other = packedBy({ issuer: subject(), issuerKey: notRoot.privateKey })
  const signing = new X509Certificate(issue(notRoot.publicKey, { issuerKey: notRoot.privateKey }))
  expect(await outcome(other, undefined, [signing])).toBe('webauthn_attestation_untrusted')
})

test('without roots nothing is trusted', async () => {
  expect(await outcome(packedBy(), undefined, [])).toBe('webauthn_attestation_untrusted')
})
