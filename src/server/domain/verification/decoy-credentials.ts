import { toBase64url } from '../../../lib/base64url.ts'
import { concatBytes } from '../../../lib/bytes.ts'
import type { SecretKeys } from '../secret-keys.ts'

export interface OfferedCredential {
  /** base64url */
  readonly id: string
  readonly transports: string[]
}

/** Lengths of credential ids in bytes and transports, as keys, phones and password managers have them. */
const shapes: readonly { readonly length: number; readonly transports: readonly string[] }[] = [
  { length: 64, transports: ['usb'] },
  { length: 64, transports: ['nfc', 'usb'] },
  { length: 48, transports: ['usb'] },
  { length: 48, transports: ['nfc', 'usb'] },
  { length: 96, transports: ['usb'] },
  { length: 32, transports: ['internal'] },
  { length: 20, transports: ['hybrid', 'internal'] },
  { length: 16, transports: ['hybrid', 'internal'] },
]
/** Five of eight people with keys have one, two have two, one has three. */
const counts: readonly number[] = [1, 1, 1, 1, 1, 2, 2, 3]

/**
 * The security keys that somebody without any is offered at a login, so that nobody learns who has some (WebAuthn
 * Level 3 section 14.6.2). How many they are and of what shape is drawn by a keyed hash: always the same for one user
 * name, different for different ones, as with real keys.
 * @param accountKey stands for the user name, known or not
 */
export function decoyCredentials(keys: SecretKeys, accountKey: string): OfferedCredential[] {
  const drawn = keys.hash('decoy', accountKey, 'shapes')
  const pick = <T>(from: readonly T[], at: number): T | undefined => from[(drawn[at] ?? 0) % from.length]
  return Array.from({ length: pick(counts, 0) ?? 1 }, (_, index) => {
    const { length = 64, transports = [] } = pick(shapes, index + 1) ?? {}
    const blocks = [0, 1, 2].map(block => keys.hash('decoy', accountKey, 'id', `${index}.${block}`))
    return { id: toBase64url(concatBytes(...blocks).subarray(0, length)), transports: [...transports] }
  })
}

/** What stands for the user handle of nobody, 32 bytes: nobody can state it. */
export const decoyHandle = (keys: SecretKeys, accountKey: string): Uint8Array =>
  keys.hash('decoy', accountKey, 'user handle')
