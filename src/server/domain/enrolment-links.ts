import { type EnrolmentPurpose, enrolmentPurposes } from '../../contract/schemas.ts'
import type { AccountsTable, SessionsTable } from '../store/schema.ts'
import type { Domain } from './domain.ts'
import type { Queries } from './ports/store.ts'
import { Refusal } from './refusal.ts'
import { hashSecret, newId, newSecret } from './secret-keys.ts'

/** What a link lets the owner of an account do. */
export type LinkPurpose = 'password' | EnrolmentPurpose

export interface IssuedLink {
  readonly id: string
  /** 256 random bits, base64url: told once, stored as its SHA-256. */
  readonly secret: string
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number
}

/** A one-time link and the row that is stored of it. */
export function newLink(
  { clock, random, policy }: Pick<Domain, 'clock' | 'random' | 'policy'>,
  account: Pick<AccountsTable, 'id'>,
  purpose: LinkPurpose,
  id = newId(random),
) {
  const now = clock.now()
  const issued: IssuedLink = { id, secret: newSecret(random), expiresAt: now + policy.linkLifetime }
  const row = {
    id,
    account_id: account.id,
    secret_hash: hashSecret(issued.secret),
    created_at: now,
    expires_at: issued.expiresAt,
    purpose,
  }
  return { issued, row }
}

/** Makes a one-time link in the caller's transaction; earlier ones of the account for the same purpose stop working. */
export async function issueLink(
  domain: Pick<Domain, 'clock' | 'random' | 'policy'>,
  queries: Queries,
  account: Pick<AccountsTable, 'id'>,
  purpose: LinkPurpose,
): Promise<IssuedLink> {
  const { issued, row } = newLink(domain, account, purpose)
  await queries.links.endPurpose(account.id, purpose, row.created_at)
  await queries.links.insert(row)
  return issued
}

type Enrolled = Pick<SessionsTable, 'account_id' | 'enrolment_link_id'>

/**
 * Holds a session that a link opened to what the link is for; one of a login passes.
 * @param served what links must be for, to be served here; left out: none is
 * @throws {Refusal} `not_logged_in`; `link_invalid` once the link has been used or replaced
 */
export async function confineEnrolment(
  { store, clock }: Pick<Domain, 'store' | 'clock'>,
  session: Enrolled,
  served: readonly EnrolmentPurpose[] | undefined,
): Promise<void> {
  if (session.enrolment_link_id === null) return
  const link = served && (await store.read.links.findById(session.enrolment_link_id))
  if (!link || !served.some(purpose => purpose === link.purpose)) throw new Refusal('not_logged_in')
  if (link.used_at !== null || link.expires_at <= clock.now()) throw new Refusal('link_invalid')
}

/**
 * Uses the link that opened the session, in the transaction of the change that it was for, and ends the session. Nothing
 * for the session of a login.
 * @throws {Refusal} `link_invalid` when it has been used or replaced meanwhile
 */
export async function finishEnrolment(queries: Queries, session: Enrolled, now: number): Promise<void> {
  const id = session.enrolment_link_id
  if (id === null) return
  if (!(await queries.links.use(id, now))) throw new Refusal('link_invalid')
  await queries.sessions.revokeEnrolled(session.account_id, id, now)
}

/** What a session is for: `null` for that of a login, `undefined` for one whose link serves no more. */
export async function enrolmentOf(
  queries: Queries,
  session: Enrolled,
  now: number,
): Promise<EnrolmentPurpose | null | undefined> {
  if (session.enrolment_link_id === null) return null
  const link = await queries.links.findById(session.enrolment_link_id)
  if (!link || link.used_at !== null || link.expires_at <= now) return undefined
  return enrolmentPurposes.find(purpose => purpose === link.purpose)
}
