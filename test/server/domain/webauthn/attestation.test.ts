import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { verifyRegistration } from '../../../../src/server/domain/webauthn/index.ts'
import { basicConstraints, name } from '../../../support/der.ts'
import {
  aaguidExtension,
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
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const notRoot = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** `attested`, with its statement changed after it was made. */
const changed = (attested: Attested, change: (statement: Map<string, unknown>) => void): Attested => ({
  ...attested,
  statement: signed => {
    const statement = attested.statement(signed)
    change(statement)
    return statement
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

test.each([
  ['packed self', selfAttested, undefined],
  ['packed basic', packedBy(), undefined],
  ['packed basic', packedBy({ extensions: [basicConstraints(false), aaguidExtension(aaguid)] }), undefined],
  ['packed basic', packedBy(), makeKey('Ed25519')],
  ['packed basic', packedBy(), makeKey('ES512')],
  ['fido-u2f basic', fidoU2f(), undefined],
  ['apple anonca', apple, undefined],
  ['tpm attca', tpm(), rsa],
] as const)('%s', async (result, attested, key) => {
  expect(await outcome(attested, key)).toBe(result)
})

test.each(['ES384', 'ES512', 'RS256', 'Ed25519', 'Ed448'] as const)('packed self by %s', async kind => {
  expect(await outcome(selfAttested, makeKey(kind))).toBe('packed self')
})

const invalid: [string, Attested, TestKey?][] = [
  ['self: another algorithm than the key’s', changed(selfAttested, s => s.set('alg', -35))],
  ['self: no algorithm', changed(selfAttested, s => s.delete('alg'))],
  ['self: no signature', changed(selfAttested, s => s.delete('sig'))],
  ['self: a member more', changed(selfAttested, s => s.set('ver', '2.0'))],
  ['self: over other client data', overOtherClientData(selfAttested)],
  ['packed: over other client data', overOtherClientData(packedBy())],
  ['packed: no certificate', changed(packedBy(), s => s.set('x5c', []))],
  ['packed: nine certificates', changed(packedBy(), s => s.set('x5c', Array(9).fill(chainOf(s)[0])))],
  ['packed: certificates that are none', changed(packedBy(), s => s.set('x5c', [Buffer.from('MIIB')]))],
  ['packed: a certificate that is a text', changed(packedBy(), s => s.set('x5c', ['MIIB']))],
  ['packed: x5c that is no list', changed(packedBy(), s => s.set('x5c', chainOf(s)[0]))],
  [
    'packed: a certificate with bytes behind',
    changed(packedBy(), s => s.set('x5c', [Buffer.concat([chainOf(s)[0] ?? aaguid, Buffer.alloc(1)])])),
  ],
  [
    'packed: a certificate as PEM',
    changed(packedBy(), s => s.set('x5c', [Buffer.from(new X509Certificate(chainOf(s)[0] ?? aaguid).toString())])),
  ],
  ['packed: a second certificate that is none', changed(packedBy(), s => chainOf(s).push(Buffer.alloc(3)))],
  ['packed: an RSA algorithm with an EC certificate', changed(packedBy(), s => s.set('alg', -257))],
  ['packed: an algorithm that is a text', changed(packedBy(), s => s.set('alg', 'ES256'))],
  ['packed: a member more', changed(packedBy(), s => s.set('zzzz', 1))],
  ['packed: a byte behind the signature', changed(packedBy(), s => s.set('sig', behind(s.get('sig'))))],
  ['packed: a certificate on P-384', packedBy({}, p384)],
  ['packed: a certificate for another key', packedBy({ publicKey: notRoot.publicKey })],
  ['packed: version 1', packedBy({ version: 1 })],
  ['packed: another unit', packedBy({ subject: subject('Authenticator attestation') })],
  ['packed: no subject', packedBy({ subject: name([]) })],
  ['packed: a certificate authority', packedBy({ extensions: [basicConstraints(true)] })],
  ['packed: no basic constraints', packedBy({ extensions: [] })],
  [
    'packed: a certificate for another model',
    packedBy({ extensions: [basicConstraints(false), aaguidExtension(Buffer.alloc(16, 1))] }),
  ],
  ['fido-u2f: over other client data', overOtherClientData(fidoU2f())],
  ['fido-u2f: another credential', misdirected(fidoU2f(), () => ({ credentialId: Buffer.alloc(32, 1) }))],
  ['fido-u2f: two certificates', changed(fidoU2f(), s => chainOf(s).push(rootCertificate))],
  ['fido-u2f: a certificate on P-384', fidoU2f({ publicKey: p384.publicKey })],
  ['fido-u2f: a credential that is no ES256', fidoU2f(), makeKey('ES384')],
  ['apple: over other client data', overOtherClientData(apple)],
  ['apple: a certificate for another key', misdirected(apple, () => ({ key: makeKey('ES256') }))],
  ['apple: a certificate without nonce', { ...packedBy(), ...changed(apple, withoutNonce) }],
  ['tpm: over other client data', overOtherClientData(tpm()), rsa],
  ['tpm: another key in the public area', misdirected(tpm(), () => ({ key: makeRsaKey() })), rsa],
  ['tpm: version 1.2', changed(tpm(), s => s.set('ver', '1.2')), rsa],
  ['tpm: a public area cut short', changed(tpm(), s => s.set('pubArea', short(s.get('pubArea')))), rsa],
  ['tpm: an empty certInfo', changed(tpm(), s => s.set('certInfo', Buffer.alloc(0))), rsa],
  ['tpm: a subject', tpm({ subject: subject() }), rsa],
  ['tpm: no alternative name', tpm({ extensions: [basicConstraints(false)] }), rsa],
]

function behind(bytes: unknown): Buffer {
  return Buffer.concat([bytes as Uint8Array, Buffer.alloc(1)])
}

function short(bytes: unknown): Uint8Array {
  return (bytes as Uint8Array).subarray(0, -1)
}

function withoutNonce(statement: Map<string, unknown>): void {
  const key = new X509Certificate(chainOf(statement)[0] ?? aaguid).publicKey
  statement.set('x5c', [issue(key)])
}

test.each(invalid)('invalid: %s', async (_, attested, key) => {
  expect(await outcome(attested, key)).toBe('webauthn_attestation_invalid')
})

const root = new X509Certificate(rootCertificate)
const intermediateName = name([['2.5.4.3', Buffer.from('0c0c496e7465726d656469617465', 'hex')]])
const intermediate = (ca: boolean) =>
  issue(notRoot.publicKey, { subject: intermediateName, extensions: [basicConstraints(ca)] })
const throughIntermediate = (ca: boolean) =>
  changed(packedBy({ issuer: intermediateName, issuerKey: notRoot.privateKey }), s => chainOf(s).push(intermediate(ca)))

test.each([
  ['packed basic', 'by the root', packedBy(), undefined],
  ['fido-u2f basic', 'by the root', fidoU2f(), undefined],
  ['apple anonca', 'by the root', apple, undefined],
  ['tpm attca', 'by the root', tpm(), rsa],
  ['packed basic', 'by an intermediate authority', throughIntermediate(true), undefined],
  ['webauthn_attestation_untrusted', 'by an intermediate that may not', throughIntermediate(false), undefined],
  [
    'webauthn_attestation_untrusted',
    'by one who says to be the root',
    packedBy({ issuerKey: notRoot.privateKey }),
    undefined,
  ],
  ['webauthn_attestation_untrusted', 'by itself', selfAttested, undefined],
] as const)('with a trusted root, %s: %s', async (result, _, attested, key) => {
  expect(await outcome(attested, key, [root])).toBe(result)
})
