import { Refusal } from './refusal.ts'

/** How user names are compared: compatibility-composed (NFKC) and case-folded. */
export const usernameKey = (username: string): string => username.normalize('NFKC').toLowerCase()

/**
 * Checks a new user name: 1–64 letters, digits and `._@+-` of any script, beginning with a letter or a digit.
 * @throws {Refusal} `username_invalid`.
 */
export function checkUsername(username: string): string {
  if (!/^[\p{L}\p{N}][\p{L}\p{M}\p{N}._@+-]{0,63}$/u.test(username)) throw new Refusal('username_invalid')
  return username.normalize('NFC')
}
