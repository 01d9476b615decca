import type { AuthenticationResponseJson } from '../../../contract/webauthn.ts'
import { fromBase64url, toBase64url } from '../../../lib/base64url.ts'
import { recordChange } from '../change.ts'
import type { Queries } from '../ports/store.ts'
import { Refusal } from '../refusal.ts'
import { admitAttempt } from '../throttle.ts'
import { verifyAssertion, WebAuthnError } from '../webauthn/index.ts'
import { attemptThrottles, type Subject, type Verifier, verified } from './verifier.ts'

const ceremonyTimeout = 120_000

/** An answered ceremony as a refusal of the contract. */
export const asRefusal = (error: unknown): unknown => (error instanceof WebAuthnError ? new Refusal(error.code) : error)

/** Verification by a security key. An assertion can't be guessed: attempts count against the source alone. */
export const webauthnVerifier: Verifier<{ method: 'webauthn'; credential: AuthenticationResponseJson }> = {
  async begin({ store, random, keys, policy }, subject) {
    const challenge = toBase64url(random.bytes(32))
    const credentials = subject.account ? await store.read.authenticators.listCredentials(subject.account.id) : []
    await store.transaction(queries =>
      (subject.purpose === 'login' ? queries.logins : queries.challenges).setWebAuthnChallenge(subject.id, challenge),
    )
    const known = credentials.map(({ credential_id, transports }) => ({
      id: credential_id,
      transports: transports.split(' ').filter(Boolean),
    }))
    // An account without a key, or none at all, is offered an id that no key knows, always the same one.
    const decoy = { id: keys.hashText('decoy', subject.accountKey), transports: ['usb'] }
    return {
      method: 'webauthn',
      options: {
        challenge,
        rpId: policy.rpId,
        timeout: ceremonyTimeout,
        userVerification: 'preferred',
        allowCredentials: (known.length > 0 ? known : [decoy]).map(one => ({ type: 'public-key', ...one })),
      },
    }
  },

  async judge(domain, subject, { credential }, caller) {
    const { store, clock, policy } = domain
    const challenge = subject.webauthnChallenge
    if (!challenge) throw new Refusal('webauthn_challenge_used')
    const counted = attemptThrottles(subject, 'webauthn').filter(({ kind }) => kind === 'source')
    if (counted.length > 0) await store.transaction(queries => admitAttempt(queries, counted, clock.now()))
    const stored = await store.read.authenticators.findCredential(credential.id)
    const { account } = subject
    if (!stored || !account || stored.account_id !== account.id) throw new Refusal('webauthn_credential_unknown')
    const assertion = (() => {
      try {
        return verifyAssertion(credential, {
          challenge: fromBase64url(challenge),
          rpId: policy.rpId,
          origins: policy.origins,
          userVerification: 'preferred',
          credential: {
            id: fromBase64url(stored.credential_id),
            publicKey: stored.public_key,
            signCount: stored.sign_count,
            backupEligible: stored.backup_eligible === 1,
          },
          userHandle: account.user_handle,
        })
      } catch (error) {
        throw asRefusal(error)
      }
    })()
    const consume = (of: Subject, queries: Queries) =>
      (of.purpose === 'login' ? queries.logins : queries.challenges).consumeWebAuthnChallenge(of.id, challenge)
    return verified(
      async queries => {
        if (!(await consume(subject, queries))) throw new Refusal('webauthn_challenge_used')
        await queries.authenticators.useCredential(stored.id, assertion, clock.now())
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
