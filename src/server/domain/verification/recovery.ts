import { recordChange } from '../change.ts'
import { hashRecoveryCode } from '../recovery-codes.ts'
import { Refusal } from '../refusal.ts'
import { admitAttempt } from '../throttle.ts'
import { attemptThrottles, type Verifier, verified } from './verifier.ts'

/** Verification by one of the recovery codes. Their hash finds them, so judging is consuming. */
export const recoveryVerifier: Verifier<{ method: 'recovery'; code: string }> = {
  async judge(domain, subject, { code }, caller) {
    const { store, clock, keys } = domain
    const throttled = attemptThrottles(subject, 'recovery')
    const left = await store.transaction(queries => admitAttempt(queries, throttled, clock.now()))
    const { account } = subject
    if (!account) throw new Refusal('recovery_code_incorrect', { attempts_left: left })
    const codeHash = hashRecoveryCode(keys, account.id, code)
    return verified(async queries => {
      if (!(await queries.authenticators.useRecoveryCode(account.id, codeHash, clock.now()))) {
        throw new Refusal('recovery_code_incorrect', { attempts_left: left })
      }
      await recordChange(domain, queries, caller, {
        account,
        sessionId: null,
        action: 'recovery_code.used',
        notice: 'recovery_code.used',
        method: 'recovery',
        details: {},
      })
    }, throttled)
  },
}
