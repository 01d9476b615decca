import type { VerificationAnswer, VerificationBegun } from '../../contract/logins.ts'
import type { ProofRefusal } from '../../contract/problems.ts'
import type { StepUpOperation, VerificationMethod } from '../../contract/schemas.ts'
import type { Challenge } from '../../contract/step-up.ts'
import { isoTime } from '../../lib/clock.ts'
import type { ChallengesTable } from '../store/schema.ts'
import { parseEmailAddress, parsePhoneNumber } from './contacts.ts'
import type { Domain, Member } from './domain.ts'
import { finishEnrolment } from './enrolment-links.ts'
import type { ProofUse, Queries } from './ports/store.ts'
import { Refusal } from './refusal.ts'
import { hashSecret, newId, newSecret } from './secret-keys.ts'
import { admitAttempt } from './throttle.ts'
import { usernameKey } from './usernames.ts'
import { beginVerification, boundMethods, judgeVerification } from './verification/methods.ts'
import type { Subject } from './verification/verifier.ts'

export interface StepUps {
  createChallenge(member: Member, operation: StepUpOperation, value?: string): Promise<Challenge>
  beginVerification(
    member: Member,
    challengeId: string,
    method: 'email' | 'phone' | 'webauthn',
  ): Promise<VerificationBegun>
  finishVerification(
    member: Member,
    challengeId: string,
    answer: VerificationAnswer,
  ): Promise<{ proof: string; method: VerificationMethod; expires_at: string }>
  /**
   * Runs a change in one transaction with the consumption of its proof. When the change is refused, the transaction
   * is rolled back and the proof can serve again.
   * @param value what the proof must have been given for, where a value was stated with the challenge
   * @param holds the ids of other accounts that are held together with the member's own
   * @throws {Refusal} `insufficient_user_authentication`, with a fresh challenge and why.
   */
  withProof<T>(
    member: Member,
    use: {
      proof: string | undefined
      operation: StepUpOperation
      value: string | null
      holds?: readonly string[] | undefined
    },
    change: (queries: Queries, challenge: ChallengesTable) => Promise<T>,
  ): Promise<T>
  /** The same, but only looks at the proof: what it authorises is pending, and consumes it when it is finished. */
  withPendingProof<T>(
    member: Member,
    use: { proof: string | undefined; operation: StepUpOperation; value: string | null },
    begin: (queries: Queries, challenge: ChallengesTable) => Promise<T>,
  ): Promise<T>
  /** Consumes the proof behind a pending binding, in its transaction, with the enrolment link that gave it, if one did. */
  consumePending(queries: Queries, member: Member | null, challengeId: string): Promise<ChallengesTable>
}

/** What only admins do: its proof is for one value, which is always stated. */
const isAdminOperation = (operation: StepUpOperation): boolean =>
  operation.startsWith('account.') || operation.startsWith('token.') || operation.startsWith('rebind.')

class ProofRefused extends Error {
  readonly reason: ProofRefusal
  constructor(reason: ProofRefusal) {
    super(reason)
    this.reason = reason
  }
}

