import type { BulkRowsTable, EnrolmentLinksTable } from '../../store/schema.ts'
import type { Queries } from '../ports/store.ts'
import { type AccountState, type Edit, editOf, seenOf, stateOf } from './edit.ts'
import { type PlanContext, type Planned, planEdit } from './plan.ts'
import { hasPasswordLink, World } from './world.ts'

/** A row whose account has another value by now than the run had left there. */
export interface Skipped {
  readonly row: number
  readonly username: string
  readonly skipped: true
}

/** A row of the run that is to be undone. */
export interface AppliedRow {
  readonly row: number
  readonly accountId: string
  readonly edit: Edit
}

/** What the undoing of a few rows depends on. */
export interface UndoWorld {
  readonly world: World
  /** The links among those that the rows gave which are still unused. */
  readonly unusedLinks: ReadonlySet<string>
  /** The WeChat identities and keys of the rows that are another account's by now, by their openid or credential id. */
  readonly taken: ReadonlySet<string>
  /** The accounts, of those that lose a way in, whose owner has an unused password link. */
  readonly linked: ReadonlySet<string>
}

export const appliedRow = ({ row_number, account_id, changes }: BulkRowsTable): AppliedRow => ({
  row: row_number,
  accountId: account_id,
  edit: editOf(changes),
})

const isUnused = (link: EnrolmentLinksTable): boolean => link.used_at === null

async function takenOf(queries: Queries, rows: readonly AppliedRow[]): Promise<Set<string>> {
  const { authenticators } = queries
  const taken = new Set<string>()
  for (const { accountId, edit } of rows) {
    const identity = edit.wechat?.before
    const owner = identity && (await authenticators.ownerOfWeChat(identity.openid, identity.unionid))
    if (identity && owner !== undefined && owner !== accountId) taken.add(identity.openid)
    for (const { credential_id: id } of edit.webauthn?.before ?? []) {
      const key = await authenticators.findCredential(id)
      if (key && key.account_id !== accountId) taken.add(id)
    }
  }
  return taken
}

/** Of accounts without a password alone: whoever has one is not locked out by the loss of a number. */
async function linkedOf({ directory }: Queries, states: readonly AccountState[], now: number): Promise<Set<string>> {
  const linked = new Set<string>()
  for (const { account, password } of states) {
    if (password === null && (await hasPasswordLink(directory, account.id, now))) linked.add(account.id)
  }
  return linked
}

/**
 * Reads what is needed to plan the undoing of `rows`.
 * @param now milliseconds since the Unix epoch: links that have expired by then are none
 */
export async function loadUndoWorld(queries: Queries, rows: readonly AppliedRow[], now: number): Promise<UndoWorld> {
  const { bulk } = queries
  const ids = [...new Set(rows.map(({ accountId }) => accountId))]
  const keysOf = (channel: 'phone' | 'email') =>
    rows.map(({ edit }) => edit[channel]?.before?.key).filter(key => key !== undefined)
  const needsBound =
    rows.some(({ edit }) => edit.totp || edit.wechat || edit.webauthn || edit.given) || rows.some(takesWayIn)
  const boundIds = needsBound ? ids : []
  const [accounts, totp, wechat, keys, phone, email, links, taken] = await Promise.all([
    bulk.findAccounts(ids),
    bulk.listTotp(boundIds),
    bulk.listWeChat(boundIds),
    bulk.listCredentials(boundIds),
    bulk.ownersOfContacts('phone', keysOf('phone')),
    bulk.ownersOfContacts('email', keysOf('email')),
    bulk.findLinks(rows.flatMap(({ edit }) => (edit.given ?? []).map(({ id }) => id))),
    takenOf(queries, rows),
  ])
  const states = accounts.map(account =>
    stateOf(account, {
      totp: totp.find(row => row.account_id === account.id) ?? null,
      wechat: wechat.find(row => row.account_id === account.id) ?? null,
      keys: keys.filter(row => row.account_id === account.id),
    }),
  )
  const unusedLinks = new Set(links.filter(isUnused).map(({ id }) => id))
  const losing = new Set(rows.filter(row => takesWayIn(row) && !row.edit.hadNoWayIn).map(({ accountId }) => accountId))
  const losers = states.filter(({ account }) => losing.has(account.id))
  const linked = await linkedOf(queries, losers, now)
  return { world: new World(states, { phone, email }), unusedLinks, taken, linked }
}

/** Whether the undoing takes a number, an address or a password away and brings none back. */
const takesWayIn = ({ edit }: AppliedRow): boolean =>
  [edit.phone, edit.email, edit.password].some(shift => shift !== undefined && shift.before === null)

/** Whether every item that the row changed is as the row left it. */
function isAsLeft(
  state: AccountState,
  { phone, email, password, totp, wechat, webauthn, disabled, given }: Edit,
): boolean {
  const same = [
    !phone || (state.phone?.key === phone.after?.key && state.phone?.boundAt === phone.after?.boundAt),
    !email || (state.email?.value === email.after?.value && state.email?.boundAt === email.after?.boundAt),
    !password || state.password?.hash === password.after?.hash,
    !totp || state.totp?.bound_at === totp.after?.bound_at,
    !wechat || state.wechat?.openid === wechat.after?.openid,
    !webauthn || seenOf(state, 'webauthn').join() === webauthn.after.map(({ id }) => id).join(),
    !disabled || state.disabledAt === disabled.after,
    (given ?? []).every(({ purpose, seen }) => seenOf(state, purpose).join() === seen.join()),
  ]
  return same.every(Boolean)
}

/** The edit that brings back what was before `edit`. */
function inverseOf(state: AccountState, edit: Edit, unusedLinks: ReadonlySet<string>): Edit {
  const { phone, email, password, totp, wechat, webauthn, disabled, given = [] } = edit
  const ended = given.filter(({ id }) => unusedLinks.has(id)).map(({ id, purpose }) => ({ id, purpose }))
  return {
    ...(phone ? { phone: { before: state.phone, after: phone.before } } : {}),
    ...(email ? { email: { before: state.email, after: email.before } } : {}),
    ...(password ? { password: { before: state.password, after: password.before } } : {}),
    ...(totp ? { totp: { before: state.totp, after: totp.before } } : {}),
    ...(wechat ? { wechat: { before: state.wechat, after: wechat.before } } : {}),
    ...(webauthn ? { webauthn: { before: state.keys, after: webauthn.before } } : {}),
    ...(disabled ? { disabled: { before: state.disabledAt, after: disabled.before } } : {}),
    ...(ended.length > 0 ? { ended } : {}),
  }
}

/** Plans the undoing of one row after those before it, whose outcome is in the world. Writes nothing. */
export function planUndo(
  { world, unusedLinks, taken, linked }: UndoWorld,
  { row, accountId, edit }: AppliedRow,
  context: PlanContext,
): Planned | Skipped {
  const state = world.stateOf({ accountId })
  if (!state) return { row, username: null, code: 'account_unknown', owner: null }
  const { username } = state.account
  if (!isAsLeft(state, edit)) return { row, username, skipped: true }
  const back = inverseOf(state, edit, unusedLinks)
  if (Object.keys(back).length === 0) return { row, username, unchanged: true }
  const identities = [back.wechat?.after?.openid, ...(back.webauthn?.after ?? []).map(key => key.credential_id)]
  if (identities.some(id => id !== undefined && taken.has(id))) {
    return { row, username, code: 'bound_elsewhere', owner: null }
  }
  const former = { hadNoWayIn: edit.hadNoWayIn === true, hasPasswordLink: linked.has(accountId) }
  return planEdit(world, row, state, back, context, former)
}
