import type { Context, Terminal } from '../cli/context.ts'
import { listEvents, type SecurityEvent } from '../contract/account.ts'
import { bindableItems, isVerificationMethod } from '../contract/schemas.ts'
import { timeOf, wallTime } from '../lib/clock.ts'
import { CommandError } from './command-error.ts'

const usualLimit = 30

function limitOf(text: string | undefined, expected: string): number {
  if (text === undefined) return usualLimit
  const limit = Number(text)
  if (/^\d{1,3}$/.test(text) && limit >= 1 && limit <= 200) return limit
  throw new CommandError('input_malformed', { source: '--limit', expected })
}

const actions = [
  'account.create',
  'account.bootstrap',
  'enrolment.redeem',
  'login',
  'login_failed',
  'password.change',
  'webauthn.counter_regressed',
  'recovery_codes.create',
  'recovery_code.used',
  'logout',
  'sessions.revoke',
  'phone.revert',
  'email.revert',
  ...bindableItems.flatMap(item => [`${item}.bind`, `${item}.unbind`] as const),
] as const

/** What happened, in the person's words; an action that a newer server knows keeps its name. */
function happened({ action, details }: SecurityEvent, { t }: Terminal): string {
  const known = actions.find(each => each === action)
  const { old, new: fresh, name, count, ...others } = details
  const value = fresh ?? old ?? name ?? count
  if (!known) return [action, value, ...Object.values(others)].filter(Boolean).join(' ')
  const what = t(`action.${known}`)
  return value === undefined ? what : t('log.with_value', { what, value })
}

/** By what it was confirmed: one method, or two (`password+totp`). */
const confirmedBy = (method: string | null, { t }: Terminal): string =>
  (method ?? '')
    .split('+')
    .map(each => (isVerificationMethod(each) ? t(`method.short.${each}`) : each))
    .join(' + ')

/** `hufu log`: the account's own security events, the newest first. */
export async function run(
  { terminal, api }: Context,
  { limit, before }: { limit: string | undefined; before: string | undefined },
): Promise<void> {
  const { t } = terminal
  const query = { limit: limitOf(limit, t('expected.limit')), ...(before === undefined ? {} : { before }) }
  const { events, next } = await api.call(listEvents, { query })
  const row = (event: SecurityEvent) => [
    { text: wallTime(timeOf(event.at)) },
    { text: happened(event, terminal), style: 'strong' as const },
    { text: confirmedBy(event.method, terminal) },
    { text: event.source, style: 'dim' as const },
  ]
  if (events.length === 0) terminal.say(t('log.none'))
  else await terminal.table([t('log.time'), t('log.action'), t('log.method'), t('log.source')], events.map(row))
  if (next !== null) terminal.note(`\n${t('log.more', { next })}`)
  terminal.result({ events, next })
}
