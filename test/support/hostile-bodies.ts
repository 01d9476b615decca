// Bodies of up to 16 KiB that are made to keep a verifier busy: each is as large, wide, deep or dear as it can be.

import { randomBytes } from 'node:crypto'
import { basicConstraints, type Extension, integer, name, sequence, set, tagged, utf8String } from './der.ts'
import { type AttestedParts, androidKey, apple, issue, packedBy, subject, tpm } from './webauthn-attestation.ts'
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
} from './webauthn-ceremony.ts'

type Expected = ReturnType<typeof expectedOf>

export interface HostileBody {
  readonly name: string
  readonly ceremony: 'registration' | 'assertion'
  /** The credential as it is sent. */
  readonly json: string
  readonly expected: Expected
}

/** As many bytes as fit into a body, in base64url and beside the rest. */
const fitting = 11_000
const mostClientData = 3800
const bytesOf = (length: number, value: number | Uint8Array = 1) => Buffer.alloc(length, value)

const wideMap = () => encode(new Map(Array.from({ length: 3400 }, (_, index) => [index, 0])))
const wideTextMap = () =>
  encode(new Map(Array.from({ length: 1800 }, (_, index) => [`k${String(index).padStart(4, '0')}`, 0])))
const wideList = () => encode(new Map([['a', Array.from({ length: fitting - 100 }, () => 0)]]))
const deepLists = () => Buffer.concat([Buffer.from([0xa1, 0x00]), bytesOf(fitting, 0x81), Buffer.from([0])])
const longText = () => encode(new Map([['a', 'é'.repeat(fitting / 2 - 50)]]))
const noText = () => Buffer.concat([Buffer.from([0xa1, 0x61, 0x61, 0x79, 0x2a, 0x00]), bytesOf(0x2a00, 0xff)])

const cborBodies: [string, () => Uint8Array][] = [
  ['a map of 3400 members', wideMap],
  ['a map of 1800 texts', wideTextMap],
  ['a list of 10,900 items', wideList],
  ['lists in lists', deepLists],
  ['one long text', longText],
  ['one long text that is no UTF-8', noText],
]

const clientDataTexts: [string, (text: string) => string][] = [
  ['lists in lists', t => t.replace('{', `{"a":${'['.repeat(1800)}${']'.repeat(1800)},`)],
  ['objects in objects', t => t.replace('{', `{"a":${'{"":'.repeat(700)}0${'}'.repeat(700)},`)],
  ['600 members', t => t.replace('{', `{${Array.from({ length: 600 }, (_, i) => `"${i}":0,`).join('')}`)],
  ['members twice', t => t.replace('{', `{${'"a":0,'.repeat(600)}`)],
  ['backslashes', t => t.replace('{', `{"a":"${'\\\\'.repeat(mostClientData / 2)}",`)],
  ['escaped quotes', t => t.replace('{', `{"a":"${'\\"'.repeat(mostClientData / 2)}",`)],
  ['a number of 3800 digits', t => t.replace('{', `{"a":${'9'.repeat(mostClientData)},`)],
  ['more than is read', t => t.replace('{', `{"a":"${'x'.repeat(10_000)}",`)],
]

/** Values of a member that nobody reads, as JSON. */
const fillers: [string, string][] = [
  ['lists in lists', `${'['.repeat(7000)}${']'.repeat(7000)}`],
  ['objects in objects', `${'{"":'.repeat(2800)}0${'}'.repeat(2800)}`],
  ['2000 members', `{${Array.from({ length: 2000 }, (_, index) => `"${index}":0`).join(',')}}`],
  ['6000 items', `[${'0,'.repeat(6000)}0]`],
  ['one long text', `"${'\\u0001'.repeat(2000)}"`],
]

const nestedDer = () => {
  let inside: Buffer = Buffer.alloc(0)
  for (let depth = 0; depth < 2600; depth++) inside = sequence(inside)
  return inside
}
const extensions = (count: number): Extension[] => [
  basicConstraints(false),
  ...Array.from({ length: count - 1 }, (_, index) => ({ id: `1.3.6.1.4.1.99999.${index + 1}`, value: integer(0) })),
]
const names = (count: number) => name([...Array(count)].map(() => ['2.5.4.11', utf8String('x')] as const))
const longExtension = (length: number): Extension[] => [
  basicConstraints(false),
  { id: '1.3.6.1.4.1.99999.1', value: bytesOf(length) },
]
const longAlternative = (): Extension => ({ id: '2.5.29.17', value: sequence(tagged(4, names(32))) })
const fullPurposes = () => tagged(1, set(...[...Array(2500)].map(() => integer(2))))

/** `attested`, its certificates followed by as many of `others` as are allowed. */
const behind = (attested: AttestedParts, ...others: Uint8Array[]): AttestedParts => ({
  ...attested,
  statement: signed => {
    const statement = attested.statement(signed)
    return statement.set('x5c', [...(statement.get('x5c') as Uint8Array[]), ...others])
  },
})

const withSignature = (attested: AttestedParts, signature: Uint8Array): AttestedParts => ({
  ...attested,
  statement: signed => attested.statement(signed).set('sig', signature),
})

