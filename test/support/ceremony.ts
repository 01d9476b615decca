import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { toBase64url } from '../../src/lib/base64url.ts'
import { concatBytes } from '../../src/lib/bytes.ts'
import { type CborMap, decodeFirstCbor } from '../../src/lib/cbor.ts'

export const sha256 = (data: Uint8Array | string): Uint8Array =>
  new Uint8Array(createHash('sha256').update(data).digest())

export interface ParsedAuthData {
  readonly rpIdHash: Uint8Array
  readonly flags: number
  readonly signCount: number
  readonly aaguid: Uint8Array
  readonly credentialId: Uint8Array
  readonly publicKey: KeyObject
  readonly cose: CborMap
}

const coordinate = (cose: CborMap, label: number) => {
  const value = cose.get(label)
  return value instanceof Uint8Array ? toBase64url(value) : ''
}

/** Takes authenticator data with an attested P-256 credential apart (WebAuthn section 6.1), as a server would. */
export function parseAttested(authData: Uint8Array): ParsedAuthData {
  const view = new DataView(authData.buffer, authData.byteOffset)
  const idLength = view.getUint16(53)
  const { value: cose, length } = decodeFirstCbor(authData.subarray(55 + idLength))
  if (!(cose instanceof Map) || 55 + idLength + length !== authData.length) throw new Error('no attested credential')
  const key = { kty: 'EC', crv: 'P-256', x: coordinate(cose, -2), y: coordinate(cose, -3) }
  return {
    ...parseHeader(authData),
    aaguid: authData.slice(37, 53),
    credentialId: authData.slice(55, 55 + idLength),
    publicKey: createPublicKey({ key, format: 'jwk' }),
    cose,
  }
}

/** The 37 bytes that all authenticator data begins with. */
export const parseHeader = (authData: Uint8Array) => ({
  rpIdHash: authData.slice(0, 32),
  flags: authData[32] ?? 0,
  signCount: new DataView(authData.buffer, authData.byteOffset).getUint32(33),
})

export const isSigned = (
  key: KeyObject,
  { authData, signature }: { authData: Uint8Array; signature: Uint8Array },
  clientDataHash: Uint8Array,
): boolean => verify('sha256', concatBytes(authData, clientDataHash), key, signature)

export const clientDataHash = sha256('the client data')

/** Parameters of a registration, as a server would ask for it. */
export const registration = (name = 'alice', rpId = 'example.com') => ({
  clientDataHash,
  rp: { id: rpId, name: 'Example' },
  user: { id: sha256(name), name, displayName: name },
  pubKeyCredParams: [{ alg: -8 }, { alg: -7 }],
})
