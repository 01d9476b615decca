import type { VerificationAnswer, VerificationBegun } from '../../../contract/logins.ts'
import type { MethodChoice, VerificationMethod } from '../../../contract/schemas.ts'
import type { AccountsTable } from '../../store/schema.ts'
import type { Caller, Domain } from '../domain.ts'
import { maskEmail, maskPhone } from '../masks.ts'
import type { Queries } from '../ports/store.ts'
import { Refusal } from '../refusal.ts'
import { contactCodeVerifier } from './contact-code.ts'
import { passwordVerifier } from './password.ts'
import { recoveryVerifier } from './recovery.ts'
import { totpVerifier } from './totp.ts'
import type { Subject, Verified } from './verifier.ts'
import { webauthnVerifier } from './webauthn.ts'

const phoneVerifier = contactCodeVerifier('phone')
const emailVerifier = contactCodeVerifier('email')

/** What an account has to prove itself with, in the order in which it is offered. */
export async function boundMethods(
  queries: Queries,
  outbox: Domain['outbox'],
  account: AccountsTable,
): Promise<MethodChoice[]> {
  const { totp, keys, recoveryCodesLeft } = await queries.authenticators.listBound(account.id)
  const choices: (MethodChoice | false)[] = [
    account.password_hash !== null && { method: 'password', hint: null },
    account.email_address !== null &&
      outbox.reach('email', account.email_address) === 'available' && {
        method: 'email',
        hint: maskEmail(account.email_address),
      },
    account.phone_number !== null &&
      outbox.reach('phone', account.phone_number) === 'available' && {
        method: 'phone',
        hint: maskPhone(account.phone_number),
      },
    totp !== null && { method: 'totp', hint: null },
    keys.length > 0 && { method: 'webauthn', hint: keys.map(({ name }) => name).join(', ') },
    recoveryCodesLeft > 0 && { method: 'recovery', hint: String(recoveryCodesLeft) },
  ]
  return choices.filter(choice => choice !== false)
}

/**
 * Begins a verification: sends a code, or makes the options of a ceremony.
 * @throws {Refusal} `method_not_available` for a method that is not among `allowed`.
 */
export function beginVerification(
  domain: Domain,
  subject: Subject,
  method: 'email' | 'phone' | 'webauthn',
  allowed: readonly VerificationMethod[],
  caller: Caller,
): Promise<VerificationBegun> {
  if (!allowed.includes(method)) throw new Refusal('method_not_available')
  const verifier = { email: emailVerifier, phone: phoneVerifier, webauthn: webauthnVerifier }[method]
  const begin = verifier.begin
  if (!begin) throw new Refusal('method_not_available')
  return begin(domain, subject, caller)
}

/**
 * Judges an answer by its method.
 * @throws {Refusal} `method_not_available` for a method that is not among `allowed`, or the method's own refusal.
 */
export async function judgeVerification(
  domain: Domain,
  subject: Subject,
  answer: VerificationAnswer,
  allowed: readonly VerificationMethod[],
  caller: Caller,
): Promise<Verified> {
  if (!allowed.includes(answer.method)) throw new Refusal('method_not_available')
  switch (answer.method) {
    case 'password':
      return passwordVerifier.judge(domain, subject, answer, caller)
    case 'email':
      return emailVerifier.judge(domain, subject, { method: 'email', code: answer.code }, caller)
    case 'phone':
      return phoneVerifier.judge(domain, subject, { method: 'phone', code: answer.code }, caller)
    case 'totp':
      return totpVerifier.judge(domain, subject, { method: 'totp', code: answer.code }, caller)
    case 'recovery':
      return recoveryVerifier.judge(domain, subject, answer, caller)
    case 'webauthn':
      return webauthnVerifier.judge(domain, subject, answer, caller)
  }
}
