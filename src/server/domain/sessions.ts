import type { VerificationMethod } from '../../contract/schemas.ts'
import type { SessionEntry } from '../../contract/sessions.ts'
import { isoTime } from '../../lib/clock.ts'
import type { AccountsTable } from '../store/schema.ts'
import type { Caller, Domain, Member } from './domain.ts'
import { enrolmentOf } from './enrolment-links.ts'
import { recordEvent } from './events.ts'
import type { Queries } from './ports/store.ts'
import { Refusal } from './refusal.ts'
import { hashSecret, newId, newSecret } from './secret-keys.ts'

/** How stale `last_used_at` may be: a write per request would be a commit per request. */
const touchAfter = 5 * 60_000

export interface Sessions {
  /** @throws {Refusal} `not_logged_in`. */
  authenticate(secret: string | undefined, caller: Caller): Promise<Member>
  list(member: Member): Promise<SessionEntry[]>
  revoke(member: Member, sessionId: string): Promise<number>
  revokeMany(member: Member, which: 'current' | 'others' | 'all'): Promise<number>
}

export interface OpenedSession {
  readonly session_id: string
  readonly session_secret: string
  readonly username: string
  readonly expires_at: string
}

/**
 * Opens a session in the caller's transaction. Only the hash of its secret is stored.
 * @param enrolment the link that it is opened by, where it is no login; it ends at `expiresAt`, used or not
 */
export async function openSession(
  { clock, random, policy }: Pick<Domain, 'clock' | 'random' | 'policy'>,
  queries: Queries,
  account: AccountsTable,
  methods: readonly VerificationMethod[],
  caller: Caller,
  enrolment?: { readonly linkId: string; readonly expiresAt: number },
): Promise<OpenedSession> {
  const now = clock.now()
  const secret = newSecret(random)
  const id = newId(random)
  const expiresAt = enrolment?.expiresAt ?? now + policy.sessionIdleLifetime
  await queries.sessions.insert({
    id,
    account_id: account.id,
    secret_hash: hashSecret(secret),
    created_at: now,
    last_used_at: now,
    expires_at: expiresAt,
    revoked_at: null,
    source: caller.source,
    client: caller.client,
    methods: methods.join(' '),
    enrolment_link_id: enrolment?.linkId ?? null,
  })
  return { session_id: id, session_secret: secret, username: account.username, expires_at: isoTime(expiresAt) }
}

export function createSessions(domain: Domain): Sessions {
  const { store, clock, policy } = domain

  const recordRevocation = (queries: Queries, member: Member, revoked: number, which: string) =>
    recordEvent(domain, queries, member, {
      accountId: member.account.id,
      action: which === 'current' ? 'logout' : 'sessions.revoke',
      sessionId: member.session.id,
      details: { which, count: String(revoked) },
    })

  return {
    async authenticate(secret, caller) {
      const now = clock.now()
      const live = secret ? await store.read.sessions.findLive(hashSecret(secret), now) : undefined
      if (!live) throw new Refusal('not_logged_in')
      const { session } = live
      if (now - session.last_used_at >= touchAfter) {
        const longest = Math.min(now + policy.sessionIdleLifetime, session.created_at + policy.sessionLifetime)
        const expiresAt = session.enrolment_link_id === null ? longest : session.expires_at
        await store.transaction(queries => queries.sessions.touch(session.id, now, expiresAt))
      }
      return { ...caller, ...live }
    },

    async list(member) {
      const now = clock.now()
      const entries: SessionEntry[] = []
      for (const session of await store.read.sessions.list(member.account.id, now)) {
        const enrolment = await enrolmentOf(store.read, session, now)
        if (enrolment === undefined) continue
        entries.push({
          id: session.id,
          current: session.id === member.session.id,
          created_at: isoTime(session.created_at),
          last_used_at: isoTime(session.last_used_at),
          expires_at: isoTime(session.expires_at),
          source: session.source,
          client: session.client,
          methods: session.methods.split(' ').filter(Boolean) as VerificationMethod[],
          enrolment,
        })
      }
      return entries
    },

    revoke: (member, sessionId) =>
      store.transaction(async queries => {
        const revoked = await queries.sessions.revoke(member.account.id, sessionId, clock.now())
        if (revoked === 0) throw new Refusal('session_unknown')
        await recordRevocation(queries, member, revoked, sessionId === member.session.id ? 'current' : 'one')
        return revoked
      }),

    revokeMany: (member, which) =>
      store.transaction(async queries => {
        const { id } = member.session
        const revoked =
          which === 'current'
            ? await queries.sessions.revoke(member.account.id, id, clock.now())
            : await queries.sessions.revokeAll(member.account.id, which === 'others' ? id : null, clock.now())
        await recordRevocation(queries, member, revoked, which)
        return revoked
      }),
  }
}
