// CTAP 2.1 sections 6.5.4, 6.5.6 and 6.5.7: the PIN/UV auth protocols 1 and 2, the authenticator's side.

import { createCipheriv, createDecipheriv, createECDH, createHash, createHmac, type ECDH, hkdfSync } from 'node:crypto'
import { concatBytes, equalBytes, utf8 } from '../../lib/bytes.ts'
import type { CborMap, CborValue } from '../../lib/cbor.ts'
import type { Random } from '../../lib/random.ts'
import type { PinUvAuthProtocolNumber } from './settings.ts'
import { StatusError, status } from './status.ts'

const coordinateLength = 32
const blockLength = 16
const cose = { kty: 1, alg: 3, crv: -1, x: -2, y: -3 } as const
const ec2 = 2
/** ECDH-ES + HKDF-256, by name alone: neither protocol derives its key so. */
const ecdhEs = -25
const p256 = 1

/** What both sides know after the key agreement: one key for both uses in protocol 1, two in protocol 2. */
interface SharedSecret {
  readonly hmacKey: Uint8Array
  readonly aesKey: Uint8Array
}

interface Scheme {
  derive(z: Uint8Array): SharedSecret
  /** How many bytes of the HMAC are the signature. */
  readonly signatureLength: number
  /** How many bytes of a ciphertext are its IV; without any, the IV is zeros. */
  readonly ivLength: number
}

const hkdf = (z: Uint8Array, info: string) => new Uint8Array(hkdfSync('sha256', z, new Uint8Array(32), utf8(info), 32))

const schemes: Readonly<Record<PinUvAuthProtocolNumber, Scheme>> = {
  1: {
    derive: z => {
      const key = new Uint8Array(createHash('sha256').update(z).digest())
      return { hmacKey: key, aesKey: key }
    },
    signatureLength: 16,
    ivLength: 0,
  },
  2: {
    derive: z => ({ hmacKey: hkdf(z, 'CTAP2 HMAC key'), aesKey: hkdf(z, 'CTAP2 AES key') }),
    signatureLength: 32,
    ivLength: blockLength,
  },
}

/** One protocol with its key agreement key, which is made when it is first asked for. */
export class PinUvAuthProtocol {
  readonly number: PinUvAuthProtocolNumber
  private readonly scheme: Scheme
  private readonly random: Random
  private agreement: ECDH | undefined

  constructor(number: PinUvAuthProtocolNumber, random: Random) {
    this.number = number
    this.scheme = schemes[number]
    this.random = random
  }

  /** Section 6.5.5.1: the next key agreement is with another key. */
  regenerate(): void {
    this.agreement = undefined
  }

  /** `getPublicKey`: a COSE_Key. */
  publicKey(): CborMap {
    const point = new Uint8Array(this.ecdh().getPublicKey())
    return new Map<number, CborValue>([
      [cose.kty, ec2],
      [cose.alg, ecdhEs],
      [cose.crv, p256],
      [cose.x, point.slice(1, 1 + coordinateLength)],
      [cose.y, point.slice(1 + coordinateLength)],
    ])
  }

  /** What this key and the platform both know. @throws {StatusError} when `platformKey` is no point of P-256. */
  decapsulate(platformKey: CborMap): SharedSecret {
    const refused = new StatusError(status.invalidParameter)
    const x = platformKey.get(cose.x)
    const y = platformKey.get(cose.y)
    const isNamed =
      platformKey.get(cose.kty) === ec2 && platformKey.get(cose.alg) === ecdhEs && platformKey.get(cose.crv) === p256
    if (!isNamed || !(x instanceof Uint8Array) || !(y instanceof Uint8Array)) throw refused
    if (x.length !== coordinateLength || y.length !== coordinateLength) throw refused
    try {
      return this.scheme.derive(this.ecdh().computeSecret(concatBytes(Uint8Array.of(0x04), x, y)))
    } catch {
      throw refused
    }
  }

  /** AES-256-CBC without padding; `plaintext` is a multiple of 16 bytes. */
  encrypt({ aesKey }: SharedSecret, plaintext: Uint8Array): Uint8Array {
    const { ivLength } = this.scheme
    const iv = ivLength > 0 ? this.random.bytes(ivLength) : new Uint8Array(blockLength)
    const cipher = createCipheriv('aes-256-cbc', aesKey, iv).setAutoPadding(false)
    return concatBytes(iv.subarray(0, ivLength), cipher.update(plaintext), cipher.final())
  }

  /** The plaintext, or undefined for what `encrypt` can't have made. */
  decrypt({ aesKey }: SharedSecret, ciphertext: Uint8Array): Uint8Array | undefined {
    const { ivLength } = this.scheme
    if (ciphertext.length < ivLength || ciphertext.length % blockLength !== 0) return undefined
    const iv = ivLength > 0 ? ciphertext.subarray(0, ivLength) : new Uint8Array(blockLength)
    const decipher = createDecipheriv('aes-256-cbc', aesKey, iv).setAutoPadding(false)
    return concatBytes(decipher.update(ciphertext.subarray(ivLength)), decipher.final())
  }

  /** Whether `signature` is the platform's of `message`, under a shared secret or a pinUvAuthToken. */
  isAuthentic(key: SharedSecret | Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    const hmacKey = key instanceof Uint8Array ? key : key.hmacKey
    const mac = new Uint8Array(createHmac('sha256', hmacKey).update(message).digest())
    return equalBytes(mac.subarray(0, this.scheme.signatureLength), signature)
  }

  private ecdh(): ECDH {
    this.agreement ??= this.generate()
    return this.agreement
  }

  /** Bytes that are no private key (a chance of 2^-32) are drawn again. */
  private generate(): ECDH {
    for (;;) {
      const ecdh = createECDH('prime256v1')
      try {
        ecdh.setPrivateKey(this.random.bytes(coordinateLength))
        return ecdh
      } catch {}
    }
  }
}
