import type { AuthenticationResponseJson } from '../../../contract/webauthn.ts'
import { fromBase64url, toBase64url } from '../../../lib/base64url.ts'
import { fromHex } from '../../../lib/bytes.ts'
import { recordChange } from '../change.ts'
import type { Domain } from '../domain.ts'
import type { Queries } from '../ports/store.ts'
import { Refusal } from '../refusal.ts'
import { admitAttempt } from '../throttle.ts'
import { verifyAssertion, WebAuthnError } from '../webauthn/index.ts'
import { decoyCredentials, decoyHandle } from './decoy-credentials.ts'
import { attemptThrottles, type Subject, type Verifier, verified } from './verifier.ts'

const ceremonyTimeout = 120_000

/** An answered ceremony as a refusal of the contract. */
export const asRefusal = (error: unknown): unknown => (error instanceof WebAuthnError ? new Refusal(error.code) : error)

/** ES256 with the base point of P-256 (FIPS 186-4 section D.1.2.3). */
const decoyKey = fromHex(
  'a5010203262001215820' +
    '6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296' +
    '225820' +
    '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
)

/**
 * A step-up tells its owner that there is no key; a login tells nobody.
 * @throws {Refusal} `method_not_available`
 */
async function demandKey({ store }: Domain, { purpose, account }: Subject): Promise<void> {
  if (purpose !== 'step_up' || !account) return
  const credentials = await store.read.authenticators.listCredentials(account.id)
  if (credentials.length === 0) throw new Refusal('method_not_available')
}

/** Verification by a security key. An assertion can't be guessed: attempts count against the source alone. */
export const webauthnVerifier: Verifier<{ method: 'webauthn'; credential: AuthenticationResponseJson }> = {
  async begin({ store, random, keys, policy }, subject) {
    const challenge = toBase64url(random.bytes(32))
    const credentials = subject.account ? await store.read.authenticators.listCredentials(subject.account.id) : []
    if (subject.purpose === 'step_up' && credentials.length === 0) throw new Refusal('method_not_available')
    await store.transaction(queries =>
      (subject.purpose === 'login' ? queries.logins : queries.challenges).setWebAuthnChallenge(subject.id, challenge),
    )
    const known = credentials.map(({ credential_id, transports }) => ({
      id: credential_id,
      transports: transports.split(' ').filter(Boolean),
    }))
    const offered = known.length > 0 ? known : decoyCredentials(keys, subject.accountKey)
    return {
      method: 'webauthn',
      options: {
        challenge,
        rpId: policy.rpId,
        timeout: ceremonyTimeout,
        userVerification: policy.webauthn.userVerification,
        allowCredentials: offered.map(one => ({ type: 'public-key', ...one })),
      },
    }
  },

  async judge(domain, subject, { credential }, caller) {
    const { store, clock, keys, policy } = domain
    const challenge = subject.webauthnChallenge
    if (!challenge) {
      await demandKey(domain, subject)
      throw new Refusal('webauthn_challenge_used')
    }
    const counted = attemptThrottles(subject, 'webauthn').filter(({ kind }) => kind === 'source')
    if (counted.length > 0) await store.transaction(queries => admitAttempt(queries, counted, clock.now()))
    const { account } = subject
    const found = await store.read.authenticators.findCredential(credential.id)
    const stored = account && found?.account_id === account.id ? found : undefined
    if (!stored) await demandKey(domain, subject)
    // An answer for a decoy is judged like any other, so that its refusal does not tell whether the account exists.
    const isJudged = stored ?? decoyCredentials(keys, subject.accountKey).find(({ id }) => id === credential.id)
    if (!isJudged) throw new Refusal('webauthn_credential_unknown')
    const assertion = (() => {
      try {
        return verifyAssertion(credential, {
          challenge: fromBase64url(challenge),
          rpId: policy.rpId,
          origins: policy.origins,
          topOrigins: policy.webauthn.topOrigins,
          userVerification: policy.webauthn.userVerification,
          credential: {
            id: fromBase64url(credential.id),
            publicKey: stored?.public_key ?? decoyKey,
            signCount: stored?.sign_count ?? 0,
            backupEligible: stored?.backup_eligible === 1,
          },
          userHandle: account?.user_handle ?? decoyHandle(keys, subject.accountKey),
        })
      } catch (error) {
        throw asRefusal(error)
      }
    })()
    // The decoy's private key is known to everybody: nothing that it signs counts.
    if (!stored || !account) throw new Refusal('webauthn_credential_unknown')
    const consume = (of: Subject, queries: Queries) =>
      (of.purpose === 'login' ? queries.logins : queries.challenges).consumeWebAuthnChallenge(of.id, challenge)
    return verified(
      async queries => {
        if (!(await consume(subject, queries))) throw new Refusal('webauthn_challenge_used')
        // It may have been unbound since it was looked up.
        const isBound = await queries.authenticators.useCredential(stored.id, assertion, clock.now())
        if (!isBound) throw new Refusal('webauthn_credential_unknown')
        // A counter that steps back may mean a cloned key; it is told, and locks nobody out (WebAuthn section 7.2 step 25).
        if (assertion.signCountRegressed) {
          await recordChange(domain, queries, caller, {
            account,
            sessionId: null,
            action: 'webauthn.counter_regressed',
            notice: 'webauthn.counter_regressed',
            method: 'webauthn',
            details: { old: stored.name },
          })
        }
      },
      counted,
      assertion.userVerified,
    )
  },
}
