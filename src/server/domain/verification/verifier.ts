import type { VerificationAnswer, VerificationBegun } from '../../../contract/logins.ts'
import type { AccountsTable } from '../../store/schema.ts'
import type { Caller, Domain } from '../domain.ts'
import type { Queries } from '../ports/store.ts'
import { clearAttempts, type Throttled } from '../throttle.ts'

/** The login or the step-up challenge that a person is answering. */
export interface Subject {
  readonly purpose: 'login' | 'step_up'
  readonly id: string
  /** `null` at a login with a user name that nobody has; everything then goes its usual way, and fails. */
  readonly account: AccountsTable | null
  /** What stands for the account in throttles and decoys, known or not. */
  readonly accountKey: string
  /** base64url of the challenge that a security key was asked to sign, if any. */
  readonly webauthnChallenge: string | null
}

/**
 * A right answer. It counts only once `apply` has consumed it, in the transaction of what it opens: of many that bring
 * the same code or assertion at once, one wins, and the others get a Refusal.
 */
export interface Verified {
  /** Whether the security key also verified the user (PIN, fingerprint). */
  readonly userVerified: boolean
  apply(queries: Queries): Promise<void>
}

/** One way to prove who one is. */
export interface Verifier<A extends VerificationAnswer = VerificationAnswer> {
  /** The first step, where there is one: sends a code, or makes the options of a ceremony. */
  begin?(domain: Domain, subject: Subject, caller: Caller): Promise<VerificationBegun>
  /**
   * Judges an answer. The attempt is counted before, in a transaction of its own, so that no rollback forgets it.
   * @throws {Refusal} with the method's own code when it is wrong.
   */
  judge(domain: Domain, subject: Subject, answer: A, caller: Caller): Promise<Verified>
}

/** What a guess at one authenticator of an account counts against. Logins and step-ups are counted apart. */
export const guessThrottle = (subject: Subject, method: string): Throttled => ({
  kind: 'guess',
  key: `${subject.purpose}:${subject.accountKey}:${method}`,
})

/** Ends a right answer: forgets the failures before it, then what `consume` does. */
export const verified = (
  subject: Subject,
  method: string,
  consume: (queries: Queries) => Promise<void>,
  userVerified = false,
): Verified => ({
  userVerified,
  async apply(queries) {
    await consume(queries)
    await clearAttempts(queries, [guessThrottle(subject, method)])
  },
})
