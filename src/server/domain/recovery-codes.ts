import type { Random } from '../../lib/random.ts'
import type { RecoveryCodesTable } from '../store/schema.ts'
import { newId, type SecretKeys } from './secret-keys.ts'

export const recoveryCodeCount = 10

// Crockford's base32: no I, L, O, U, so that a code read from paper is typed right.
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** 80 random bits (NIST SP 800-63B-4 section 4.2.1.1 asks for 64): `0k3m-…`, four groups of four. */
function newRecoveryCode(random: Random): string {
  const letters = [...random.bytes(16)].map(byte => alphabet[byte & 31]).join('')
  return letters.replace(/(.{4})(?=.)/g, '$1-')
}

/** What a person may have typed, as it is hashed: without separators, in lower case, look-alikes told apart. */
const canonical = (code: string): string =>
  code.toLowerCase().replace(/[\s-]/g, '').replace(/[il]/g, '1').replace(/o/g, '0')

/** The keyed hash by which a recovery code is stored and found. */
export const hashRecoveryCode = (keys: SecretKeys, accountId: string, code: string): string =>
  keys.hashText('recovery', accountId, canonical(code))

/** Ten fresh codes, with the rows that stand for them. */
export function newRecoveryCodes(
  keys: SecretKeys,
  random: Random,
  accountId: string,
  now: number,
): { codes: string[]; rows: RecoveryCodesTable[] } {
  const codes = Array.from({ length: recoveryCodeCount }, () => newRecoveryCode(random))
  const rows = codes.map(code => ({
    id: newId(random),
    account_id: accountId,
    code_hash: hashRecoveryCode(keys, accountId, code),
    created_at: now,
    used_at: null,
  }))
  return { codes, rows }
}
