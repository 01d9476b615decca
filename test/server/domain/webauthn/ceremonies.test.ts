import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { decodeCbor } from '../../../../src/lib/cbor.ts'
import {
  supportedAlgorithms,
  verifyAssertion,
  verifyRegistration,
  WebAuthnError,
} from '../../../../src/server/domain/webauthn/index.ts'
import { packedBy, rootCertificate, selfAttested } from '../../../support/webauthn-attestation.ts'
import {
  encode,
  expectedOf,
  flags,
  keyKinds,
  makeAssertion,
  makeKey,
  makeRegistration,
  partsOf,
} from '../../../support/webauthn-ceremony.ts'

describe.each(keyKinds)('%s', kind => {
  const key = makeKey(kind)

  test('registers', async () => {
    const parts = partsOf({ key })
    expect(await verifyRegistration(makeRegistration(parts), expectedOf(parts))).toEqual({
      credentialId: new Uint8Array(parts.credentialId),
      publicKey: new Uint8Array(parts.coseBytes),
      algorithm: key.algorithm,
      signCount: 7,
      aaguid: '00112233-4455-6677-8899-aabbccddeeff',
      userVerified: true,
      backupEligible: false,
      backupState: false,
      transports: ['nfc', 'usb'],
      attestationFormat: 'none',
      attestationType: 'none',
    })
  })

  test('asserts', () => {
    const parts = partsOf({ key })
    expect(verifyAssertion(makeAssertion(parts), expectedOf(parts))).toEqual({
      signCount: 7,
      signCountRegressed: false,
      userVerified: true,
      backupState: false,
    })
  })

  test('asserts with another key: refused', () => {
    const parts = partsOf({ key })
    const other = { ...parts, key: makeKey(kind) }
    expect(() => verifyAssertion(makeAssertion(other), expectedOf(parts))).toThrow(
      new WebAuthnError('webauthn_signature_invalid'),
    )
  })
})

test('every algorithm that is said to be supported is tested here or with the vectors', () => {
  expect([...supportedAlgorithms].sort()).toEqual([-257, -35, -36, -53, -7, -8])
})

test('extensions of the authenticator are read and let pass', async () => {
  const parts = partsOf({ extensions: encode(new Map<string, unknown>([['credProtect', 2]])) })
  await expect(verifyRegistration(makeRegistration(parts), expectedOf(parts))).resolves.toBeDefined()
  expect(verifyAssertion(makeAssertion(parts), expectedOf(parts))).toBeDefined()
})

test('a missing, null or empty user handle is no mismatch', () => {
  const parts = partsOf({})
  const { response, ...rest } = makeAssertion(parts)
  const { userHandle: _, ...without } = response
  expect(verifyAssertion({ ...rest, response: without }, expectedOf(parts))).toBeDefined()
  for (const userHandle of [null, '']) {
    expect(verifyAssertion({ ...rest, response: { ...response, userHandle } }, expectedOf(parts))).toBeDefined()
  }
})

test('members that browsers add to the client data are let pass', () => {
  const parts = partsOf({
    clientData: {
      other_keys_can_be_added_here: 'see \\" https://goo.gl/yabPex: {',
      nested: { type: [1] },
      quoted: '"a": "b": {',
    },
  })
  expect(verifyAssertion(makeAssertion(parts), expectedOf(parts))).toBeDefined()
})

test('client data of 4096 bytes are read', () => {
  const parts = partsOf({ clientDataText: text => text.padEnd(4096) })
  expect(verifyAssertion(makeAssertion(parts), expectedOf(parts))).toBeDefined()
})

test('a byte order mark before the client data is taken away', () => {
  const parts = partsOf({ clientDataText: text => `\ufeff${text}` })
  expect(verifyAssertion(makeAssertion(parts), expectedOf(parts))).toBeDefined()
  const twice = partsOf({ clientDataText: text => `\ufeff\ufeff${text}` })
  expect(() => verifyAssertion(makeAssertion(twice), expectedOf(twice))).toThrow(
    new WebAuthnError('webauthn_client_data_malformed'),
  )
})

test('members that browsers will add to a credential some day are let pass', async () => {
  const parts = partsOf({})
  const registration = makeRegistration(parts)
  const later = { ...registration, later: 1, response: { ...registration.response, later: { nested: [1] } } }
  await expect(verifyRegistration(later, expectedOf(parts))).resolves.toBeDefined()
})

test.each([
  ['the authenticator data first', ['authData', 'fmt', 'attStmt']],
  ['the statement last', ['fmt', 'authData', 'attStmt']],
])('a client may write %s', async (_, order) => {
  const parts = partsOf({
    ...selfAttested,
    attestationObject: bytes => {
      const members = decodeCbor(bytes) as Map<string, unknown>
      return encode(new Map(order.map(name => [name, members.get(name)])))
    },
  })
  await expect(verifyRegistration(makeRegistration(parts), expectedOf(parts))).resolves.toMatchObject({
    attestationType: 'self',
  })
})

test('a client may write the members of a statement in any order', async () => {
  const { format, statement } = packedBy()
  const parts = partsOf({ format, statement: signed => new Map([...statement(signed)].reverse()) })
  const trustedRoots = [new X509Certificate(rootCertificate)]
  await expect(
    verifyRegistration(makeRegistration(parts), { ...expectedOf(parts), trustedRoots }),
  ).resolves.toMatchObject({ attestationType: 'basic' })
})

test('a synced passkey reports its backup state', async () => {
  const parts = partsOf({ flags: flags.up | flags.uv | flags.be | flags.bs })
  const registered = await verifyRegistration(makeRegistration(parts), expectedOf(parts))
  expect(registered).toMatchObject({ backupEligible: true, backupState: true })
  const expected = { ...expectedOf(parts), credential: { ...registered, id: registered.credentialId } }
  expect(verifyAssertion(makeAssertion(parts), expected)).toMatchObject({ backupState: true })
})

test('user verification is reported where it is only preferred', () => {
  const parts = partsOf({ flags: flags.up })
  const expected = { ...expectedOf(parts), userVerification: 'preferred' as const }
  expect(verifyAssertion(makeAssertion(parts), expected)).toMatchObject({ userVerified: false })
})

test.each([
  { stored: 6, sent: 7, regressed: false },
  { stored: 7, sent: 7, regressed: true },
  { stored: 8, sent: 7, regressed: true },
  { stored: 8, sent: 0, regressed: true },
  { stored: 0, sent: 0, regressed: false },
  { stored: 0xffff_fffe, sent: 0xffff_ffff, regressed: false },
])('counter $stored, then $sent: regressed $regressed', ({ stored, sent, regressed }) => {
  const parts = partsOf({ signCount: sent })
  const expected = expectedOf(parts)
  const credential = { ...expected.credential, signCount: stored }
  expect(verifyAssertion(makeAssertion(parts), { ...expected, credential })).toMatchObject({
    signCount: sent,
    signCountRegressed: regressed,
  })
})
