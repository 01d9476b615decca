// For each problem code, good ceremonies in which exactly one thing was changed.

import { describe, expect, test } from 'vitest'
import type { AuthenticationResponseJson, RegistrationResponseJson } from '../../../../src/contract/webauthn.ts'
import { type WebAuthnProblemCode, webauthnProblems } from '../../../../src/contract/webauthn-problems.ts'
import { verifyAssertion, verifyRegistration } from '../../../../src/server/domain/webauthn/index.ts'
import {
  type Cose,
  encode,
  expectedOf,
  flags,
  makeAssertion,
  makeKey,
  makeRegistration,
  makeRsaKey,
  type Parts,
  partsOf,
  type TestKey,
} from '../../../support/webauthn-ceremony.ts'

const es256 = makeKey('ES256')
/** The AAGUID of `partsOf`, and another. */
const modelOfParts = '00112233-4455-6677-8899-aabbccddeeff'
const otherModel = '00000000-0000-0000-0000-000000000001'

const withCose = (key: TestKey, change: (cose: Cose) => void): TestKey => {
  const cose = new Map(key.cose)
  change(cose)
  return { ...key, cose }
}

const bytesAt = (cose: Cose, label: number): Buffer => {
  const value = cose.get(label)
  return Buffer.from(value instanceof Uint8Array ? value : [])
}

const flipLast = (bytes: Uint8Array): Buffer => {
  const flipped = Buffer.from(bytes)
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1
  return flipped
}

const insert = (bytes: Uint8Array, at: number, ...values: number[]) =>
  Buffer.concat([bytes.subarray(0, at), Buffer.from(values), bytes.subarray(at)])

const append = (bytes: Uint8Array) => insert(bytes, bytes.length, 0)

/** Changes of the parts that either ceremony is refused for. */
const inBoth: [WebAuthnProblemCode, string, Partial<Parts>][] = [
  ['webauthn_type_mismatch', 'the type of another ceremony', { clientData: { type: 'payment.get' } }],
  ['webauthn_client_data_malformed', 'no type', { clientData: { type: undefined } }],
  ['webauthn_challenge_mismatch', 'another challenge', { clientData: { challenge: 'A'.repeat(43) } }],
  ['webauthn_challenge_mismatch', 'an empty challenge', { clientData: { challenge: '' } }],
  ['webauthn_client_data_malformed', 'no challenge', { clientData: { challenge: undefined } }],
  ['webauthn_origin_not_allowed', 'another origin', { clientData: { origin: 'https://login.example.com.evil.test' } }],
  ['webauthn_origin_not_allowed', 'another port', { clientData: { origin: 'https://login.example.com:8443' } }],
  ['webauthn_origin_not_allowed', 'another scheme', { clientData: { origin: 'http://login.example.com' } }],
  [
    'webauthn_client_data_malformed',
    'origins instead of one',
    { clientData: { origin: ['https://login.example.com'] } },
  ],
  ['webauthn_cross_origin', 'a frame of another origin', { clientData: { crossOrigin: true } }],
  ['webauthn_top_origin_not_allowed', 'a top origin', { clientData: { topOrigin: 'https://login.example.com' } }],
  ['webauthn_client_data_malformed', 'a text for crossOrigin', { clientData: { crossOrigin: 'false' } }],
  ['webauthn_client_data_malformed', 'null for topOrigin', { clientData: { topOrigin: null } }],
  ['webauthn_client_data_malformed', 'client data of 4097 bytes', { clientDataText: t => t.padEnd(4097) }],
  [
    'webauthn_client_data_malformed',
    'client data with a member twice',
    { clientDataText: t => t.replace('{', '{"type":"x",') },
  ],
  [
    'webauthn_client_data_malformed',
    'client data with a member twice, once escaped',
    { clientDataText: t => t.replace('{', '{"\\u0074ype":"\\\\",') },
  ],
  ['webauthn_client_data_malformed', 'client data that are an array', { clientDataText: t => `[${t}]` }],
  ['webauthn_client_data_malformed', 'client data that are null', { clientDataText: () => 'null' }],
  ['webauthn_client_data_malformed', 'client data cut short', { clientDataText: t => t.slice(0, -1) }],
  ['webauthn_client_data_malformed', 'client data with bytes behind', { clientDataText: t => `${t}x` }],
  [
    'webauthn_client_data_malformed',
    'client data that are no UTF-8',
    {
      clientDataText: t => Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from(`",${t.slice(1)}`)]),
    },
  ],
  ['webauthn_rp_id_mismatch', 'another relying party', { rpId: 'example.com' }],
  ['webauthn_user_not_present', 'no touch', { flags: flags.uv }],
  ['webauthn_user_not_verified', 'no PIN', { flags: flags.up }],
  ['webauthn_backup_flags_invalid', 'backed up though it cannot be', { flags: flags.up | flags.uv | flags.bs }],
  ['webauthn_trailing_bytes', 'trailing bytes', { authenticatorData: append }],
  [
    'webauthn_authenticator_data_malformed',
    '36 bytes of authenticator data',
    { authenticatorData: bytes => bytes.subarray(0, 36) },
  ],
  ['webauthn_extensions_invalid', 'extensions announced, not there', { flags: flags.up | flags.uv | flags.ed }],
  ['webauthn_extensions_invalid', 'extensions that are no map', { extensions: encode([1]) }],
  ['webauthn_trailing_bytes', 'extensions and more', { extensions: append(encode(new Map([['a', 1]]))) }],
  ['webauthn_cbor_duplicate_key', 'an extension twice', { extensions: Buffer.from('a2616101616102', 'hex') }],
  [
    'webauthn_cbor_indefinite_length',
    'extensions of indefinite length',
    { extensions: Buffer.from('bf616101ff', 'hex') },
  ],
  ['webauthn_cbor_not_canonical', 'a longer head than needed', { extensions: Buffer.from('b801616101', 'hex') }],
  ['webauthn_cbor_malformed', 'a tag', { extensions: Buffer.from('a16161c101', 'hex') }],
  ['webauthn_credential_id_mismatch', 'another credential beside', { rawId: Buffer.alloc(32, 1) }],
  ['webauthn_credential_id_length', 'no credential id', { rawId: Buffer.alloc(0) }],
  ['webauthn_credential_id_length', '1024 bytes of credential id', { rawId: Buffer.alloc(1024, 1) }],
]

