import type { Actor, Domain } from '../domain.ts'
import { ChangedMeanwhile, type ContactWrite } from '../ports/bulk-queries.ts'
import type { Channel, Queries } from '../ports/store.ts'
import { type ContactState, type Edit, endsAccess, type Shift, waysInto } from './edit.ts'
import { type Plan, takesAway } from './plan.ts'
import type { Prepared } from './prepare.ts'
import { hasPasswordLink, loadStates } from './world.ts'

type Item = 'phone' | 'email' | 'totp' | 'wechat' | 'webauthn'

const contactWrite = (plan: Plan, { before, after }: Shift<ContactState | null>): ContactWrite => ({
  id: plan.state.account.id,
  was: before?.key ?? null,
  value: after?.value ?? null,
  key: after?.key ?? null,
  boundAt: after?.boundAt ?? null,
  usedAt: after?.usedAt ?? null,
})

/** The plans that change an item, with how. */
function shiftsOf<K extends keyof Edit>(plans: readonly Plan[], item: K) {
  return plans.flatMap(plan => {
    const shift = plan.edit[item]
    return shift === undefined ? [] : [{ plan, id: plan.state.account.id, shift: shift as NonNullable<Edit[K]> }]
  })
}

const present = <T>(values: readonly (T | null)[]): T[] => values.filter(value => value !== null)

/** Sets numbers and addresses, wave by wave: within a statement none may be taken that another row of it gives up. */
async function writeContacts({ bulk }: Queries, plans: readonly Plan[], channel: Channel): Promise<void> {
  const shifts = shiftsOf(plans, channel)
  const waves = [...new Set(shifts.map(({ plan }) => plan.wave))].sort((a, b) => a - b)
  for (const wave of waves) {
    const writes = shifts.filter(({ plan }) => plan.wave === wave)
    await bulk.setContacts(
      channel,
      writes.map(({ plan, shift }) => contactWrite(plan, shift)),
    )
  }
}

async function writeAuthenticators({ bulk }: Queries, plans: readonly Plan[]): Promise<void> {
  const totp = shiftsOf(plans, 'totp').map(({ shift }) => shift)
  const wechat = shiftsOf(plans, 'wechat').map(({ shift }) => shift)
  const keys = shiftsOf(plans, 'webauthn').map(({ shift }) => shift)
  await bulk.removeTotp(present(totp.map(({ before }) => before)))
  await bulk.insertTotp(present(totp.map(({ after }) => after)))
  await bulk.removeWeChat(present(wechat.map(({ before }) => before)))
  await bulk.insertWeChat(present(wechat.map(({ after }) => after)))
  await bulk.removeCredentials(keys.flatMap(({ before }) => before))
  await bulk.insertCredentials(keys.flatMap(({ after }) => after))
}

const items: readonly Item[] = ['phone', 'email', 'totp', 'wechat', 'webauthn']

/** Ends what was under way with the changed items, and all access where a password or the account's state changed. */
async function endWhatWasBegun(
  { clock, policy }: Pick<Domain, 'clock' | 'policy'>,
  { bulk }: Queries,
  actor: Actor,
  plans: readonly Plan[],
): Promise<void> {
  const now = clock.now()
  for (const item of items) {
    const ids = shiftsOf(plans, item).map(({ id }) => id)
    await bulk.endPending(ids, item, now)
  }
  const ids = plans.filter(({ edit }) => endsAccess(edit)).map(({ state }) => state.account.id)
  const own = actor.kind === 'person' ? actor.session.id : null
  await bulk.endAccess(ids, { now, challengesExpiringAfter: now - policy.proofLifetime }, own)
}

/**
 * Looks once more at the accounts that lose something that somebody logs in by, or of which the row says that they had
 * nothing of the kind, now that they are held.
 * @throws {ChangedMeanwhile} where anything of the kind went, or came, since their rows were planned
 */
async function keepAWayIn({ bulk, directory }: Queries, plans: readonly Plan[], time: number): Promise<void> {
  for (const { restsOnLink, state } of plans) {
    if (restsOnLink && !(await hasPasswordLink(directory, state.account.id, time))) throw new ChangedMeanwhile()
  }
  const planned = plans.filter(({ edit }) => takesAway(edit) || edit.hadNoWayIn).map(({ state }) => state)
  if (planned.length === 0) return
  const ids = planned.map(({ account }) => account.id)
  const now = await loadStates(bulk, ids)
  const ways = new Map(now.map(state => [state.account.id, waysInto(state)]))
  if (planned.some(state => ways.get(state.account.id) !== waysInto(state))) throw new ChangedMeanwhile()
}

/**
 * Has those who disable admins take turns, so that each sees what the others have done.
 * @throws {ChangedMeanwhile} where several would go together, or none other is left by now
 */
async function keepAnAdmin({ directory }: Queries, plans: readonly Plan[]): Promise<void> {
  const admins = plans.filter(({ state, edit }) => state.account.role === 'admin' && edit.disabled?.before === null)
  const [admin] = admins
  if (!admin) return
  await directory.holdAdmins()
  if (admins.length > 1 || !(await directory.hasOtherAdmin(admin.state.account.id))) throw new ChangedMeanwhile()
}

async function writeLinks({ bulk }: Queries, prepared: readonly Prepared[], now: number): Promise<void> {
  const rows = prepared.flatMap(({ linkRows }) => linkRows)
  for (const purpose of ['totp', 'webauthn']) {
    const accounts = rows.filter(row => row.purpose === purpose).map(({ account_id }) => account_id)
    await bulk.endLinksFor(accounts, purpose, now)
  }
  const ended = prepared.flatMap(({ plan }) => plan.edit.ended ?? []).map(({ id }) => id)
  await bulk.endLinks(ended, now)
  await bulk.insertLinks(rows)
}

/**
 * Writes planned rows in the caller's transaction: that they are applied, which of several at once succeeds in, what
 * they change, and what tells of it.
 * @throws {ChangedMeanwhile} when anything is otherwise than it was when they were planned
 */
export async function writeRows(
  domain: Pick<Domain, 'clock' | 'policy'>,
  queries: Queries,
  actor: Actor,
  runId: string,
  prepared: readonly Prepared[],
): Promise<void> {
  const { accounts, bulk } = queries
  const plans = prepared.map(({ plan }) => plan)
  await accounts.hold(...plans.map(({ state }) => state.account.id))
  await bulk.insertRows(
    runId,
    prepared.map(({ bulkRow }) => bulkRow),
  )
  await keepAWayIn(queries, plans, domain.clock.now())
  await writeContacts(queries, plans, 'phone')
  await writeContacts(queries, plans, 'email')
  await bulk.setPasswords(
    shiftsOf(plans, 'password').map(({ id, shift: { before, after } }) => ({
      id,
      was: before?.hash ?? null,
      hash: after?.hash ?? null,
      setAt: after?.setAt ?? null,
      usedAt: after?.usedAt ?? null,
    })),
  )
  await keepAnAdmin(queries, plans)
  await bulk.setDisabled(
    shiftsOf(plans, 'disabled').map(({ id, shift }) => ({ id, was: shift.before, disabledAt: shift.after })),
  )
  await writeAuthenticators(queries, plans)
  await endWhatWasBegun(domain, queries, actor, plans)
  await writeLinks(queries, prepared, domain.clock.now())
  await bulk.insertEvents(prepared.map(({ event }) => event))
  await bulk.insertMessages(prepared.flatMap(({ messages }) => messages))
}
