import type { ProblemCode } from '../../../contract/problems.ts'
import { type BindableItem, bindableItems } from '../../../contract/schemas.ts'
import type { BindingsTable, ChallengesTable, SessionsTable } from '../../store/schema.ts'
import type { Domain, Member } from '../domain.ts'
import type { Queries } from '../ports/store.ts'
import { Refusal } from '../refusal.ts'
import { newId } from '../secret-keys.ts'

type Extra = Partial<
  Pick<BindingsTable, 'value' | 'sealed_secret' | 'webauthn_challenge' | 'wechat_scene' | 'qr_expires_at'>
>

/**
 * Writes the pending row of a binding that `challenge`'s proof authorised. The row, not the client, says what is being
 * bound. One proof has one pending binding: an earlier one ends, so that a mistyped number can be put right.
 */
export async function insertPending(
  { clock, random, policy }: Pick<Domain, 'clock' | 'random' | 'policy'>,
  queries: Queries,
  member: Member,
  challenge: ChallengesTable,
  item: BindableItem,
  extra: Extra,
): Promise<BindingsTable> {
  const now = clock.now()
  await queries.bindings.endByChallenge(challenge.id, now)
  const binding: BindingsTable = {
    id: newId(random),
    account_id: member.account.id,
    session_id: member.session.id,
    challenge_id: challenge.id,
    item,
    value: null,
    sealed_secret: null,
    webauthn_challenge: null,
    wechat_scene: null,
    qr_expires_at: null,
    created_at: now,
    expires_at: now + policy.bindingLifetime,
    ended_at: null,
    outcome: null,
    scanned_at: null,
    scanned_openid: null,
    scanned_unionid: null,
    ...extra,
  }
  await queries.bindings.insert(binding)
  return binding
}

/**
 * The open binding of this account and session.
 * @throws {Refusal} `binding_expired` when there is none of one of `items`.
 */
export async function findOpenBinding(
  { store, clock }: Pick<Domain, 'store' | 'clock'>,
  member: Member,
  bindingId: string,
  items: readonly BindableItem[],
): Promise<BindingsTable & { item: BindableItem }> {
  const binding = await store.read.bindings.find(bindingId)
  const item = items.find(one => one === binding?.item)
  const isOpen =
    binding?.account_id === member.account.id &&
    binding.session_id === member.session.id &&
    binding.ended_at === null &&
    binding.expires_at > clock.now()
  if (!binding || !item || !isOpen) throw new Refusal('binding_expired')
  return { ...binding, item }
}

/** The session that began a binding, while it is live. */
export async function liveSessionOf(
  queries: Queries,
  binding: BindingsTable,
  now: number,
): Promise<SessionsTable | undefined> {
  const sessions = await queries.sessions.list(binding.account_id, now)
  return sessions.find(({ id }) => id === binding.session_id)
}

/**
 * Gives up the open binding of this account and session: nothing that comes later finishes it. The proof behind it is
 * not consumed.
 * @returns false when it was finished meanwhile
 */
export async function cancelPending(
  domain: Pick<Domain, 'store' | 'clock'>,
  member: Member,
  bindingId: string,
): Promise<boolean> {
  const { store, clock } = domain
  const binding = await findOpenBinding(domain, member, bindingId, bindableItems)
  return store.transaction(queries => queries.bindings.end(binding.id, 'cancelled', clock.now()))
}

/**
 * Ends the pending binding in the transaction that binds, first of all racers.
 * @throws {Refusal} `tooLate` to all others.
 */
export async function finishPending(
  { clock }: Pick<Domain, 'clock'>,
  queries: Queries,
  binding: BindingsTable,
  outcome: 'bound' | 'rebound' = 'bound',
  tooLate: ProblemCode = 'binding_expired',
): Promise<void> {
  const now = clock.now()
  await queries.accounts.hold(binding.account_id)
  if (!(await queries.bindings.end(binding.id, outcome, now))) throw new Refusal(tooLate)
  if (!(await queries.sessions.isLive(binding.session_id, now))) throw new Refusal('not_logged_in')
}