const inRegistrations: [WebAuthnProblemCode, string, Partial<Parts>][] = [
  [
    'webauthn_algorithm_not_offered',
    'Ed448 by its own number',
    { key: withCose(makeKey('Ed448'), c => c.set(3, -53)) },
  ],
  ['webauthn_key_invalid', 'an unknown algorithm', { key: withCose(es256, c => c.set(3, -47)) }],
  ['webauthn_key_invalid', 'no algorithm', { key: withCose(es256, c => c.delete(3)) }],
  ['webauthn_key_invalid', 'a key type that is not the algorithm’s', { key: withCose(es256, c => c.set(1, 3)) }],
  ['webauthn_key_invalid', 'a curve that is not the algorithm’s', { key: withCose(es256, c => c.set(-1, 2)) }],
  ['webauthn_key_invalid', 'a short coordinate', { key: withCose(es256, c => c.set(-2, bytesAt(c, -2).subarray(1))) }],
  [
    'webauthn_key_invalid',
    'a compressed point',
    { coseBytes: encode(new Map<number, unknown>([...es256.cose, [-3, true]])), key: es256 },
  ],
  ['webauthn_key_invalid', 'a key with a member more', { key: withCose(es256, c => c.set(-4, 1)) }],
  ['webauthn_key_invalid', 'Ed25519 with a member more', { key: withCose(makeKey('Ed25519'), c => c.set(-3, 1)) }],
  ['webauthn_key_invalid', 'RSA with a member more', { key: withCose(makeRsaKey(), c => c.set(-3, 1)) }],
  ['webauthn_key_invalid', 'a key that is no map', { coseBytes: encode([1, 2]) }],
  [
    'webauthn_cbor_duplicate_key',
    'a key with a member twice',
    { coseBytes: insert(es256Bytes(), 1, 1, 2).fill(0xa6, 0, 1) },
  ],
  [
    'webauthn_cbor_not_canonical',
    'a key with unsorted members',
    { coseBytes: encode(new Map([...es256.cose].reverse())) },
  ],
  ['webauthn_key_off_curve', 'ES256', { key: withCose(es256, c => c.set(-3, flipLast(bytesAt(c, -3)))) }],
  [
    'webauthn_key_off_curve',
    'a zero point',
    { key: withCose(es256, c => c.set(-2, Buffer.alloc(32)).set(-3, Buffer.alloc(32))) },
  ],
  ...(['ES384', 'ES512'] as const).map((kind): [WebAuthnProblemCode, string, Partial<Parts>] => [
    'webauthn_key_off_curve',
    kind,
    { key: withCose(makeKey(kind), c => c.set(-3, flipLast(bytesAt(c, -3)))) },
  ]),
  [
    'webauthn_key_off_curve',
    'Ed25519, y = 2',
    { key: withCose(makeKey('Ed25519'), c => c.set(-2, Buffer.alloc(32).fill(2, 0, 1))) },
  ],
  [
    'webauthn_key_off_curve',
    'Ed25519, y ≥ p',
    { key: withCose(makeKey('Ed25519'), c => c.set(-2, Buffer.alloc(32, 0xff))) },
  ],
  ['webauthn_rsa_key_short', '1024 bits', { key: makeRsaKey(1024) }],
  [
    'webauthn_rsa_key_short',
    '2047 bits',
    { key: withCose(makeRsaKey(), c => c.set(-1, bytesAt(c, -1).fill(0x7f, 0, 1))) },
  ],
  ['webauthn_rsa_exponent_invalid', 'an exponent of 3', { key: makeRsaKey(2048, 3) }],
  [
    'webauthn_key_invalid',
    'a modulus with a leading zero',
    { key: withCose(makeRsaKey(), c => c.set(-1, Buffer.concat([Buffer.alloc(1), bytesAt(c, -1)]))) },
  ],
  [
    'webauthn_key_invalid',
    'a modulus of 8200 bits',
    { key: withCose(makeRsaKey(), c => c.set(-1, Buffer.alloc(1025, 0xff))) },
  ],
  [
    'webauthn_credential_id_mismatch',
    'another credential inside',
    { rawId: Buffer.alloc(16, 1), credentialId: Buffer.alloc(16, 2) },
  ],
  [
    'webauthn_credential_id_length',
    'no credential id inside',
    { credentialId: Buffer.alloc(0), rawId: Buffer.alloc(16, 1) },
  ],
  [
    'webauthn_credential_id_length',
    '1024 bytes inside',
    { credentialId: Buffer.alloc(1024, 1), rawId: Buffer.alloc(16, 1) },
  ],
  [
    'webauthn_attested_data_missing',
    'no credential inside',
    { authenticatorData: b => clearFlag(b.subarray(0, 37), flags.at) },
  ],
  [
    'webauthn_authenticator_data_malformed',
    'half a length of a credential id',
    { authenticatorData: b => b.subarray(0, 54) },
  ],
  [
    'webauthn_authenticator_data_malformed',
    'a credential id and no key',
    { authenticatorData: b => b.subarray(0, 55 + 32) },
  ],
  [
    'webauthn_authenticator_data_malformed',
    'a credential id beyond the end',
    { authenticatorData: b => b.subarray(0, 60) },
  ],
  ['webauthn_trailing_bytes', 'an attestation object with bytes behind', { attestationObject: append }],
  [
    'webauthn_attestation_object_malformed',
    'an attestation object with a member more',
    { attestationObject: b => Buffer.concat([Buffer.from([0xa4, 0x61, 0x61, 0x01]), b.subarray(1)]) },
  ],
  [
    'webauthn_attestation_object_malformed',
    'an attestation object that is no map',
    { attestationObject: () => encode([1]) },
  ],
  ['webauthn_attestation_object_malformed', 'a format that is a number', { format: 1 as unknown as string }],
  [
    'webauthn_attestation_object_malformed',
    'a statement that is a list',
    { statement: () => [] as unknown as Map<string, unknown> },
  ],
  ['webauthn_attestation_unsupported', 'SafetyNet', { format: 'android-safetynet' }],
  ['webauthn_attestation_unsupported', 'a property of Object', { format: 'constructor' }],
  ['webauthn_attestation_malformed', 'a statement of none', { statement: () => new Map([['sig', Buffer.alloc(1)]]) }],
  ['webauthn_attestation_malformed', 'an empty packed statement', { format: 'packed' }],
]

