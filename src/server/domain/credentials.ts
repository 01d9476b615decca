import { recordChange } from './change.ts'
import type { Caller, Domain, Member } from './domain.ts'
import { networkOf } from './networks.ts'
import { checkNewPassword } from './passwords/password-rules.ts'
import { newRecoveryCodes } from './recovery-codes.ts'
import { Refusal } from './refusal.ts'
import { hashSecret } from './secret-keys.ts'
import type { StepUps } from './step-up.ts'
import { admitAttempt, forgiveAttempt } from './throttle.ts'

/** Passwords and recovery codes: what an account is guarded with beside its bindings. */
export interface Credentials {
  changePassword(
    member: Member,
    proof: string | undefined,
    newPassword: string,
  ): Promise<{ sessions_revoked: number; short_password: boolean }>
  createRecoveryCodes(member: Member, proof: string | undefined): Promise<{ codes: string[] }>
  redeemEnrolmentLink(
    caller: Caller,
    linkSecret: string,
    newPassword: string,
  ): Promise<{ username: string; short_password: boolean }>
}

export function createCredentials(domain: Domain, stepUps: StepUps): Credentials {
  const { store, clock, random, keys, hashing, outbox, policy } = domain

  const isSecondFactorBound = async (accountId: string): Promise<boolean> =>
    (await store.read.authenticators.findTotp(accountId)) !== undefined ||
    (await store.read.authenticators.listCredentials(accountId)).length > 0

  const checkRules = async (password: string, accountId: string) =>
    checkNewPassword(password, {
      minimumLength: policy.minimumPasswordLength,
      secondFactorBound: await isSecondFactorBound(accountId),
    })

  return {
    async changePassword(member, proof, newPassword) {
      const use = { proof, operation: 'password.change', value: null } as const
      // Without a proof nothing is hashed: the work of two hashes is for those who have proven who they are.
      await stepUps.withPendingProof(member, use, async () => {})
      const { account, session } = member
      const { shortPassword } = await checkRules(newPassword, account.id)
      if (account.password_hash !== null && (await hashing.verify(account.password_hash, newPassword))) {
        throw new Refusal('password_unchanged')
      }
      const passwordHash = await hashing.hash(newPassword)
      const revoked = await stepUps.withProof(member, use, async (queries, { method }) => {
        const now = clock.now()
        await queries.accounts.setPassword(account.id, passwordHash, now)
        await queries.logins.endAll(account.id, now)
        await recordChange(domain, queries, member, {
          account,
          sessionId: session.id,
          action: 'password.change',
          notice: 'password.change',
          method,
          details: {},
        })
        return queries.sessions.revokeAll(account.id, session.id, now)
      })
      outbox.wake()
      return { sessions_revoked: revoked, short_password: shortPassword }
    },

    async createRecoveryCodes(member, proof) {
      const { account, session } = member
      const { codes, rows } = newRecoveryCodes(keys, random, account.id, clock.now())
      const use = { proof, operation: 'recovery_codes.create', value: null } as const
      await stepUps.withProof(member, use, async (queries, { method }) => {
        await queries.authenticators.replaceRecoveryCodes(account.id, rows)
        await recordChange(domain, queries, member, {
          account,
          sessionId: session.id,
          action: 'recovery_codes.create',
          notice: 'recovery_codes.create',
          method,
          details: {},
        })
      })
      outbox.wake()
      return { codes }
    },

    async redeemEnrolmentLink(caller, linkSecret, newPassword) {
      const source = [{ kind: 'source' as const, key: networkOf(caller.source) }]
      await store.transaction(queries => admitAttempt(queries, source, clock.now()))
      const link = await store.read.links.find(hashSecret(linkSecret), clock.now())
      const account = link && (await store.read.accounts.find(link.account_id))
      if (!link || !account || account.disabled_at !== null) throw new Refusal('link_invalid')
      if (link.purpose !== 'password') throw new Refusal('link_other_purpose')
      const { shortPassword } = await checkRules(newPassword, account.id)
      const passwordHash = await hashing.hash(newPassword)
      await store.transaction(async queries => {
        const now = clock.now()
        if (!(await queries.links.use(link.id, now))) throw new Refusal('link_invalid')
        await forgiveAttempt(queries, source)
        await queries.accounts.setPassword(account.id, passwordHash, now)
        await queries.logins.endAll(account.id, now)
        await queries.sessions.revokeAll(account.id, null, now)
        await recordChange(domain, queries, caller, {
          account,
          sessionId: null,
          action: 'enrolment.redeem',
          notice: 'enrolment.redeem',
          method: 'link',
          details: {},
        })
      })
      outbox.wake()
      return { username: account.username, short_password: shortPassword }
    },
  }
}
