import { maskContact } from '../masks.ts'
import type { Channel } from '../ports/store.ts'
import { type CodeSubject, judgeCode, sendCode } from './one-time-code.ts'
import { attemptThrottles, type Subject, type Verifier, verified } from './verifier.ts'

const codeSubject = (subject: Subject, channel: Channel): CodeSubject => ({
  purpose: subject.purpose,
  id: subject.id,
  accountId: subject.account?.id ?? null,
  accountKey: subject.accountKey,
  channel,
  destination: (channel === 'phone' ? subject.account?.phone_number : subject.account?.email_address) ?? null,
})

/** Verification by a code sent to the bound number or address. */
export const contactCodeVerifier = <C extends Channel>(channel: C): Verifier<{ method: C; code: string }> => ({
  async begin(domain, subject, caller) {
    const target = codeSubject(subject, channel)
    // Before the person has proven anything, the destination would tell whether the account exists.
    const shown = subject.purpose === 'login' || !target.destination ? '***' : maskContact(channel, target.destination)
    const code = await domain.store.transaction(queries => sendCode(domain, queries, target, shown, caller))
    domain.outbox.wake()
    return { method: channel, code }
  },

  async judge(domain, subject, { code }) {
    const throttled = attemptThrottles(subject, channel)
    const consume = await judgeCode(domain, codeSubject(subject, channel), code, throttled)
    return verified(async queries => {
      await consume(queries)
      if (subject.account) await queries.accounts.markUsed(subject.account.id, channel, domain.clock.now())
    }, throttled)
  },
})