const inAssertions: [WebAuthnProblemCode, string, Partial<Parts>][] = [
  ['webauthn_user_handle_mismatch', 'another user', { userHandle: Buffer.from('account-0002') }],
  ['webauthn_user_handle_mismatch', 'the beginning of the user handle', { userHandle: Buffer.from('account-000') }],
  ['webauthn_backup_eligibility_changed', 'suddenly eligible', { flags: flags.up | flags.uv | flags.be }],
  ['webauthn_signature_invalid', 'another signature', { signature: s => flipLast(s) }],
  ['webauthn_signature_malformed', 'no signature', { signature: () => Buffer.alloc(0) }],
  ['webauthn_signature_malformed', 'a byte behind the signature', { signature: append }],
  ['webauthn_signature_malformed', 'a signature with a long length', { signature: s => insert(s, 1, 0x81) }],
  ['webauthn_signature_malformed', 'a signature without DER', { signature: () => Buffer.alloc(64, 1) }],
]

function es256Bytes(): Buffer {
  return Buffer.from(encode(es256.cose))
}

function clearFlag(bytes: Uint8Array, bit: number): Buffer {
  const cleared = Buffer.from(bytes)
  cleared[32] = (cleared[32] ?? 0) & ~bit
  return cleared
}

const registrationCode = (response: RegistrationResponseJson, parts: Parts) =>
  verifyRegistration(response, expectedOf(parts)).then(
    () => 'accepted',
    error => error.code ?? error,
  )

