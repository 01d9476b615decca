import { Refusal } from '../refusal.ts'
import { admitAttempt } from '../throttle.ts'
import { guessThrottle, type Verifier, verified } from './verifier.ts'

export const passwordVerifier: Verifier<{ method: 'password'; password: string }> = {
  async judge({ store, clock, hashing }, subject, { password }) {
    const left = await store.transaction(queries =>
      admitAttempt(queries, [guessThrottle(subject, 'password')], clock.now()),
    )
    const { account } = subject
    if (!(await hashing.verify(account?.password_hash ?? null, password)) || !account) {
      throw new Refusal('password_incorrect', { attempts_left: left })
    }
    return verified(subject, 'password', queries => queries.accounts.markUsed(account.id, 'password', clock.now()))
  },
}
