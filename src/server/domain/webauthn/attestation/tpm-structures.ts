// TPMT_PUBLIC and TPMS_ATTEST, as TPM 2.0 Library part 2 (sections 12.2.4 and 10.12.8) writes them: numbers big-endian,
// byte strings behind their length in 16 bits.

import { createPublicKey, type KeyObject } from 'node:crypto'
import { toBase64url } from '../../../../lib/base64url.ts'
import { concatBytes } from '../../../../lib/bytes.ts'
import { demand, WebAuthnError } from '../error.ts'

const malformed = 'webauthn_attestation_malformed'

const algorithm = { rsa: 0x0001, ecc: 0x0023, none: 0x0010, ecdaa: 0x001a }
const hashes: ReadonlyMap<number, 'sha1' | 'sha256' | 'sha384' | 'sha512'> = new Map([
  [0x0004, 'sha1'],
  [0x000b, 'sha256'],
  [0x000c, 'sha384'],
  [0x000d, 'sha512'],
] as const)
/** TPM_ECC_CURVE: name in a JWK and bytes of a coordinate. */
const curves: ReadonlyMap<number, { crv: string; size: number }> = new Map([
  [0x0003, { crv: 'P-256', size: 32 }],
  [0x0004, { crv: 'P-384', size: 48 }],
  [0x0005, { crv: 'P-521', size: 66 }],
])
const generatedValue = 0xff54_4347
const attestCertify = 0x8017
// TPMS_CLOCK_INFO: clock 8, resetCount 4, restartCount 4, safe 1. Then firmwareVersion 8.
const clockAndFirmware = 17 + 8

class Reader {
  private readonly bytes: Buffer
  private offset = 0

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  take(length: number): Buffer {
    demand(length <= this.bytes.length - this.offset, malformed)
    this.offset += length
    return this.bytes.subarray(this.offset - length, this.offset)
  }

  uint16(): number {
    return this.take(2).readUInt16BE()
  }

  uint32(): number {
    return this.take(4).readUInt32BE()
  }

  sized(): Buffer {
    return this.take(this.uint16())
  }

  end(): void {
    demand(this.offset === this.bytes.length, malformed)
  }
}

export interface TpmPublicArea {
  /** The hash that makes the object's name. */
  readonly nameHash: string
  /** Its number, 2 bytes. */
  readonly nameAlgorithm: Uint8Array
  readonly publicKey: KeyObject
}

/**
 * Reads a TPMT_PUBLIC of an RSA or ECC key to its last byte.
 * @throws {WebAuthnError} webauthn_attestation_malformed
 */
export function parsePublicArea(bytes: Uint8Array): TpmPublicArea {
  const reader = new Reader(bytes)
  const type = reader.uint16()
  const nameAlgorithm = reader.take(2)
  const nameHash = hashes.get(nameAlgorithm.readUInt16BE())
  demand(nameHash !== undefined, malformed)
  // objectAttributes and authPolicy.
  reader.take(4)
  reader.sized()
  // TPMT_SYM_DEF_OBJECT: key bits and mode where there is an algorithm.
  if (reader.uint16() !== algorithm.none) reader.take(4)
  skipScheme(reader)
  const jwk = type === algorithm.ecc ? readPoint(reader) : readModulus(reader, type)
  reader.end()
  try {
    return { nameHash, nameAlgorithm, publicKey: createPublicKey({ key: jwk, format: 'jwk' }) }
  } catch (cause) {
    throw new WebAuthnError(malformed, { cause })
  }
}

/** TPMT_RSA_SCHEME, TPMT_ECC_SCHEME, TPMT_KDF_SCHEME: a hash where there is a scheme, and a count for ECDAA. */
function skipScheme(reader: Reader): void {
  const scheme = reader.uint16()
  if (scheme !== algorithm.none) reader.take(scheme === algorithm.ecdaa ? 4 : 2)
}

const defaultExponent = 65_537

function readModulus(reader: Reader, type: number) {
  demand(type === algorithm.rsa, malformed)
  const bits = reader.uint16()
  const exponent = reader.uint32() || defaultExponent
  const modulus = reader.sized()
  demand(modulus.length * 8 === bits && exponent === defaultExponent, malformed)
  return { kty: 'RSA', n: toBase64url(modulus), e: 'AQAB' }
}

function readPoint(reader: Reader) {
  const curve = curves.get(reader.uint16())
  demand(curve !== undefined, malformed)
  skipScheme(reader)
  const [x, y] = [reader.sized(), reader.sized()]
  demand(x.length <= curve.size && y.length <= curve.size, malformed)
  const padded = (bytes: Uint8Array) => toBase64url(concatBytes(new Uint8Array(curve.size - bytes.length), bytes))
  return { kty: 'EC', crv: curve.crv, x: padded(x), y: padded(y) }
}

/** What a TPM certified: `name` is the certified object's, `extraData` what it was asked to sign along. */
export interface TpmCertification {
  readonly extraData: Uint8Array
  readonly name: Uint8Array
}

/**
 * Reads a TPMS_ATTEST of the type TPM_ST_ATTEST_CERTIFY to its last byte.
 * @throws {WebAuthnError} webauthn_attestation_malformed
 */
export function parseCertification(bytes: Uint8Array): TpmCertification {
  const reader = new Reader(bytes)
  demand(reader.uint32() === generatedValue, malformed)
  demand(reader.uint16() === attestCertify, malformed)
  // qualifiedSigner.
  reader.sized()
  const extraData = reader.sized()
  reader.take(clockAndFirmware)
  const name = reader.sized()
  // qualifiedName.
  reader.sized()
  reader.end()
  return { extraData, name }
}
