import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync } from 'node:crypto'
import { toBase64url } from '../../lib/base64url.ts'
import { concatBytes, utf8 } from '../../lib/bytes.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'

/** What is sealed or hashed, and for whom: bound into the result, so that it opens nowhere else. */
export type KeyPurpose =
  | 'totp'
  | 'outbox'
  | 'wechat'
  | 'code'
  | 'value'
  | 'recovery'
  | 'decoy'
  | 'throttle'
  | 'transfer'

/** Encryption and keyed hashes under keys derived from the server's one 32-byte key. */
export interface SecretKeys {
  /** AES-256-GCM: 12-byte nonce ‖ ciphertext ‖ 16-byte tag. `context` is authenticated with it. */
  seal(purpose: KeyPurpose, context: string, plaintext: Uint8Array): Uint8Array
  /** @throws when it was sealed for something else, under another key, or was changed. */
  open(purpose: KeyPurpose, context: string, sealed: Uint8Array): Uint8Array
  /** HMAC-SHA-256 over the length-prefixed parts, 32 bytes. */
  hash(purpose: KeyPurpose, ...parts: readonly string[]): Uint8Array
  /** The same, base64url. */
  hashText(purpose: KeyPurpose, ...parts: readonly string[]): string
}

const nonceLength = 12
const tagLength = 16

/** @param masterKey 32 random bytes, kept outside the database. */
export function createSecretKeys(masterKey: Uint8Array, random: Random): SecretKeys {
  if (masterKey.length !== 32) throw new TypeError('the secret key must have 32 bytes')
  const derived = new Map<KeyPurpose, Buffer>()
  const key = (purpose: KeyPurpose): Buffer => {
    const known = derived.get(purpose)
    if (known) return known
    const fresh = Buffer.from(hkdfSync('sha256', masterKey, 'hufud', purpose, 32))
    derived.set(purpose, fresh)
    return fresh
  }
  const keyedHash = (purpose: KeyPurpose, ...parts: readonly string[]): Buffer => {
    const mac = createHmac('sha256', key(purpose))
    for (const part of parts) {
      const bytes = utf8(part)
      mac.update(`${bytes.length}:`).update(bytes)
    }
    return mac.digest()
  }
  return {
    seal(purpose, context, plaintext) {
      const nonce = random.bytes(nonceLength)
      const cipher = createCipheriv('aes-256-gcm', key(purpose), nonce).setAAD(utf8(context))
      return concatBytes(nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
    },
    open(purpose, context, sealed) {
      const nonce = sealed.subarray(0, nonceLength)
      const tag = sealed.subarray(sealed.length - tagLength)
      const decipher = createDecipheriv('aes-256-gcm', key(purpose), nonce, { authTagLength: tagLength })
        .setAAD(utf8(context))
        .setAuthTag(tag)
      return concatBytes(decipher.update(sealed.subarray(nonceLength, sealed.length - tagLength)), decipher.final())
    },
    hash: keyedHash,
    hashText: (purpose, ...parts) => keyedHash(purpose, ...parts).toString('base64url'),
  }
}

/** 128 random bits as an id, base64url: 22 characters, the first of which is no `-`: people give ids to commands. */
export function newId(random: Random): string {
  for (;;) {
    const id = toBase64url(random.bytes(16))
    if (!id.startsWith('-')) return id
  }
}

/**
 * The same for rows of which there are very many: the first 48 bits are the time in milliseconds, as in RFC 9562 section
 * 5.7, and 80 are random. Those of one time stand side by side in an index, so that to write many touches few pages.
 */
export function newTimedId({ clock, random }: { clock: Pick<Clock, 'now'>; random: Random }): string {
  const time = Buffer.alloc(6)
  time.writeUIntBE(clock.now(), 0, time.length)
  return toBase64url(Buffer.concat([time, random.bytes(10)]))
}

/** 256 random bits as a secret, base64url: 43 characters. */
export const newSecret = (random: Random): string => toBase64url(random.bytes(32))

/**
 * 128 random bits as a secret, base64url: 22 characters, for a link that must fit into a text message. Enough where it
 * works once, ends by itself and is throttled.
 */
export const newLinkSecret = (random: Random): string => toBase64url(random.bytes(16))

/**
 * SHA-256 of a secret of 128 bits or more, base64url: enough for what can't be guessed, and made without leaving the
 * thread.
 */
export const hashSecret = (secret: string): string => hash('sha256', secret, 'base64url')
