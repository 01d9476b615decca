import type { AccountsTable } from '../store/schema.ts'
import type { Domain } from './domain.ts'
import type { Queries } from './ports/store.ts'

/**
 * Ends whatever somebody has begun with an account, or could go on with: sessions, logins, challenges and their proofs,
 * pending bindings, enrolment links. In the caller's transaction.
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
  return revoked
}

/**
 * Disables an account, which ends all access to it, or enables it, in the caller's transaction.
 * @returns whether it was otherwise before, and how many sessions were ended
 */
export async function setDisabled(
  domain: Pick<Domain, 'clock' | 'policy'>,
  queries: Queries,
  { id }: Pick<AccountsTable, 'id'>,
  isDisabled: boolean,
): Promise<{ changed: boolean; sessionsRevoked: number }> {
  const changed = await queries.accounts.setDisabled(id, isDisabled ? domain.clock.now() : null)
  return { changed, sessionsRevoked: changed && isDisabled ? await endAccess(domain, queries, id) : 0 }
}
