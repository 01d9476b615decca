import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { expect, test } from 'vitest'
import { toBase64url } from '../../../src/lib/base64url.ts'
import { concatBytes } from '../../../src/lib/bytes.ts'
import { type CborMap, type CborValue, decodeCbor } from '../../../src/lib/cbor.ts'
import { allowing, clientDataHash, madeId, map, RawPlatform } from '../../support/raw-platform.ts'

const bytes = (value: CborValue | undefined) => (value instanceof Uint8Array ? value : new Uint8Array())
const text = (value: CborValue | undefined) => toBase64url(bytes(value))
const parameters = (...algorithms: number[]) =>
  [
    4,
    algorithms.map(alg =>
      map([
        ['alg', alg],
        ['type', 'public-key'],
      ]),
    ),
  ] as [number, CborValue]

const ec = (crv: string) => (cose: CborMap) => ({ kty: 'EC', crv, x: text(cose.get(-2)), y: text(cose.get(-3)) })
const okp = (crv: string) => (cose: CborMap) => ({ kty: 'OKP', crv, x: text(cose.get(-2)) })
const rsa = (cose: CborMap) => ({ kty: 'RSA', n: text(cose.get(-1)), e: text(cose.get(-2)) })

interface Case {
  /** The members of the COSE_Key that do not differ from key to key. */
  readonly fixed: readonly (readonly [number, CborValue])[]
  readonly labels: readonly number[]
  readonly jwk: (cose: CborMap) => JsonWebKey
  readonly hash: string | null
}

const cases: [number, Case][] = [
  [
    -7,
    {
      fixed: [
        [1, 2],
        [3, -7],
        [-1, 1],
      ],
      labels: [1, 3, -1, -2, -3],
      jwk: ec('P-256'),
      hash: 'sha256',
    },
  ],
  [
    -35,
    {
      fixed: [
        [1, 2],
        [3, -35],
        [-1, 2],
      ],
      labels: [1, 3, -1, -2, -3],
      jwk: ec('P-384'),
      hash: 'sha384',
    },
  ],
  [
    -36,
    {
      fixed: [
        [1, 2],
        [3, -36],
        [-1, 3],
      ],
      labels: [1, 3, -1, -2, -3],
      jwk: ec('P-521'),
      hash: 'sha512',
    },
  ],
  [
    -8,
    {
      fixed: [
        [1, 1],
        [3, -8],
        [-1, 6],
      ],
      labels: [1, 3, -1, -2],
      jwk: okp('Ed25519'),
      hash: null,
    },
  ],
  [
    -53,
    {
      fixed: [
        [1, 1],
        [3, -53],
        [-1, 7],
      ],
      labels: [1, 3, -1, -2],
      jwk: okp('Ed448'),
      hash: null,
    },
  ],
  [
    -257,
    {
      fixed: [
        [1, 3],
        [3, -257],
      ],
      labels: [1, 3, -1, -2],
      jwk: rsa,
      hash: 'sha256',
    },
  ],
]

test.each(cases)(
  'COSE algorithm %i makes, attests by itself, and signs',
  async (algorithm, { fixed, labels, jwk, hash }) => {
    const raw = new RawPlatform({ algorithms: [algorithm], attestation: 'self' })
    const made = await raw.makeCredential([parameters(algorithm)])
    const authData = bytes(made.map.get(2))
    const cose = decodeCbor(authData.subarray(87))
    if (!(cose instanceof Map)) throw new Error('no COSE key')
    expect([...cose.keys()]).toEqual(labels)
    for (const [label, value] of fixed) expect(cose.get(label)).toBe(value)
    const key = createPublicKey({ key: jwk(cose), format: 'jwk' })
    const statement = made.map.get(3)
    if (!(statement instanceof Map)) throw new Error('no statement')
    expect(statement.get('alg')).toBe(algorithm)
    expect(verify(hash, concatBytes(authData, clientDataHash), key, bytes(statement.get('sig')))).toBe(true)
    const { map: signed } = await raw.getAssertion([allowing(madeId(made))])
    const message = concatBytes(bytes(signed.get(2)), clientDataHash)
    expect(verify(hash, message, key, bytes(signed.get(3)))).toBe(true)
    expect(verify(hash, concatBytes(message, message), key, bytes(signed.get(3)))).toBe(false)
  },
)

test('the first of the request that the key knows wins', async () => {
  const raw = new RawPlatform({ algorithms: [-7, -8, -257] })
  const chosen = async (...asked: number[]) => {
    const { map: answer } = await raw.makeCredential([parameters(...asked)])
    const cose = decodeCbor(bytes(answer.get(2)).subarray(87))
    return cose instanceof Map ? cose.get(3) : undefined
  }
  expect([await chosen(-53, -8, -7), await chosen(-7, -8)]).toEqual([-8, -7])
  expect((await raw.makeCredential([parameters(-53, -36)])).status).toBe(0x26)
})

test('what is asked for by another type is not made', async () => {
  const other = map([
    ['alg', -7],
    ['type', 'private-key'],
  ])
  expect((await new RawPlatform().makeCredential([[4, [other]]])).status).toBe(0x26)
})

test('seeds make the same keys', async () => {
  for (const algorithm of [-7, -8, -35, -36, -53]) {
    const made = async () =>
      (await new RawPlatform({ algorithms: [algorithm], attestation: 'none' }).makeCredential([parameters(algorithm)]))
        .map
    expect(await made()).toEqual(await made())
  }
})
