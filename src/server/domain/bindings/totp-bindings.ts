import { isoTime } from '../../../lib/clock.ts'
import type { BindingsTable } from '../../store/schema.ts'
import { recordChange } from '../change.ts'
import type { Domain, Member } from '../domain.ts'
import { Refusal } from '../refusal.ts'
import type { StepUps } from '../step-up.ts'
import { admitAttempt } from '../throttle.ts'
import { base32, matchTotpStep, totpUri } from '../totp.ts'
import type { Bound } from './contact-bindings.ts'
import { finishPending, insertPending } from './pending-binding.ts'

/** RFC 4226 section 4, R6: 160 bits. */
const secretLength = 20

/** TOTP: the new app is proven by a code that it shows. */
export interface TotpBindings {
  begin(
    member: Member,
    proof: string | undefined,
  ): Promise<{ binding_id: string; expires_at: string; uri: string; secret: string }>
  finish(member: Member, binding: BindingsTable, code: string): Promise<Bound>
}

export function createTotpBindings(domain: Domain, stepUps: StepUps): TotpBindings {
  const { store, clock, random, keys, outbox, policy } = domain

  return {
    begin(member, proof) {
      const secret = random.bytes(secretLength)
      const text = base32(secret)
      const use = { proof, operation: 'totp.bind', value: null } as const
      return stepUps.withPendingProof(member, use, async (queries, challenge) => {
        const binding = await insertPending(domain, queries, member, challenge, 'totp', {
          sealed_secret: keys.seal('totp', member.account.id, secret),
        })
        return {
          binding_id: binding.id,
          expires_at: isoTime(binding.expires_at),
          uri: totpUri(policy.serviceName, member.account.username, text),
          secret: text,
        }
      })
    },

    async finish(member, binding, code) {
      const { account } = member
      const throttled = { kind: 'guess' as const, key: `bind:${account.id}:totp` }
      const left = await store.transaction(queries => admitAttempt(queries, [throttled], clock.now()))
      if (!binding.sealed_secret) throw new Refusal('binding_expired')
      const step = matchTotpStep(keys.open('totp', account.id, binding.sealed_secret), code, clock.now())
      if (step === undefined) throw new Refusal('totp_incorrect', { attempts_left: left })
      const sealedSecret = binding.sealed_secret
      const replaced = await store.transaction(async queries => {
        await finishPending(domain, queries, binding)
        const { method } = await stepUps.consumePending(queries, member, binding.challenge_id)
        const earlier = await queries.authenticators.findTotp(account.id)
        const now = clock.now()
        await queries.authenticators.putTotp({
          account_id: account.id,
          sealed_secret: sealedSecret,
          // The code that bound it has been seen: it works nowhere else.
          last_step: step,
          bound_at: now,
          used_at: null,
        })
        await queries.bindings.endByItem(account.id, 'totp', now)
        await queries.throttles.clear([`guess:${throttled.key}`])
        await recordChange(domain, queries, member, {
          account,
          sessionId: member.session.id,
          action: 'totp.bind',
          notice: earlier ? 'totp.replace' : 'totp.bind',
          method,
          details: {},
        })
        return earlier !== undefined
      })
      outbox.wake()
      return { item: 'totp', value: null, replaced }
    },
  }
}
