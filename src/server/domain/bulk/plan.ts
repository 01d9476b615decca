import type { ProblemCode } from '../../../contract/problems.ts'
import type { Channel } from '../ports/store.ts'
import {
  type AccountState,
  type Edit,
  edited,
  endsAccess,
  type GivenLink,
  hasWayIn,
  type Shift,
  seenOf,
} from './edit.ts'
import type { RefusedRow, WantedContact, Wish } from './wishes.ts'
import type { World } from './world.ts'

/** A row that changes something, if nothing comes between. */
export interface Plan {
  readonly row: number
  /** The account before. */
  readonly state: AccountState
  readonly edit: Edit
  /** Rows of a later wave take numbers or addresses that rows of earlier ones give up. */
  readonly wave: number
  /** An unused password link is the only way in that it leaves, so that it must still be there when this is written. */
  readonly restsOnLink?: true
}

export interface Unchanged {
  readonly row: number
  readonly unchanged: true
  readonly username: string
}

export type Planned = Plan | Unchanged | RefusedRow

export const isPlan = (planned: object): planned is Plan => 'edit' in planned

/** What plans need beside the rows. */
export interface PlanContext {
  readonly now: number
  /** The account of the admin who asks, or made the token; nobody disables their own. */
  readonly ownAccountId: string | null
  /** A script that could set what an admin logs in by would be an admin: it may disable them and no more. */
  readonly sparesAdmins: boolean
  /** Admins who cannot be disabled, for no other could log in. */
  readonly lastAdmins: ReadonlySet<string>
  newLinkId(): string
  /** The hash that stands for the wish's password. */
  hashFor(wish: Wish): string
}

class RowRefused extends Error {
  readonly problem: ProblemCode
  readonly owner: string | null
  constructor(problem: ProblemCode, owner: string | null = null) {
    super(problem)
    this.problem = problem
    this.owner = owner
  }
}

const shifted = <T>(before: T, after: T): Shift<T> => ({ before, after })

function contactShift(
  world: World,
  state: AccountState,
  channel: Channel,
  wanted: WantedContact | undefined,
  now: number,
): Pick<Edit, Channel> {
  const before = state[channel]
  if (!wanted || (before?.key === wanted.key && before.value === wanted.value)) return {}
  const holder = world.holderOf(channel, wanted.key)
  if (holder && holder.id !== state.account.id) throw new RowRefused('bound_elsewhere', holder.username)
  return { [channel]: shifted(before, { value: wanted.value, key: wanted.key, boundAt: now, usedAt: null }) }
}

function passwordShift(state: AccountState, wish: Wish, { now, hashFor }: PlanContext): Pick<Edit, 'password'> {
  const hash = wish.password === undefined ? wish.passwordHash : hashFor(wish)
  if (hash === undefined || hash === state.password?.hash) return {}
  return { password: shifted(state.password, { hash, setAt: now, usedAt: null }) }
}

function authenticatorShifts(state: AccountState, { totp, wechat, webauthn }: Wish): Edit {
  return {
    ...(totp === 'unbind' && state.totp ? { totp: shifted(state.totp, null) } : {}),
    ...(wechat === 'unbind' && state.wechat ? { wechat: shifted(state.wechat, null) } : {}),
    ...(webauthn === 'unbind' && state.keys.length > 0 ? { webauthn: shifted(state.keys, []) } : {}),
  }
}

function disabledShift(state: AccountState, { disabled }: Wish, { now, ownAccountId, lastAdmins }: PlanContext): Edit {
  if (disabled === undefined || disabled === (state.disabledAt !== null)) return {}
  if (disabled && state.account.id === ownAccountId) throw new RowRefused('own_account')
  if (disabled && lastAdmins.has(state.account.id)) throw new RowRefused('last_admin')
  return { disabled: shifted(state.disabledAt, disabled ? now : null) }
}

function linksOf(state: AccountState, { totp, webauthn }: Wish, { newLinkId }: PlanContext): Pick<Edit, 'given'> {
  const purposes: GivenLink['purpose'][] = []
  if (totp === 'enrol') purposes.push('totp')
  if (webauthn === 'link') purposes.push('webauthn')
  if (purposes.length === 0) return {}
  return { given: purposes.map(purpose => ({ id: newLinkId(), purpose, seen: seenOf(state, purpose) })) }
}

/** Whether anybody could log in, or is given a link by which they can. */
const leavesAWayIn = (state: AccountState, edit: Edit): boolean =>
  edit.given !== undefined || hasWayIn(edited(state, edit))

