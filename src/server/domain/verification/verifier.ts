import type { VerificationAnswer, VerificationBegun } from '../../../contract/logins.ts'
import type { AccountsTable } from '../../store/schema.ts'
import type { Caller, Domain } from '../domain.ts'
import { networkOf } from '../networks.ts'
import type { Queries } from '../ports/store.ts'
import { forgiveAttempt, type Throttled } from '../throttle.ts'

/** The login or the step-up challenge that a person is answering. */
export interface Subject {
  readonly purpose: 'login' | 'step_up'
  readonly id: string
  /** `null` at a login with a user name that nobody has; everything then goes its usual way, and fails. */
  readonly account: AccountsTable | null
  /** What stands for the account in throttles and decoys, known or not. */
  readonly accountKey: string
  /** Where it comes from, at a login: wrong answers count against the source, too. */
  readonly source: string | null
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

/** What an answer counts against, if it is wrong. Logins and step-ups are counted apart. */
export const attemptThrottles = (subject: Subject, method: string): Throttled[] => [
  { kind: 'guess', key: `${subject.purpose}:${subject.accountKey}:${method}` },
  ...(subject.source === null ? [] : [{ kind: 'source' as const, key: networkOf(subject.source) }]),
]

/**
 * Ends a right answer: what `consume` does, then takes back what was `counted` for it.
 * @param counted what the attempt was counted against before it was judged
 */
export const verified = (
  consume: (queries: Queries) => Promise<void>,
  counted: readonly Throttled[],
  userVerified = false,
): Verified => ({
  userVerified,
  async apply(queries) {
    await consume(queries)
    await forgiveAttempt(queries, counted)
  },
})
