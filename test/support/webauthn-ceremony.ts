// An authenticator and its client in one: makes good WebAuthn ceremonies, and ceremonies in which exactly one thing is
// wrong. Whatever is changed is changed before it is signed. Encodes with cbor-x, to owe nothing to src/lib/cbor.ts.

import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { Encoder } from 'cbor-x'
import type { AuthenticationResponseJson, RegistrationResponseJson } from '../../src/contract/webauthn.ts'

const encoder = new Encoder({ mapsAsObjects: false, useRecords: false, variableMapSize: true, tagUint8Array: false })

export type Cose = Map<number, number | Uint8Array>

export interface TestKey {
  algorithm: number
  hash: string | null
  privateKey: KeyObject
  publicKey: KeyObject
  cose: Cose
}

const curveOf = {
  ES256: { algorithm: -7, crv: 1, namedCurve: 'P-256', hash: 'sha256' },
  ES384: { algorithm: -35, crv: 2, namedCurve: 'P-384', hash: 'sha384' },
  ES512: { algorithm: -36, crv: 3, namedCurve: 'P-521', hash: 'sha512' },
} as const

export const keyKinds = ['ES256', 'ES384', 'ES512', 'RS256', 'Ed25519', 'Ed448'] as const
export type KeyKind = (typeof keyKinds)[number]

const member = (key: KeyObject, name: 'x' | 'y' | 'n' | 'e') =>
  Buffer.from(key.export({ format: 'jwk' })[name] ?? '', 'base64url')

export function makeKey(kind: KeyKind): TestKey {
  if (kind === 'RS256') return makeRsaKey()
  if (kind === 'Ed25519' || kind === 'Ed448') {
    const pair = kind === 'Ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ed448')
    const crv = kind === 'Ed25519' ? 6 : 7
    const entries: [number, number | Uint8Array][] = [
      [1, 1],
      [3, -8],
      [-1, crv],
      [-2, member(pair.publicKey, 'x')],
    ]
    return { ...pair, algorithm: -8, hash: null, cose: new Map(entries) }
  }
  const { algorithm, crv, namedCurve, hash } = curveOf[kind]
  const pair = generateKeyPairSync('ec', { namedCurve })
  const entries: [number, number | Uint8Array][] = [
    [1, 2],
    [3, algorithm],
    [-1, crv],
    [-2, member(pair.publicKey, 'x')],
    [-3, member(pair.publicKey, 'y')],
  ]
  return { ...pair, algorithm, hash, cose: new Map(entries) }
}

export function makeRsaKey(modulusLength = 2048, publicExponent = 65537): TestKey {
  const pair = generateKeyPairSync('rsa', { modulusLength, publicExponent })
  const entries: [number, number | Uint8Array][] = [
    [1, 3],
    [3, -257],
    [-1, member(pair.publicKey, 'n')],
    [-2, member(pair.publicKey, 'e')],
  ]
  return { ...pair, algorithm: -257, hash: 'sha256', cose: new Map(entries) }
}

export const flags = { up: 0x01, uv: 0x04, be: 0x08, bs: 0x10, at: 0x40, ed: 0x80 }

export const party = { rpId: 'login.example.com', origin: 'https://login.example.com' }

/** Everything a ceremony is made of. */
export interface Parts {
  key: TestKey
  challenge: Uint8Array
  /** Members of the client data, over the good ones; `undefined` leaves one out. */
  clientData: Record<string, unknown>
  /** The text of the client data, made from its members. */
  clientDataText: (text: string) => string | Uint8Array
  rpId: string
  flags: number
  signCount: number
  aaguid: Uint8Array
  credentialId: Uint8Array
  /** The credential id beside the response. */
  rawId: Uint8Array
  coseBytes: Uint8Array
  /** CBOR, behind the rest of the authenticator data. */
  extensions: Uint8Array
  /** The finished authenticator data, before they are signed. */
  authenticatorData: (bytes: Uint8Array) => Uint8Array
  format: string
  statement: (signed: Signed) => Map<string, unknown>
  attestationObject: (bytes: Uint8Array) => Uint8Array
  transports: string[]
  signature: (bytes: Uint8Array) => Uint8Array
  userHandle: Uint8Array
}

