import type { CodeSent } from '../../../contract/schemas.ts'
import type { BindingsTable } from '../../store/schema.ts'
import { recordChange } from '../change.ts'
import { boundContact, parseContact } from '../contacts.ts'
import type { Domain, Member } from '../domain.ts'
import { maskContact } from '../masks.ts'
import type { Channel } from '../ports/store.ts'
import { Refusal } from '../refusal.ts'
import type { StepUps } from '../step-up.ts'
import { type CodeSubject, judgeCode, sendCode } from '../verification/one-time-code.ts'
import { findOpenBinding, finishPending, insertPending } from './pending-binding.ts'

export interface Bound {
  readonly item: 'phone' | 'email' | 'totp' | 'wechat' | 'webauthn'
  readonly value: string | null
  readonly replaced: boolean
}

/** Phone and email: the new one is proven by a code sent to it. */
export interface ContactBindings {
  begin(
    member: Member,
    proof: string | undefined,
    channel: Channel,
    typed: string,
  ): Promise<{ binding_id: string; code: CodeSent }>
  resend(member: Member, bindingId: string): Promise<{ binding_id: string; code: CodeSent }>
  finish(member: Member, binding: BindingsTable & { item: Channel }, code: string): Promise<Bound>
}

export function createContactBindings(domain: Domain, stepUps: StepUps): ContactBindings {
  const { store, clock, outbox, policy } = domain

  const subjectOf = (binding: BindingsTable, channel: Channel): CodeSubject => ({
    purpose: 'bind',
    id: binding.id,
    accountId: binding.account_id,
    accountKey: binding.account_id,
    channel,
    destination: binding.value,
  })

  return {
    async begin(member, proof, channel, typed) {
      const { value, key } = parseContact(channel, typed, policy)
      const operation = `${channel}.bind` as const
      const begun = await stepUps.withPendingProof(
        member,
        { proof, operation, value: key },
        async (queries, challenge) => {
          if (boundContact(member.account, channel)?.key === key) throw new Refusal('already_bound')
          const binding = await insertPending(domain, queries, member, challenge, channel, { value })
          const code = await sendCode(domain, queries, subjectOf(binding, channel), value, member)
          return { binding_id: binding.id, code }
        },
      )
      outbox.wake()
      return begun
    },

    async resend(member, bindingId) {
      const binding = await findOpenBinding(domain, member, bindingId, ['phone', 'email'])
      const channel = binding.item as Channel
      const code = await store.transaction(queries =>
        sendCode(domain, queries, subjectOf(binding, channel), binding.value ?? '', member),
      )
      outbox.wake()
      return { binding_id: binding.id, code }
    },

    async finish(member, binding, code) {
      const channel = binding.item
      const value = binding.value ?? ''
      const { key } = parseContact(channel, value, policy)
      const throttled = { kind: 'guess' as const, key: `bind:${member.account.id}:${channel}` }
      const consume = await judgeCode(domain, subjectOf(binding, channel), code, [throttled])
      // Only now, with the code, has the person proven to own it: only now may they learn that it is somebody's.
      const owner = await store.read.accounts.ownerOfContact(channel, key)
      if (owner !== undefined && owner !== member.account.id) {
        await store.transaction(consume)
        throw new Refusal('bound_elsewhere')
      }
      const replaced = await store.transaction(async queries => {
        await consume(queries)
        await finishPending(domain, queries, binding)
        const { method } = await stepUps.consumePending(queries, member, binding.challenge_id)
        // As it is now: a link may have undone something since the request came.
        const account = (await queries.accounts.find(member.account.id)) ?? member.account
        const old = boundContact(account, channel)
        const taken = await queries.accounts.setContact(account.id, channel, { value, key }, clock.now())
        if (taken) throw new Refusal('bound_elsewhere')
        await queries.bindings.endByItem(account.id, channel, clock.now())
        await queries.throttles.clear([`guess:${throttled.key}`])
        await recordChange(domain, queries, member, {
          account,
          sessionId: member.session.id,
          action: `${channel}.bind`,
          notice: old ? `${channel}.replace` : `${channel}.bind`,
          method,
          details: {
            new: maskContact(channel, value),
            ...(old ? { old: maskContact(channel, old.value) } : {}),
          },
          newDestination: { channel, destination: value },
          undoable: channel,
        })
        return old !== null
      })
      outbox.wake()
      return { item: channel, value: maskContact(channel, value), replaced }
    },
  }
}
