// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html#pinProto1
// Sections 6.5.6 and 6.5.7: what PIN/UV auth protocols 1 and 2 do with the secret that client and key agreed on.

import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync } from 'node:crypto'
import { concatBytes } from '../../../lib/bytes.ts'
import type { Random } from '../../../lib/random.ts'
import { malformed } from '../command.ts'

export type PinUvAuthProtocol = 1 | 2

/** The protocols that this program knows. */
export const isKnownProtocol = (protocol: number): protocol is PinUvAuthProtocol => protocol === 1 || protocol === 2

const blockLength = 16
const keyLength = 32
const shortMacLength = 16
const zeros = (length: number) => new Uint8Array(length)

/** The secret of one key agreement. */
export interface SharedSecret {
  /** AES-256-CBC without padding; in protocol 2 behind an IV of 16 bytes. @throws {RangeError} for part of a block */
  encrypt(plaintext: Uint8Array): Uint8Array
  /** @throws {CtapError} `key_protocol` when `ciphertext` has a length that the key cannot have meant */
  decrypt(ciphertext: Uint8Array): Uint8Array
  /** HMAC-SHA-256: its first 16 bytes in protocol 1, all 32 in protocol 2. */
  authenticate(message: Uint8Array): Uint8Array
}

/** The MAC of both protocols: with a shared secret or with a token (32 bytes; 16 or 32 in protocol 1). */
export function authenticate(protocol: PinUvAuthProtocol, key: Uint8Array, message: Uint8Array): Uint8Array {
  const mac = new Uint8Array(createHmac('sha256', key).update(message).digest())
  return protocol === 1 ? mac.slice(0, shortMacLength) : mac
}

interface Keys {
  readonly mac: Uint8Array
  readonly aes: Uint8Array
}

const hkdf = (z: Uint8Array, info: string) =>
  new Uint8Array(hkdfSync('sha256', z, zeros(keyLength), new TextEncoder().encode(info), keyLength))

/** kdf(Z): one key for both uses in protocol 1, two in protocol 2. */
function derive(protocol: PinUvAuthProtocol, z: Uint8Array): Keys {
  if (protocol === 2) return { mac: hkdf(z, 'CTAP2 HMAC key'), aes: hkdf(z, 'CTAP2 AES key') }
  const key = new Uint8Array(createHash('sha256').update(z).digest())
  return { mac: key, aes: key }
}

function encryptBlocks(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-cbc', key, iv).setAutoPadding(false)
  return concatBytes(cipher.update(plaintext), cipher.final())
}

function decryptBlocks(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  const decipher = createDecipheriv('aes-256-cbc', key, iv).setAutoPadding(false)
  return concatBytes(decipher.update(ciphertext), decipher.final())
}

/**
 * The shared secret of a protocol.
 * @param z the x-coordinate, 32 bytes, of the point that ECDH gave.
 * @param random where protocol 2 takes its IVs from.
 */
export function sharedSecret(protocol: PinUvAuthProtocol, z: Uint8Array, random: Random): SharedSecret {
  const { mac, aes } = derive(protocol, z)
  const ivLength = protocol === 1 ? 0 : blockLength
  return {
    encrypt(plaintext) {
      if (plaintext.length % blockLength !== 0) throw new RangeError(`${plaintext.length} bytes are no whole blocks`)
      const iv = random.bytes(ivLength)
      return concatBytes(iv, encryptBlocks(aes, protocol === 1 ? zeros(blockLength) : iv, plaintext))
    },
    decrypt(ciphertext) {
      const iv = protocol === 1 ? zeros(blockLength) : ciphertext.subarray(0, ivLength)
      const blocks = ciphertext.subarray(ivLength)
      if (iv.length < blockLength || blocks.length === 0 || blocks.length % blockLength !== 0) {
        throw malformed(`${ciphertext.length} encrypted bytes, which no plaintext has`)
      }
      return decryptBlocks(aes, iv, blocks)
    },
    authenticate: message => authenticate(protocol, mac, message),
  }
}