function assertionCode(response: AuthenticationResponseJson, expected: ReturnType<typeof expectedOf>) {
  try {
    verifyAssertion(response, expected)
    return 'accepted'
  } catch (error) {
    return (error as { code?: unknown }).code ?? error
  }
}

describe('a registration is refused', () => {
  test.each([...inBoth, ...inRegistrations])('%s: %s', async (code, _, changes) => {
    const parts = partsOf(changes)
    expect(await registrationCode(makeRegistration(parts), parts)).toBe(code)
  })

  test.each([
    ['webauthn_malformed', { type: 'password' as 'public-key' }],
    ['webauthn_malformed', { rawId: 'AA==', id: 'AA==' }],
    ['webauthn_malformed', { rawId: 1 as unknown as string }],
    ['webauthn_raw_id_mismatch', { id: 'AAAA' }],
    ['webauthn_malformed', { response: null as unknown as RegistrationResponseJson['response'] }],
    ['webauthn_too_large', { clientExtensionResults: { filler: 'x'.repeat(16_384) } }],
  ] as const)('%s: %o', async (code, members) => {
    const parts = partsOf({})
    expect(await registrationCode({ ...makeRegistration(parts), ...members }, parts)).toBe(code)
  })

  test.each([
    ['webauthn_malformed', { transports: 'usb' as unknown as string[] }],
    ['webauthn_malformed', { transports: [1] as unknown as string[] }],
    ['webauthn_malformed', { attestationObject: 'not base64url!' }],
    ['webauthn_malformed', { clientDataJSON: 7 as unknown as string }],
  ] as const)('%s: %o in the response', async (code, members) => {
    const parts = partsOf({})
    const good = makeRegistration(parts)
    expect(await registrationCode({ ...good, response: { ...good.response, ...members } }, parts)).toBe(code)
  })

  test('webauthn_type_mismatch: an assertion', async () => {
    const parts = partsOf({})
    const good = makeRegistration(parts)
    const { clientDataJSON } = makeAssertion(parts).response
    expect(await registrationCode({ ...good, response: { ...good.response, clientDataJSON } }, parts)).toBe(
      'webauthn_type_mismatch',
    )
  })

  test('webauthn_malformed: null', async () => {
    expect(await registrationCode(null as unknown as RegistrationResponseJson, partsOf({}))).toBe('webauthn_malformed')
  })

  test.each([
    ['denied', { deniedAaguids: [otherModel, modelOfParts] }],
    ['not among the allowed', { allowedAaguids: [otherModel] }],
    ['none is allowed', { allowedAaguids: [] }],
    ['allowed and denied', { allowedAaguids: [modelOfParts], deniedAaguids: [modelOfParts] }],
  ])('webauthn_authenticator_not_allowed: a model that is %s', async (_, lists) => {
    const parts = partsOf({})
    const expected = { ...expectedOf(parts), ...lists }
    await expect(verifyRegistration(makeRegistration(parts), expected)).rejects.toMatchObject({
      code: 'webauthn_authenticator_not_allowed',
    })
    const others = { ...expectedOf(parts), allowedAaguids: [modelOfParts], deniedAaguids: [otherModel] }
    await expect(verifyRegistration(makeRegistration(parts), others)).resolves.toBeDefined()
  })
})

