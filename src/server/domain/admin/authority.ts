import type { ServiceScope, StepUpOperation } from '../../../contract/schemas.ts'
import type { Actor, Caller, Domain } from '../domain.ts'
import type { Queries } from '../ports/store.ts'
import { Refusal } from '../refusal.ts'
import { hashSecret, newId, newSecret } from '../secret-keys.ts'
import type { Sessions } from '../sessions.ts'
import type { StepUps } from '../step-up.ts'

type Person = Extract<Actor, { kind: 'person' }>

/** Tells a service token from a session's secret, and from other things where one has gone astray. */
const tokenPrefix = 'hufu_'

/** How stale `last_used_at` may be: a write per request would be a commit per request. */
const touchAfter = 5 * 60_000

/**
 * Whoever works as an admin.
 * @param scope what a token must cover; `null`: none serves, only a person
 * @throws {Refusal} `not_logged_in`, `admin_required`, `service_credential_invalid`, `service_scope_missing`
 */
export async function authenticateActor(
  { domain, sessions }: { domain: Domain; sessions: Sessions },
  { bearer, caller, proof }: { bearer: string | undefined; caller: Caller; proof: string | undefined },
  scope: ServiceScope | null,
): Promise<Actor> {
  const { store, clock } = domain
  if (!bearer?.startsWith(tokenPrefix)) {
    const member = await sessions.authenticate(bearer, caller)
    if (member.session.enrolment_link_id !== null) throw new Refusal('not_logged_in')
    if (member.account.role !== 'admin') throw new Refusal('admin_required')
    return { ...member, kind: 'person', proof }
  }
  const now = clock.now()
  const token = await store.read.serviceTokens.findLive(hashSecret(bearer), now)
  if (!token) throw new Refusal('service_credential_invalid')
  const scopes = token.scopes.split(' ')
  if (scope === null || !scopes.includes(scope)) throw new Refusal('service_scope_missing', { scope })
  if (now - (token.last_used_at ?? 0) >= touchAfter) {
    await store.transaction(queries => queries.serviceTokens.touch(token.id, now))
  }
  return { ...caller, kind: 'token', token: { id: token.id, name: token.name, scopes, createdBy: token.created_by } }
}

/**
 * The admin in person, for what no token may do whatever its scopes are.
 * @throws {Refusal} `service_scope_missing`
 */
export function requirePerson(actor: Actor): Person {
  if (actor.kind === 'token') throw new Refusal('service_scope_missing', { scope: null })
  return actor
}

/** Who did it, for the audit: `admin:USERNAME`, `token:NAME`. */
export const actorName = (actor: Actor): string =>
  actor.kind === 'person' ? `admin:${actor.account.username}` : `token:${actor.token.name}`

/** What the audit has of a token beside its name, which others may have: its id. */
export const actorDetails = (actor: Actor): Readonly<Record<string, string>> =>
  actor.kind === 'token' ? { token_id: actor.token.id } : {}

/**
 * Runs a change in one transaction, in a person's case with the consumption of their proof, which must have been given
 * for exactly this value. A token's scope, which `authenticateActor` has looked at, stands in the place of a proof.
 * @param holds the ids of the accounts that it changes, which no other transaction changes meanwhile
 * @param change is told the verification method behind it, for its event; `service` for a token
 * @throws {Refusal} `insufficient_user_authentication` with a fresh challenge, and what `change` throws
 */
export function withAuthority<T>(
  { domain, stepUps }: { domain: Domain; stepUps: StepUps },
  actor: Actor,
  use: { operation: StepUpOperation; value: string; holds?: readonly string[] },
  change: (queries: Queries, method: string | null) => Promise<T>,
): Promise<T> {
  if (actor.kind === 'token') {
    return domain.store.transaction(async queries => {
      await queries.accounts.hold(...(use.holds ?? []))
      return change(queries, 'service')
    })
  }
  return stepUps.withProof(actor, { ...use, proof: actor.proof }, (queries, { method }) => change(queries, method))
}

/** Makes a token that no admin asked for: that of the ephemeral server, and of tests. */
export async function createOwnToken(
  { store, random, clock }: Pick<Domain, 'store' | 'random' | 'clock'>,
  scopes: readonly string[],
  lifetime: number,
): Promise<string> {
  const { secret, row } = newToken({ random, clock }, { name: 'hufud', scopes, lifetime, createdBy: null })
  await store.transaction(queries => queries.serviceTokens.insert(row))
  return secret
}

/**
 * A new token and the row that is stored of it.
 * @param lifetime in milliseconds
 * @returns `secret`, `hufu_` and 256 random bits in base64url, which is told once
 */
export function newToken(
  { random, clock }: Pick<Domain, 'random' | 'clock'>,
  {
    name,
    scopes,
    lifetime,
    createdBy,
  }: { name: string; scopes: readonly string[]; lifetime: number; createdBy: string | null },
) {
  const secret = `${tokenPrefix}${newSecret(random)}`
  const now = clock.now()
  const row = {
    id: newId(random),
    secret_hash: hashSecret(secret),
    scopes: [...new Set(scopes)].sort().join(' '),
    created_at: now,
    expires_at: now + lifetime,
    name,
    created_by: createdBy,
  }
  return { secret, row }
}