/** Authorities that say that the trusted root signed them. */
const authorities = (kind: 'ES512' | 'ES384' | 'RSA') =>
  Array.from({ length: 5 }, () => {
    const { publicKey } = kind === 'RSA' ? makeRsaKey(4096) : makeKey(kind)
    return issue(publicKey, { extensions: [basicConstraints(true)], issuerKey: makeKey('ES256').privateKey })
  })

/** An RSA key of `bits` that nobody has the private key of; verifying takes as long as with any other. */
const borrowedRsaKey = (bits: number) => {
  const key = makeRsaKey()
  const modulus = randomBytes(bits / 8)
  modulus[0] = 0xff
  modulus[modulus.length - 1] = 0xff
  return { ...key, cose: new Map(key.cose).set(-1, modulus) }
}

const selfSigned = (signature: Uint8Array): AttestedParts => ({
  format: 'packed',
  statement: ({ key }) =>
    new Map<string, unknown>([
      ['alg', key.algorithm],
      ['sig', signature],
    ]),
})

const derSignature = (size: number) =>
  sequence(...[1, 2].map(() => Buffer.concat([Buffer.from([0x02, size]), bytesOf(size)])))

const attested: [string, Partial<Parts>][] = [
  ['a certificate of sequences in sequences', withCertificate(nestedDer())],
  ['a certificate with 550 extensions', packedBy({ extensions: extensions(550) })],
  ['a certificate with 32 extensions', packedBy({ extensions: extensions(32) })],
  ['a certificate with 700 names', packedBy({ subject: names(700) })],
  ['a certificate with 32 names', packedBy({ subject: names(32) })],
  ['a certificate with an extension of 9 kB', packedBy({ extensions: longExtension(9000) })],
  ['a certificate with an extension of 3 kB', packedBy({ extensions: longExtension(3000) })],
  ['six certificates on P-521', behind(packedBy({}, makeKey('ES512')), ...authorities('ES512'))],
  ['six certificates on P-384', behind(packedBy({}, makeKey('ES384')), ...authorities('ES384'))],
  ['six certificates with RSA of 4096 bits', behind(packedBy({}, makeRsaKey(4096)), ...authorities('RSA'))],
  ['a certificate on P-521 and a signature of others', withSignature(packedBy({}, makeKey('ES512')), derSignature(65))],
  ['a description of 2500 purposes', androidKey({}, { hardware: [fullPurposes()] })],
  ['a TPM with RSA', { ...tpm(), key: makeRsaKey() }],
  ['a TPM with a long name', tpm({ extensions: [basicConstraints(false), longAlternative()] })],
  ['Apple’s', apple],
  ['an RSA key of 8192 bits', { ...selfSigned(bytesOf(1024)), key: borrowedRsaKey(8192) }],
  ['an RSA key of 4096 bits', { ...selfSigned(bytesOf(512)), key: borrowedRsaKey(4096) }],
  ['a key on P-521', { ...selfSigned(derSignature(65)), key: makeKey('ES512') }],
  ['a key of Ed448', { ...selfSigned(bytesOf(114)), key: makeKey('Ed448') }],
  ['a good statement on P-256', packedBy({ subject: subject() })],
]

function withCertificate(certificate: Uint8Array): AttestedParts {
  const { format, statement } = packedBy()
  return { format, statement: signed => statement(signed).set('x5c', [certificate]) }
}

/** The corpus, made anew: keys and certificates differ from call to call. */
export function hostileBodies(): HostileBody[] {
  const registration = (what: string, changes: Partial<Parts>, filler = '{}'): HostileBody => {
    const parts = partsOf(changes)
    const json = JSON.stringify(makeRegistration(parts)).replace(
      '"clientExtensionResults":{}',
      `"clientExtensionResults":{"a":${filler}}`,
    )
    return { name: `registration: ${what}`, ceremony: 'registration', json, expected: expectedOf(parts) }
  }
  const assertion = (what: string, changes: Partial<Parts>): HostileBody => {
    const parts = partsOf(changes)
    const json = JSON.stringify(makeAssertion(parts))
    return { name: `assertion: ${what}`, ceremony: 'assertion', json, expected: expectedOf(parts) }
  }
  return [
    ...cborBodies.flatMap(([what, make]) => [
      registration(`${what} as attestation object`, { attestationObject: make }),
      registration(`${what} as key`, { coseBytes: make() }),
      registration(`${what} as extensions`, { extensions: make() }),
      assertion(`${what} as extensions`, { extensions: make(), flags: flags.up | flags.uv }),
    ]),
    ...clientDataTexts.flatMap(([what, clientDataText]) => [
      registration(`${what} in the client data`, { clientDataText }),
      assertion(`${what} in the client data`, { clientDataText }),
    ]),
    ...fillers.map(([what, filler]) => registration(`${what} in its JSON`, {}, filler)),
    ...attested.map(([what, changes]) => registration(what, changes)),
    assertion('a long signature', { signature: () => bytesOf(fitting) }),
    registration('noise', { attestationObject: () => randomBytes(fitting) }),
  ]
}