describe('an assertion is refused', () => {
  test.each([...inBoth, ...inAssertions])('%s: %s', (code, _, changes) => {
    const parts = partsOf(changes)
    expect(assertionCode(makeAssertion(parts), expectedOf(parts))).toBe(code)
  })

  test('webauthn_attested_data_unexpected: the authenticator data of a registration', () => {
    const parts = partsOf({})
    const attested = Buffer.concat([parts.aaguid, Buffer.from([0, 32]), parts.credentialId, parts.coseBytes])
    const withCredential = (bytes: Uint8Array) => {
      const whole = Buffer.concat([bytes, attested])
      whole[32] = (whole[32] ?? 0) | flags.at
      return whole
    }
    const response = makeAssertion({ ...parts, authenticatorData: withCredential })
    expect(assertionCode(response, expectedOf(parts))).toBe('webauthn_attested_data_unexpected')
  })

  test('webauthn_type_mismatch: a registration', () => {
    const parts = partsOf({})
    const good = makeAssertion(parts)
    const { clientDataJSON } = makeRegistration(parts).response
    expect(assertionCode({ ...good, response: { ...good.response, clientDataJSON } }, expectedOf(parts))).toBe(
      'webauthn_type_mismatch',
    )
  })

  test('webauthn_backup_eligibility_changed: no longer eligible', () => {
    const parts = partsOf({})
    const expected = expectedOf(parts)
    const credential = { ...expected.credential, backupEligible: true }
    expect(assertionCode(makeAssertion(parts), { ...expected, credential })).toBe('webauthn_backup_eligibility_changed')
  })

  test('webauthn_too_large: more than 16 KiB', () => {
    const parts = partsOf({ clientData: { filler: 'x'.repeat(12_288) } })
    expect(assertionCode(makeAssertion(parts), expectedOf(parts))).toBe('webauthn_too_large')
  })

  test('webauthn_malformed: null', () => {
    const nothing = null as unknown as AuthenticationResponseJson
    expect(assertionCode(nothing, expectedOf(partsOf({})))).toBe('webauthn_malformed')
  })
})

test('every problem that is decided here has a case', () => {
  const inStore = [
    'challenge_expired',
    'challenge_used',
    'challenge_foreign',
    'credential_unknown',
    'credential_in_use',
  ]
  const elsewhere = inStore.map(what => `webauthn_${what}`)
  const inTests = [...inBoth, ...inRegistrations, ...inAssertions].map(([code]) => code as string)
  const singly = ['malformed', 'too_large', 'raw_id_mismatch', 'attested_data_unexpected', 'authenticator_not_allowed']
  const here = new Set([...elsewhere, ...inTests, ...singly.map(what => `webauthn_${what}`)])
  // Statements and certificates: attestation.test.ts.
  const open = Object.keys(webauthnProblems).filter(code => !/_(attestation|certificate)_/.test(code))
  expect(open.filter(code => !here.has(code))).toEqual([])
})