export interface Signed {
  key: TestKey
  authenticatorData: Uint8Array
  clientData: Uint8Array
  clientDataHash: Uint8Array
  rpIdHash: Uint8Array
  credentialId: Uint8Array
}

const same = <T>(value: T): T => value

/** The parts of a good ceremony, with `changes`. */
export function partsOf(changes: Partial<Parts>): Parts {
  const key = changes.key ?? makeKey('ES256')
  const credentialId = changes.credentialId ?? randomBytes(32)
  return {
    key,
    challenge: randomBytes(32),
    clientData: {},
    clientDataText: same,
    rpId: party.rpId,
    flags: flags.up | flags.uv,
    signCount: 7,
    aaguid: Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
    credentialId,
    rawId: credentialId,
    coseBytes: encode(key.cose),
    extensions: new Uint8Array(),
    authenticatorData: same,
    format: 'none',
    statement: () => new Map(),
    attestationObject: same,
    transports: ['usb', 'nfc'],
    signature: same,
    userHandle: Buffer.from('account-0001'),
    ...changes,
  }
}

/** What the server expects of a ceremony with these parts. */
export const expectedOf = (parts: Parts) => ({
  challenge: parts.challenge,
  rpId: party.rpId,
  origins: ['https://other.example.com', party.origin],
  algorithms: [-7, -8, -257, -35, -36],
  userVerification: 'required' as const,
  credential: {
    id: parts.credentialId,
    publicKey: new Uint8Array(encode(parts.key.cose)),
    signCount: 6,
    backupEligible: false,
  },
  userHandle: Buffer.from('account-0001'),
})

export const encode = (value: unknown): Uint8Array => encoder.encode(value)
export const sha256 = (bytes: Uint8Array | string): Buffer => createHash('sha256').update(bytes).digest()
export const signWith = (key: Pick<TestKey, 'hash' | 'privateKey'>, data: Uint8Array): Buffer =>
  sign(key.hash, data, key.privateKey)
export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

function clientDataOf(parts: Parts, type: string): Buffer {
  const members = { type, challenge: text(parts.challenge), origin: party.origin, crossOrigin: false }
  return Buffer.from(parts.clientDataText(JSON.stringify({ ...members, ...parts.clientData })))
}

function authenticatorDataOf(parts: Parts, attested: boolean): Uint8Array {
  const head = Buffer.alloc(5)
  const announced = (attested ? flags.at : 0) | (parts.extensions.length > 0 ? flags.ed : 0)
  head[0] = parts.flags | announced
  head.writeUInt32BE(parts.signCount, 1)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(parts.credentialId.length)
  const credential = attested ? [parts.aaguid, length, parts.credentialId, parts.coseBytes] : []
  return parts.authenticatorData(Buffer.concat([sha256(parts.rpId), head, ...credential, parts.extensions]))
}

export function makeRegistration(parts: Parts): RegistrationResponseJson {
  const clientData = clientDataOf(parts, 'webauthn.create')
  const authenticatorData = authenticatorDataOf(parts, true)
  const { key, credentialId } = parts
  const rpIdHash = sha256(parts.rpId)
  const clientDataHash = sha256(clientData)
  const statement = parts.statement({ key, authenticatorData, clientData, clientDataHash, rpIdHash, credentialId })
  const members: [string, unknown][] = [
    ['fmt', parts.format],
    ['attStmt', statement],
    ['authData', Buffer.from(authenticatorData)],
  ]
  return {
    id: text(parts.rawId),
    rawId: text(parts.rawId),
    type: 'public-key',
    clientExtensionResults: {},
    response: {
      clientDataJSON: text(clientData),
      attestationObject: text(parts.attestationObject(encode(new Map(members)))),
      transports: parts.transports,
    },
  }
}

export function makeAssertion(parts: Parts): AuthenticationResponseJson {
  const clientData = clientDataOf(parts, 'webauthn.get')
  const authenticatorData = authenticatorDataOf(parts, false)
  const signature = signWith(parts.key, Buffer.concat([authenticatorData, sha256(clientData)]))
  return {
    id: text(parts.rawId),
    rawId: text(parts.rawId),
    type: 'public-key',
    clientExtensionResults: {},
    response: {
      clientDataJSON: text(clientData),
      authenticatorData: text(authenticatorData),
      signature: text(parts.signature(signature)),
      userHandle: text(parts.userHandle),
    },
  }
}
