import type { Cell, Terminal } from '../cli/context.ts'
import type { SecurityEvent } from '../contract/account.ts'
import { bindableItems, isVerificationMethod, type SecurityItem, securityItems } from '../contract/schemas.ts'

const actions = [
  'account.create',
  'account.bootstrap',
  'account.disable',
  'account.enable',
  'account.reset_link',
  'admin.rebind',
  'admin.rebind_undo',
  'enrolment.redeem',
  'login',
  'login_failed',
  'password.change',
  'webauthn.counter_regressed',
  'recovery_codes.create',
  'recovery_code.used',
  'logout',
  'sessions.revoke',
  'token.create',
  'token.revoke',
  'phone.revert',
  'email.revert',
  ...bindableItems.flatMap(item => [`${item}.bind`, `${item}.unbind`] as const),
] as const

/** What happened, in the person's words; an action that a newer server knows keeps its name. */
export function happened({ action, details }: SecurityEvent, { t }: Terminal): string {
  const known = actions.find(each => each === action)
  if (known && isBulk(known)) return t(`action.${known}`)
  const { old, new: fresh, name, count, ...others } = details
  const value = fresh ?? old ?? name ?? count
  if (!known) return [action, value, ...Object.values(others)].filter(Boolean).join(' ')
  const what = t(`action.${known}`)
  return value === undefined ? what : t('log.with_value', { what, value })
}

const isBulk = (action: string): boolean => action === 'admin.rebind' || action === 'admin.rebind_undo'

/** What stands for a value that nobody may see. */
const isUnseen = (value: string): boolean => value === 'set' || value === 'bound'

/** What became of one item; `link`: one by which the owner binds it. */
function changeOf(item: SecurityItem, old: string | undefined, fresh: string | undefined, { t }: Terminal): string[] {
  const what = t(`item.${item}`)
  if (fresh === undefined) {
    if (old === undefined) return []
    if (old === 'link') return [t('log.link_ended', { what })]
    return [isUnseen(old) ? t('log.taken_away_unseen', { what }) : t('log.taken_away', { what, old })]
  }
  if (fresh === 'link') return [t('log.link_made', { what })]
  if (isUnseen(fresh)) return [t('log.set_anew', { what })]
  return [t('log.with_value', { what, value: old === undefined ? fresh : t('log.replaced', { old, new: fresh }) })]
}

/** What an admin changed at once, item by item (`phone.old`, `phone.new` …), and why; nothing of other events. */
export function changesIn({ action, details }: SecurityEvent, terminal: Terminal): string[] {
  if (!isBulk(action)) return []
  const { t } = terminal
  const disabled = details['disabled.new']
  return [
    ...securityItems.flatMap(item => changeOf(item, details[`${item}.old`], details[`${item}.new`], terminal)),
    ...(disabled === undefined ? [] : [t(disabled === 'true' ? 'action.account.disable' : 'action.account.enable')]),
    ...(details.reason === undefined ? [] : [t('log.reason', { reason: details.reason })]),
  ]
}

/** Who did it, or how its owner confirmed it: one method, or two (`password+totp`). */
export function confirmedBy({ actor, method }: SecurityEvent, { t }: Terminal): string {
  const [, kind, name = ''] = /^(admin|token):(.*)$/s.exec(actor ?? '') ?? []
  if (kind === 'admin' || kind === 'token') return t(`log.actor.${kind}`, { name })
  if (actor !== null) return actor
  return (method ?? '')
    .split('+')
    .map(each => (isVerificationMethod(each) ? t(`method.short.${each}`) : each))
    .join(' + ')
}

/**
 * An event as rows of a table: its own, and one for each thing that an admin changed with it.
 * @param what the column of what happened
 */
export const rowsOfEvent = (
  event: SecurityEvent,
  cells: readonly Cell[],
  what: number,
  terminal: Terminal,
): (readonly Cell[])[] => [
  cells,
  ...changesIn(event, terminal).map(text => [...cells.slice(0, what).map(() => ({ text: '' })), { text: `· ${text}` }]),
]
