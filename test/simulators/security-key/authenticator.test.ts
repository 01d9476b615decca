import { verify, X509Certificate } from 'node:crypto'
import { Fido2Lib } from 'fido2-lib'
import { describe, expect, test } from 'vitest'
import { toBase64url } from '../../../src/lib/base64url.ts'
import { concatBytes, utf8 } from '../../../src/lib/bytes.ts'
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from '../../../src/lib/cbor.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import {
  type AttestationForm,
  SoftwareAuthenticator,
  softwareKeyAaguid,
} from '../../../src/simulators/security-key/index.ts'
import { isSigned, parseAttested, parseHeader, sha256 } from '../../support/ceremony.ts'

const hash = sha256('client data')
const map = (entries: [string | number, CborValue][]): CborMap => new Map(entries)
const publicKey = (alg: number) =>
  map([
    ['alg', alg],
    ['type', 'public-key'],
  ])
const descriptor = (id: Uint8Array) =>
  map([
    ['id', id],
    ['type', 'public-key'],
  ])

async function ask(authenticator: SoftwareAuthenticator, command: number, members?: [number, CborValue][]) {
  const body = members ? encodeCbor(map(members)) : new Uint8Array()
  const answer = await authenticator.answer(concatBytes(Uint8Array.of(command), body), async () => 'touched')
  const value = answer.length > 1 ? decodeCbor(answer.subarray(1)) : new Map()
  return { status: answer[0], map: value instanceof Map ? value : new Map() }
}

const bytesIn = (from: CborMap, key: number | string): Uint8Array => {
  const value = from.get(key)
  return value instanceof Uint8Array ? value : new Uint8Array()
}

const creation = (changes: [number, CborValue][] = [], user = 'u'): [number, CborValue][] => [
  ...new Map<number, CborValue>([
    [1, hash],
    [2, map([['id', 'example.com']])],
    [
      3,
      map([
        ['id', utf8(user)],
        ['name', user],
      ]),
    ],
    [4, [publicKey(-7)]],
    ...changes,
  ]),
]

const make = (authenticator: SoftwareAuthenticator, ...args: Parameters<typeof creation>) =>
  ask(authenticator, 1, creation(...args))

async function made(attestation: AttestationForm) {
  const authenticator = new SoftwareAuthenticator({ random: systemRandom, attestation })
  const { map: answer } = await make(authenticator)
  const authData = bytesIn(answer, 2)
  const statement = answer.get(3)
  return {
    authenticator,
    answer,
    authData,
    statement: statement instanceof Map ? statement : new Map(),
    ...parseAttested(authData),
  }
}

describe('attestation', () => {
  test('by certificate: packed, signed by the key that the certificate names, for this model', async () => {
    const { answer, authData, statement, aaguid, authenticator } = await made('certificate')
    const [der] = statement.get('x5c')
    const certificate = new X509Certificate(der)
    expect(answer.get(1)).toBe('packed')
    expect(verify('sha256', concatBytes(authData, hash), certificate.publicKey, statement.get('sig'))).toBe(true)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(certificate.ca).toBe(false)
    expect(certificate.subject.split('\n')).toEqual([
      'C=CN',
      'O=hufu',
      'OU=Authenticator Attestation',
      'CN=hufu software security key',
    ])
    expect(der).toEqual(authenticator.attestationCertificate)
    expect(aaguid).toEqual(softwareKeyAaguid)
    expect(Buffer.from(der).includes(Buffer.from(softwareKeyAaguid))).toBe(true)
  })

  test('by itself: packed, signed by the credential', async () => {
    const { authData, statement, publicKey: key } = await made('self')
    expect([...statement.keys()]).toEqual(['alg', 'sig'])
    expect(verify('sha256', concatBytes(authData, hash), key, statement.get('sig'))).toBe(true)
  })

  test('none', async () => {
    const { answer, statement } = await made('none')
    expect([answer.get(1), statement.size]).toEqual(['none', 0])
  })

  test.each<AttestationForm>(['certificate', 'self', 'none'])(
    'a library not written here accepts it: %s',
    async attestation => {
      const challenge = toBase64url(sha256('challenge'))
      const origin = 'https://example.com'
      const clientData = utf8(JSON.stringify({ type: 'webauthn.create', challenge, origin, crossOrigin: false }))
      const authenticator = new SoftwareAuthenticator({ random: systemRandom, attestation })
      const { map: answer } = await make(authenticator, [[1, sha256(clientData)]])
      const object = map([
        ['fmt', answer.get(1) ?? ''],
        ['attStmt', answer.get(3) ?? ''],
        ['authData', answer.get(2) ?? ''],
      ])
      const { credentialId } = parseAttested(bytesIn(answer, 2))
      const id = Uint8Array.from(credentialId).buffer
      const attestationObject = toBase64url(encodeCbor(object))
      const result = await new Fido2Lib().attestationResult(
        { id, rawId: id, response: { attestationObject, clientDataJSON: toBase64url(clientData) } },
        { challenge, origin, factor: 'either', rpId: 'example.com' },
      )
      expect(result).toMatchObject({ audit: { validRequest: true, complete: true } })
    },
  )
})

