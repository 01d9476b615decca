import type { Cell, Terminal } from '../cli/context.ts'
import type { SecurityEvent } from '../contract/account.ts'
import { bindableItems, isVerificationMethod, securityItems } from '../contract/schemas.ts'

const actions = [
  'account.create',
  'account.bootstrap',
  'account.disable',
  'account.enable',
  'account.reset_link',
  'admin.rebind',
  'enrolment.redeem',
  'login',
  'login_failed',
  'password.change',
  'webauthn.counter_regressed',
  'recovery_codes.create',
  'recovery_code.used',
  'rebind.start',
  'rebind.undo',
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
  if (known === 'admin.rebind') return t('action.admin.rebind')
  const { old, new: fresh, name, count, ...others } = details
  const value = fresh ?? old ?? name ?? count
  if (!known) return [action, value, ...Object.values(others)].filter(Boolean).join(' ')
  const what = t(`action.${known}`)
  return value === undefined ? what : t('log.with_value', { what, value })
}

/** What an admin changed at once, item by item (`phone.old`, `phone.new` …), and why; nothing of other events. */
export function changesIn({ action, details }: SecurityEvent, { t }: Terminal): string[] {
  if (action !== 'admin.rebind') return []
  const changes = [...securityItems, 'disabled' as const].flatMap(item => {
    const [old, fresh, whole] = [details[`${item}.old`], details[`${item}.new`], details[item]]
    const value = old !== undefined && fresh !== undefined ? t('log.replaced', { old, new: fresh }) : (fresh ?? whole)
    const what = item === 'disabled' ? t('log.disabled') : t(`item.${item}`)
    if (value !== undefined) return [value === '' ? what : t('log.with_value', { what, value })]
    return old === undefined ? [] : [t('log.taken_away', { what, old })]
  })
  return [...changes, ...(details.reason === undefined ? [] : [t('log.reason', { reason: details.reason })])]
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
