// Input made to keep a parser busy. Each is refused for its form, before anything reads it twice.

import { X509Certificate } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { maxCredentialLength } from '../../../../src/contract/webauthn.ts'
import { verifyAssertion, verifyRegistration, WebAuthnError } from '../../../../src/server/domain/webauthn/index.ts'
import { basicConstraints } from '../../../support/der.ts'
import { hostileBodies } from '../../../support/hostile-bodies.ts'
import { issue, packedBy, rootCertificate } from '../../../support/webauthn-attestation.ts'
import {
  encode,
  expectedOf,
  flags,
  makeAssertion,
  makeKey,
  makeRegistration,
  type Parts,
  partsOf,
} from '../../../support/webauthn-ceremony.ts'

/** A bignum (tag 2) of `length` bytes. */
const bignum = (length: number) =>
  Buffer.concat([
    Buffer.from([0xc2, 0x5a, 0, length >> 16, (length >> 8) & 0xff, length & 0xff]),
    Buffer.alloc(length, 1),
  ])
/** As many bytes as fit into a credential together with the rest of it. */
const fitting = 10_000
const nestedLists = Buffer.concat([Buffer.alloc(fitting, 0x81), Buffer.from([0])])
const nestedMaps = Buffer.concat([Buffer.alloc(fitting, Buffer.from([0xa1, 0x00])), Buffer.from([0])])
const hugeMap = Buffer.from('bbffffffffffffffff00', 'hex')
const hugeText = Buffer.from('7b7fffffffffffffff61', 'hex')

const code = (parts: Parts) =>
  verifyRegistration(makeRegistration(parts), expectedOf(parts)).then(
    () => 'accepted',
    error => error.code ?? error,
  )

const hostile: [string, string, Buffer][] = [
  ['webauthn_too_large', 'a bignum of 200 kB', bignum(200_000)],
  ['webauthn_cbor_malformed', 'a bignum that fits', bignum(fitting)],
  ['webauthn_cbor_malformed', 'lists in lists', nestedLists],
  ['webauthn_cbor_malformed', 'maps in maps', nestedMaps],
  ['webauthn_cbor_malformed', 'a map of 2⁶⁴ members', hugeMap],
  ['webauthn_cbor_malformed', 'a text of 2⁶³ bytes', hugeText],
]

test.each(hostile)('%s: %s as an attestation object', async (expected, _, bytes) => {
  expect(await code(partsOf({ attestationObject: () => bytes }))).toBe(expected)
})

test.each(hostile)('%s: %s as a key', async (expected, _, bytes) => {
  expect(await code(partsOf({ coseBytes: bytes }))).toBe(expected)
})

test.each(hostile)('%s: %s as extensions of an assertion', (expected, _, extensions) => {
  const parts = partsOf({ extensions, flags: flags.up | flags.uv | flags.ed })
  expect(() => verifyAssertion(makeAssertion(parts), expectedOf(parts))).toThrow(
    expect.objectContaining({ code: expected }),
  )
})

test('client data that nest deeply are malformed', () => {
  const parts = partsOf({ clientDataText: () => '['.repeat(4000) })
  expect(() => verifyAssertion(makeAssertion(parts), expectedOf(parts))).toThrow(
    expect.objectContaining({ code: 'webauthn_client_data_malformed' }),
  )
})

test('client data whose strings are all backslashes are read once', () => {
  const parts = partsOf({ clientDataText: t => t.replace('{', `{"a":"${'\\\\'.repeat(1900)}",`) })
  expect(verifyAssertion(makeAssertion(parts), expectedOf(parts))).toBeDefined()
})

test.each([
  ['an attestation certificate of nested sequences', Buffer.alloc(4000, Buffer.from([0x30, 0x80]))],
  ['an attestation certificate of nested tags', Buffer.alloc(4000, Buffer.from([0xa0, 0x80]))],
])('%s is malformed', async (_, certificate) => {
  const { format, statement } = packedBy()
  const parts = partsOf({ format, statement: signed => statement(signed).set('x5c', [certificate]) })
  expect(await code(parts)).toBe('webauthn_certificate_malformed')
})

test('a credential as long as may be is still read', async () => {
  const parts = partsOf({})
  const good = makeRegistration(parts)
  const padded = (length: number) => ({ ...good, clientExtensionResults: { filler: 'x'.repeat(length) } })
  const space = maxCredentialLength - JSON.stringify(padded(0)).length
  await expect(verifyRegistration(padded(space), expectedOf(parts))).resolves.toBeDefined()
  await expect(verifyRegistration(padded(space + 1), expectedOf(parts))).rejects.toMatchObject({
    code: 'webauthn_too_large',
  })
})

test.each(hostileBodies().map(body => [body.name, body] as const))('%s is answered or refused', async (_, body) => {
  const value = JSON.parse(body.json)
  const verified =
    body.ceremony === 'registration'
      ? verifyRegistration(value, { ...body.expected, trustedRoots: [] })
      : Promise.resolve().then(() => verifyAssertion(value, body.expected))
  const refused = await verified.then(
    () => undefined,
    error => error,
  )
  expect(refused === undefined || refused instanceof WebAuthnError).toBe(true)
})

test('of a chain that leads nowhere one signature is verified, however long it is', async () => {
  const verified = vi.spyOn(X509Certificate.prototype, 'verify')
  const stranger = makeKey('ES256')
  const authority = () =>
    issue(stranger.publicKey, { extensions: [basicConstraints(true)], issuerKey: stranger.privateKey })
  const { format, statement } = packedBy()
  const chain = Array.from({ length: 5 }, authority)
  const parts = partsOf({
    format,
    statement: signed => {
      const members = statement(signed)
      return members.set('x5c', [...(members.get('x5c') as Uint8Array[]), ...chain])
    },
  })
  const trustedRoots = [new X509Certificate(rootCertificate)]
  await expect(verifyRegistration(makeRegistration(parts), { ...expectedOf(parts), trustedRoots })).rejects.toThrow(
    new WebAuthnError('webauthn_attestation_untrusted'),
  )
  expect(verified).toHaveBeenCalledTimes(1)
})

test('CBOR of more than four levels is malformed', async () => {
  const nested = (levels: number): unknown => (levels === 0 ? 0 : [nested(levels - 1)])
  const within = partsOf({ extensions: encode(new Map([['a', nested(3)]])) })
  expect(await code(within)).toBe('accepted')
  const beyond = partsOf({ extensions: encode(new Map([['a', nested(4)]])) })
  expect(await code(beyond)).toBe('webauthn_cbor_malformed')
})

test('JSON of more than 16 levels is malformed', async () => {
  const nested = (levels: number): unknown => (levels === 0 ? 0 : [nested(levels - 1)])
  const parts = partsOf({})
  const results = (levels: number) => ({ ...makeRegistration(parts), clientExtensionResults: { a: nested(levels) } })
  await expect(verifyRegistration(results(14), expectedOf(parts))).resolves.toBeDefined()
  await expect(verifyRegistration(results(15), expectedOf(parts))).rejects.toMatchObject({ code: 'webauthn_malformed' })
})
