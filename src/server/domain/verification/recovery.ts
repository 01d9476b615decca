import { hashRecoveryCode } from '../recovery-codes.ts'
import { Refusal } from '../refusal.ts'
import { admitAttempt } from '../throttle.ts'
import { attemptThrottles, type Verifier, verified } from './verifier.ts'

/** Verification by one of the recovery codes. Their hash finds them, so judging is consuming. */
export const recoveryVerifier: Verifier<{ method: 'recovery'; code: string }> = {
  async judge({ store, clock, keys }, subject, { code }) {
    const throttled = attemptThrottles(subject, 'recovery')
    const left = await store.transaction(queries => admitAttempt(queries, throttled, clock.now()))
    const accountId = subject.account?.id
    if (!accountId) throw new Refusal('recovery_code_incorrect', { attempts_left: left })
    const codeHash = hashRecoveryCode(keys, accountId, code)
    return verified(async queries => {
      if (!(await queries.authenticators.useRecoveryCode(accountId, codeHash, clock.now()))) {
        throw new Refusal('recovery_code_incorrect', { attempts_left: left })
      }
    }, throttled)
  },
}
