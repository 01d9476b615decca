import { Refusal } from '../refusal.ts'
import { admitAttempt, isUnsuspected } from '../throttle.ts'
import { attemptThrottles, type Verifier, verified } from './verifier.ts'

/**
 * Verification by password. Of many attempts at once only as many as there are hashing slots are under way, so it is
 * decided in the slot whether one is counted before or after: right passwords that come together never throttle each
 * other, and wrong ones get at most one guess more for each slot.
 */
export const passwordVerifier: Verifier<{ method: 'password'; password: string }> = {
  judge: ({ store, clock, hashing }, subject, { password }) =>
    hashing.inTurn(async verify => {
      const { account } = subject
      const throttled = attemptThrottles(subject, 'password')
      const count = () => store.transaction(queries => admitAttempt(queries, throttled, clock.now()))
      const unsuspected = await isUnsuspected(store.read, throttled, clock.now())
      const counted = unsuspected ? undefined : await count()
      if (!(await verify(account?.password_hash ?? null, password)) || !account) {
        throw new Refusal('password_incorrect', { attempts_left: counted ?? (await count()) })
      }
      return verified(
        queries => queries.accounts.markUsed(account.id, 'password', clock.now()),
        unsuspected ? [] : throttled,
      )
    }),
}