export function createStepUps(domain: Domain): StepUps {
  const { store, clock, random, keys, policy } = domain

  /** The value in the one form in which it is compared. */
  function canonicalValue(operation: StepUpOperation, value: string): string {
    if (operation === 'phone.bind') return parsePhoneNumber(value, policy)
    if (operation === 'email.bind') return parseEmailAddress(value).key
    if (operation === 'webauthn.unbind') return value
    if (operation.startsWith('account.')) return usernameKey(value)
    if (isAdminOperation(operation)) return value
    throw new Refusal('invalid_request', { detail: `No value can be stated up front for ${operation}.` })
  }

  async function createChallenge(member: Member, operation: StepUpOperation, value?: string): Promise<Challenge> {
    const now = clock.now()
    if (isAdminOperation(operation)) {
      if (member.account.role !== 'admin') throw new Refusal('admin_required')
      if (value === undefined) throw new Refusal('invalid_request', { detail: `${operation} needs its value stated.` })
    }
    const canonical = value === undefined ? null : canonicalValue(operation, value)
    const challenge: ChallengesTable = {
      id: newId(random),
      account_id: member.account.id,
      session_id: member.session.id,
      operation,
      value_hash: canonical === null ? null : keys.hashText('value', operation, canonical),
      webauthn_challenge: null,
      created_at: now,
      expires_at: now + policy.challengeLifetime,
      method: null,
      proof_hash: null,
      proof_expires_at: null,
      used_at: null,
    }
    const methods = await store.transaction(async queries => {
      await admitAttempt(queries, [{ kind: 'begin', key: `challenge:${member.account.id}` }], now)
      await queries.challenges.insert(challenge)
      return boundMethods(queries, domain.outbox, member.account)
    })
    return { challenge_id: challenge.id, operation, expires_at: isoTime(challenge.expires_at), methods }
  }

  /** Why a challenge of this account can't be answered here and now; undefined when it can. */
  function whyClosed(challenge: ChallengesTable, member: Member): 'foreign' | 'used' | 'expired' | undefined {
    if (challenge.session_id !== member.session.id) return 'foreign'
    if (challenge.proof_hash !== null) return 'used'
    return challenge.expires_at > clock.now() ? undefined : 'expired'
  }

  /**
   * The challenge of this account and session that is still to be answered.
   * @param isSigned whether a security key's answer has come, to which is told what became of its challenge
   */
  async function open(
    member: Member,
    challengeId: string,
    method: VerificationMethod,
    isSigned = false,
  ): Promise<{ subject: Subject; allowed: VerificationMethod[] }> {
    const challenge = await store.read.challenges.find(challengeId)
    if (challenge?.account_id !== member.account.id) throw new Refusal('challenge_expired')
    const closed = whyClosed(challenge, member)
    if (closed) throw new Refusal(isSigned ? `webauthn_challenge_${closed}` : 'challenge_expired')
    // Whether there is a password the account itself tells, and whether there is a key its verifier finds out when it
    // reads the keys; the others are looked up.
    const isPassword = method === 'password' && member.account.password_hash !== null
    const isKnown = isPassword || method === 'webauthn'
    const bound = isKnown ? [] : await boundMethods(store.read, domain.outbox, member.account)
    return {
      subject: {
        purpose: 'step_up',
        id: challenge.id,
        account: member.account,
        accountKey: member.account.id,
        source: null,
        webauthnChallenge: challenge.webauthn_challenge,
      },
      allowed: isKnown ? [method] : bound.map(choice => choice.method),
    }
  }

  const useOf = (
    member: Member,
    { proof, operation, value }: { proof: string | undefined; operation: StepUpOperation; value: string | null },
  ): ProofUse => ({
    proofHash: proof ? hashSecret(proof) : '',
    accountId: member.account.id,
    sessionId: member.session.id,
    operation,
    valueHash: value === null ? null : keys.hashText('value', operation, value),
  })

  /** Why a proof does not serve. `undefined` when it does. */
  function refusalOf(challenge: ChallengesTable | undefined, use: ProofUse, now: number): ProofRefusal | undefined {
    if (!use.proofHash) return 'missing'
    if (challenge?.account_id !== use.accountId) return 'unknown'
    if (challenge.session_id !== use.sessionId) return 'other_session'
    if (challenge.operation !== use.operation) return 'other_operation'
    if (challenge.value_hash !== null && challenge.value_hash !== use.valueHash) return 'other_value'
    if (challenge.used_at !== null) return 'used'
    if ((challenge.proof_expires_at ?? 0) <= now) return 'expired'
    return undefined
  }

  /** Turns a refused proof into the answer of RFC 9470 with a fresh challenge, so that any client finds its way. */
  async function answeringWithChallenge<T>(
    member: Member,
    { operation, value }: { operation: StepUpOperation; value: string | null },
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof ProofRefused)) throw error
      // A challenge names the account's methods, which whoever holds a link need not know, and could not answer.
      if (member.session.enrolment_link_id !== null) {
        throw new Refusal('insufficient_user_authentication', { reason: error.reason })
      }
      const challenge = await createChallenge(
        member,
        operation,
        isAdminOperation(operation) ? (value ?? undefined) : undefined,
      )
      throw new Refusal('insufficient_user_authentication', { reason: error.reason, challenge })
    }
  }

  return {
    createChallenge,

    async beginVerification(member, challengeId, method) {
      const { subject, allowed } = await open(member, challengeId, method)
      return beginVerification(domain, subject, method, allowed, member)
    },

    async finishVerification(member, challengeId, answer) {
      const { subject, allowed } = await open(member, challengeId, answer.method, answer.method === 'webauthn')
      const verified = await judgeVerification(domain, subject, answer, allowed, member)
      const proof = newSecret(random)
      const now = clock.now()
      const proofExpiresAt = now + policy.proofLifetime
      await store.transaction(async queries => {
        await verified.apply(queries)
        const answered = await queries.challenges.answer(
          challengeId,
          { method: answer.method, proofHash: hashSecret(proof), proofExpiresAt },
          now,
        )
        if (!answered) throw new Refusal('challenge_expired')
      })
      return { proof, method: answer.method, expires_at: isoTime(proofExpiresAt) }
    },

    withProof: (member, wanted, change) =>
      answeringWithChallenge(member, wanted, () =>
        store.transaction(async queries => {
          await queries.accounts.hold(member.account.id, ...(wanted.holds ?? []))
          const use = useOf(member, wanted)
          const now = clock.now()
          const challenge = await queries.challenges.consumeProof(use, now)
          if (!challenge) {
            const found = await queries.challenges.findByProof(use.proofHash)
            throw new ProofRefused(refusalOf(found, use, now) ?? 'used')
          }
          return change(queries, challenge)
        }),
      ),

    withPendingProof: (member, wanted, begin) =>
      answeringWithChallenge(member, wanted, () =>
        store.transaction(async queries => {
          await queries.accounts.hold(member.account.id)
          const use = useOf(member, wanted)
          const challenge = await queries.challenges.findByProof(use.proofHash)
          const reason = refusalOf(challenge, use, clock.now())
          if (reason !== undefined || !challenge) throw new ProofRefused(reason ?? 'unknown')
          return begin(queries, challenge)
        }),
      ),

    async consumePending(queries, member, challengeId) {
      const challenge = await queries.challenges.find(challengeId)
      if (!challenge || !(await queries.challenges.consumeById(challengeId, clock.now()))) {
        throw new Refusal('insufficient_user_authentication', { reason: 'used' satisfies ProofRefusal })
      }
      if (member && challenge.session_id !== member.session.id) {
        throw new Refusal('insufficient_user_authentication', { reason: 'other_session' satisfies ProofRefusal })
      }
      if (member) await finishEnrolment(queries, member.session, clock.now())
      return challenge
    },
  }
}
