import { Refusal } from '../refusal.ts'
import { admitAttempt } from '../throttle.ts'
import { matchTotpStep } from '../totp.ts'
import { attemptThrottles, type Verifier, verified } from './verifier.ts'

/** Verification by an authenticator app. */
export const totpVerifier: Verifier<{ method: 'totp'; code: string }> = {
  async judge({ store, clock, keys }, subject, { code }) {
    const accountId = subject.account?.id
    const throttled = attemptThrottles(subject, 'totp')
    const left = await store.transaction(queries => admitAttempt(queries, throttled, clock.now()))
    const totp = accountId ? await store.read.authenticators.findTotp(accountId) : undefined
    if (!totp) throw new Refusal('totp_incorrect', { attempts_left: left })
    const step = matchTotpStep(keys.open('totp', totp.account_id, totp.sealed_secret), code, clock.now())
    if (step === undefined) throw new Refusal('totp_incorrect', { attempts_left: left })
    if (step <= totp.last_step) throw new Refusal('totp_used', { attempts_left: left })
    return verified(async queries => {
      if (!(await queries.authenticators.useTotpStep(totp.account_id, step, clock.now()))) {
        throw new Refusal('totp_used', { attempts_left: left })
      }
    }, throttled)
  },
}