/** Whether an edit takes away something that somebody logs in by. */
export const takesAway = ({ phone, email, password, totp, webauthn }: Edit): boolean =>
  totp?.after === null ||
  webauthn?.after.length === 0 ||
  phone?.after === null ||
  email?.after === null ||
  password?.after === null

/** Whether an edit takes the last thing away that somebody logs in by. */
const takesLast = (state: AccountState, edit: Edit): boolean => takesAway(edit) && !leavesAWayIn(state, edit)

/** @throws {RowRefused} `service_scope_missing` */
function refuseAdmin({ account }: AccountState, edit: Edit): void {
  const { disabled, ...others } = edit
  const onlyDisables = Object.keys(others).length === 0 && disabled?.after !== null
  if (account.role === 'admin' && !onlyDisables) throw new RowRefused('service_scope_missing')
}

/** The wave of an edit: after those by which what it takes is given up. */
const waveOf = (world: World, { phone, email }: Edit): number =>
  1 +
  Math.max(
    phone?.after ? world.freeAfter('phone', phone.after.key) : 0,
    email?.after ? world.freeAfter('email', email.after.key) : 0,
  )

/** Plans one row after those before it, whose outcome is in `world`. Writes nothing. */
export function planRow(world: World, wish: Wish, context: PlanContext): Planned {
  const state = world.stateOf(wish)
  const refused = (code: ProblemCode, owner: string | null) => ({
    row: wish.row,
    username: state?.account.username ?? wish.username,
    code,
    owner,
  })
  if (!state) return refused('account_unknown', null)
  try {
    const edit: Edit = {
      ...contactShift(world, state, 'phone', wish.phone, context.now),
      ...contactShift(world, state, 'email', wish.email, context.now),
      ...passwordShift(state, wish, context),
      ...authenticatorShifts(state, wish),
      ...linksOf(state, wish, context),
      ...disabledShift(state, wish, context),
    }
    if (Object.keys(edit).length === 0) return { row: wish.row, unchanged: true, username: state.account.username }
    if (context.sparesAdmins) refuseAdmin(state, edit)
    if (takesLast(state, edit)) throw new RowRefused('last_factor')
    return planned(world, wish.row, state, hasWayIn(state) ? edit : { ...edit, hadNoWayIn: true })
  } catch (error) {
    if (error instanceof RowRefused) return refused(error.problem, error.owner)
    throw error
  }
}

/** What of ways in an edit that brings back what was may go by, beside those that the account is left with. */
export interface FormerWays {
  /** Nobody could log in before the row that it undoes. */
  readonly hadNoWayIn: boolean
  /** The owner has an unused link by which they set a password. */
  readonly hasPasswordLink: boolean
}

/** @throws {RowRefused} `last_factor` */
function restOnLink(state: AccountState, edit: Edit, former: FormerWays): Pick<Plan, 'restsOnLink'> {
  if (former.hadNoWayIn || !takesLast(state, edit)) return {}
  if (!former.hasPasswordLink || endsAccess(edit)) throw new RowRefused('last_factor')
  return { restsOnLink: true }
}

/**
 * Plans an edit that brings back what was, as `planRow` those that it makes.
 * @returns why not, where it can't be done
 */
export function planEdit(
  world: World,
  row: number,
  state: AccountState,
  edit: Edit,
  context: PlanContext,
  former: FormerWays,
): Plan | RefusedRow {
  const refused = (code: ProblemCode, owner: string | null): RefusedRow => ({
    row,
    username: state.account.username,
    code,
    owner,
  })
  for (const channel of ['phone', 'email'] as const) {
    const wanted = edit[channel]?.after
    const holder = wanted ? world.holderOf(channel, wanted.key) : undefined
    if (holder && holder.id !== state.account.id) return refused('bound_elsewhere', holder.username)
  }
  const disables = edit.disabled !== undefined && edit.disabled.after !== null
  if (disables && state.account.id === context.ownAccountId) return refused('own_account', null)
  if (disables && context.lastAdmins.has(state.account.id)) return refused('last_admin', null)
  try {
    if (context.sparesAdmins) refuseAdmin(state, edit)
    const rests = restOnLink(state, edit, former)
    return { ...planned(world, row, state, edit), ...rests }
  } catch (error) {
    if (error instanceof RowRefused) return refused(error.problem, error.owner)
    throw error
  }
}

/** Takes an edit for done, so that the rows after it are planned on it. */
function planned(world: World, row: number, state: AccountState, edit: Edit): Plan {
  const wave = waveOf(world, edit)
  world.become(edited(state, edit), wave)
  return { row, state, edit, wave }
}