describe('makeCredential', () => {
  test('a credential’s authenticator data: site, flags, counter, model', async () => {
    const { rpIdHash, flags, signCount, aaguid, credentialId, cose } = await made('none')
    expect(rpIdHash).toEqual(sha256('example.com'))
    expect([flags, signCount, credentialId.length]).toEqual([0x41, 0, 32])
    expect(aaguid).toEqual(softwareKeyAaguid)
    expect([...cose.keys()]).toEqual([1, 3, -1, -2, -3])
  })

  test.each<[string, [number, CborValue][], number]>([
    ['no algorithm that it knows', [[4, [publicKey(-8), publicKey(-257)]]], 0x26],
    ['user verification', [[7, map([['uv', true]])]], 0x2c],
    ['no touch', [[7, map([['up', false]])]], 0x2c],
    [
      'a PIN parameter, without a PIN',
      [
        [8, new Uint8Array(16)],
        [9, 1],
      ],
      0x35,
    ],
    ['a PIN parameter of no protocol', [[8, new Uint8Array(16)]], 0x14],
    [
      'a PIN parameter of a protocol that it does not speak',
      [
        [8, new Uint8Array(16)],
        [9, 3],
      ],
      0x02,
    ],
    ['enterprise attestation', [[10, 1]], 0x02],
    ['an empty PIN parameter', [[8, new Uint8Array()]], 0x35],
    ['a hash of 31 bytes', [[1, new Uint8Array(31)]], 0x11],
    ['a site without id', [[2, map([['name', 'x']])]], 0x14],
    ['a user that is no map', [[3, 'user']], 0x11],
    ['a list of 17', [[5, Array(17).fill(descriptor(new Uint8Array(32)))]], 0x15],
    ['an id longer than its own', [[5, [descriptor(new Uint8Array(33))]]], 0x15],
    ['a request of more than 2048 bytes', [[1, new Uint8Array(2048)]], 0x39],
    ['options that are no booleans', [[7, map([['rk', 1]])]], 0x11],
  ])('refuses %s', async (_, changes, status) => {
    expect((await make(new SoftwareAuthenticator({ random: systemRandom }), changes)).status).toBe(status)
  })

  test('refuses what is no CBOR, and commands that it does not know', async () => {
    const authenticator = new SoftwareAuthenticator({ random: systemRandom })
    const raw = async (...bytes: number[]) => [
      ...(await authenticator.answer(Uint8Array.from(bytes), async () => 'touched')),
    ]
    expect(await raw(1, 0xff)).toEqual([0x12])
    expect(await raw(1)).toEqual([0x12])
    expect(await raw(1, 0xa0)).toEqual([0x14])
    expect(await raw(6, 0xa0)).toEqual([0x14])
    expect(await raw(0x0c, 0xa0)).toEqual([0x01])
  })

  test('a discoverable credential takes the place of the same user’s', async () => {
    const authenticator = new SoftwareAuthenticator({ random: systemRandom })
    const discoverable: [number, CborValue][] = [[7, map([['rk', true]])]]
    for (const user of ['u', 'u', 'v']) await make(authenticator, discoverable, user)
    await make(authenticator)
    expect(authenticator.credentials.size).toBe(3)
  })
})

describe('getAssertion', () => {
  test('every discoverable credential signs, the newest first, each with a higher counter', async () => {
    const authenticator = new SoftwareAuthenticator({ random: systemRandom })
    const keys = []
    for (const user of ['u', 'v']) {
      const { map: answer } = await make(authenticator, [[7, map([['rk', true]])]], user)
      keys.push(parseAttested(bytesIn(answer, 2)).publicKey)
    }
    const first = await ask(authenticator, 2, [
      [1, 'example.com'],
      [2, hash],
    ])
    const second = await ask(authenticator, 8)
    expect(first.map.get(5)).toBe(2)
    expect([first, second].map(each => each.map.get(4))).toEqual([map([['id', utf8('v')]]), map([['id', utf8('u')]])])
    for (const [index, { map: answer }] of [second, first].entries()) {
      const signed = { authData: bytesIn(answer, 2), signature: bytesIn(answer, 3) }
      expect(keys[index] && isSigned(keys[index], signed, hash)).toBe(true)
      expect(parseHeader(signed.authData)).toMatchObject({ flags: 1, signCount: 2 - index })
    }
    expect((await ask(authenticator, 8)).status).toBe(0x30)
  })

  test('a credential that is not discoverable must be named, at its own site', async () => {
    const { authenticator, credentialId } = await made('none')
    const allow = (site: string, ...ids: Uint8Array[]) =>
      ask(authenticator, 2, [
        [1, site],
        [2, hash],
        ...(ids.length ? [[3, ids.map(descriptor)] as [number, CborValue]] : []),
      ])
    expect((await allow('example.com')).status).toBe(0x2e)
    expect((await allow('example.org', credentialId)).status).toBe(0x2e)
    expect((await allow('example.com', new Uint8Array(32), credentialId)).status).toBe(0)
  })

  test('reset forgets everything', async () => {
    const { authenticator } = await made('none')
    expect((await ask(authenticator, 7)).status).toBe(0)
    expect(authenticator.credentials.size).toBe(0)
  })
})

test('one random source makes one key, whatever else happens', async () => {
  const { seededRandom } = await import('../../support/seeded-random.ts')
  const ids = []
  for (const _ of [1, 2]) {
    const { map: answer } = await make(new SoftwareAuthenticator({ random: seededRandom('key') }))
    ids.push(toBase64url(bytesIn(answer, 2)))
  }
  expect(ids[0]).toBe(ids[1])
})
