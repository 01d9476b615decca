import type { AccountsTable } from '../store/schema.ts'
import type { Domain } from './domain.ts'
import type { Queries } from './ports/store.ts'
import { Refusal } from './refusal.ts'

/**
 * Ends whatever somebody has begun with an account, or could go on with: sessions, logins, challenges and their proofs,
 * pending bindings, enrolment links, and the service tokens that an admin made. In the caller's transaction.
 *
 * Links that undo a change stay. They let nobody in: they set back what was bound before, and end sessions. Whoever
 * disables an account that was taken over must not take its owner's remedy away with it.
 * @returns how many sessions were ended
 */
export async function endAccess(
  { clock, policy }: Pick<Domain, 'clock' | 'policy'>,
  queries: Queries,
  accountId: string,
): Promise<number> {
  const now = clock.now()
  await queries.logins.endAll(accountId, now)
  // After the logins: one that is completed at the same time has made its session by then.
  const revoked = await queries.sessions.revokeAll(accountId, null, now)
  await queries.challenges.endAll(accountId, now - policy.proofLifetime, now)
  await queries.bindings.endAll(accountId, now)
  await queries.links.endAll(accountId, now)
  await queries.serviceTokens.revokeAll(accountId, now)
  return revoked
}

/**
 * Disables an account, which ends all access to it, or enables it, in the caller's transaction.
 * @returns whether it was otherwise before, and how many sessions were ended
 * @throws {Refusal} `last_admin`, before anything is written, where no other admin could log in any more
 */
export async function setDisabled(
  domain: Pick<Domain, 'clock' | 'policy'>,
  queries: Queries,
  { id, role }: Pick<AccountsTable, 'id' | 'role'>,
  isDisabled: boolean,
): Promise<{ changed: boolean; sessionsRevoked: number }> {
  if (isDisabled && role === 'admin') {
    // Two admins who disable each other at once take turns here, so that the second one sees what the first has done.
    await queries.directory.holdAdmins()
    if (!(await queries.directory.hasOtherAdmin(id))) throw new Refusal('last_admin')
  }
  const changed = await queries.accounts.setDisabled(id, isDisabled ? domain.clock.now() : null)
  return { changed, sessionsRevoked: changed && isDisabled ? await endAccess(domain, queries, id) : 0 }
}
