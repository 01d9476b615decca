import { Refusal } from '../refusal.ts'

/** NIST SP 800-63B-4 section 3.1.1.2 asks for 15 where a password stands alone, 8 beside a second factor. */
const advisedLength = 15
const advisedLengthWithSecondFactor = 8
const longest = 256
const commonCount = 3000

let common: Promise<ReadonlySet<string>> | undefined

const commonPasswords = (): Promise<ReadonlySet<string>> => {
  common ??= import('@zxcvbn-ts/language-common/src/passwords.json').then(
    ({ default: ranked }) => new Set(ranked.filter(password => password.length >= 6).slice(0, commonCount)),
  )
  return common
}

/**
 * Checks a new password against the rules: length in characters, and the 3000 most common ones that are long enough.
 * Returns whether it is accepted but shorter than advised.
 * @throws {Refusal} `password_too_short`, `password_too_long`, `password_too_common`.
 */
export async function checkNewPassword(
  password: string,
  { minimumLength, secondFactorBound }: { minimumLength: number; secondFactorBound: boolean },
): Promise<{ shortPassword: boolean }> {
  const length = [...password].length
  if (length < minimumLength) throw new Refusal('password_too_short', { minimum_length: minimumLength })
  if (length > longest) throw new Refusal('password_too_long', { maximum_length: longest })
  if ((await commonPasswords()).has(password.toLowerCase())) throw new Refusal('password_too_common')
  return { shortPassword: length < (secondFactorBound ? advisedLengthWithSecondFactor : advisedLength) }
}
