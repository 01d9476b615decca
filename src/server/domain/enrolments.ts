import type { EnrolmentPurpose } from '../../contract/schemas.ts'
import type { AccountsTable } from '../store/schema.ts'
import type { Caller, Domain } from './domain.ts'
import { networkOf } from './networks.ts'
import type { Queries } from './ports/store.ts'
import { Refusal } from './refusal.ts'
import { hashSecret, newId, newSecret } from './secret-keys.ts'
import { type OpenedSession, openSession } from './sessions.ts'
import { admitAttempt, forgiveAttempt } from './throttle.ts'

/** How long there is to finish what a link was opened for, in milliseconds. The link can be opened again. */
const enrolmentLifetime = 15 * 60_000

export interface OpenedEnrolment extends OpenedSession {
  /** The proof that the binding begins with. */
  readonly proof: string
}

/** Bindings by a one-time link, in the place of a login and a step-up. */
export interface Enrolments {
  /**
   * Opens a session for the one binding that the link is for, and the proof that it begins with. What the link had
   * opened before ends; the link itself stays good until a binding is finished.
   * @throws {Refusal} `link_invalid`, `link_other_purpose`, `throttled`
   */
  open(caller: Caller, linkSecret: string, purpose: EnrolmentPurpose): Promise<OpenedEnrolment>
}

export function createEnrolments(domain: Domain): Enrolments {
  const { store, clock } = domain

  return {
    async open(caller, linkSecret, purpose) {
      const source = [{ kind: 'source' as const, key: networkOf(caller.source) }]
      await store.transaction(queries => admitAttempt(queries, source, clock.now()))
      return store.transaction(async queries => {
        const now = clock.now()
        const link = await queries.links.find(hashSecret(linkSecret), now)
        const account = link && (await queries.accounts.find(link.account_id))
        if (!link || !account || account.disabled_at !== null) throw new Refusal('link_invalid')
        if (link.purpose !== purpose) throw new Refusal('link_other_purpose')
        await forgiveAttempt(queries, source)
        // Each opening is rows, however good the link is.
        await admitAttempt(queries, [{ kind: 'begin', key: `enrolment:${account.id}` }], now)
        await queries.sessions.revokeEnrolled(account.id, link.id, now)
        const expiresAt = Math.min(now + enrolmentLifetime, link.expires_at)
        const session = await openSession(domain, queries, account, [], caller, { linkId: link.id, expiresAt })
        const proof = await insertProven(domain, queries, { account, session, purpose, expiresAt })
        return { ...session, proof }
      })
    },
  }
}

/** A challenge that the link has answered: its proof serves for this binding in this session alone. */
async function insertProven(
  { clock, random }: Pick<Domain, 'clock' | 'random'>,
  queries: Queries,
  given: { account: AccountsTable; session: OpenedSession; purpose: EnrolmentPurpose; expiresAt: number },
): Promise<string> {
  const { account, session, purpose, expiresAt } = given
  const proof = newSecret(random)
  await queries.challenges.insert({
    id: newId(random),
    account_id: account.id,
    session_id: session.session_id,
    operation: `${purpose}.bind`,
    value_hash: null,
    webauthn_challenge: null,
    created_at: clock.now(),
    expires_at: expiresAt,
    method: 'link',
    proof_hash: hashSecret(proof),
    proof_expires_at: expiresAt,
    used_at: null,
  })
  return proof
}
