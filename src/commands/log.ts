import type { Context } from '../cli/context.ts'
import { listEvents, type SecurityEvent } from '../contract/account.ts'
import { isVerificationMethod } from '../contract/schemas.ts'
import { timeOf, wallTime } from '../lib/clock.ts'
import { CommandError } from './command-error.ts'

const usualLimit = 30

function limitOf(text: string | undefined, expected: string): number {
  if (text === undefined) return usualLimit
  const limit = Number(text)
  if (/^\d{1,3}$/.test(text) && limit >= 1 && limit <= 200) return limit
  throw new CommandError('input_malformed', { source: '--limit', expected })
}

/** `hufu log`: the account's own security events, the newest first. */
export async function run(
  { terminal, api }: Context,
  { limit, before }: { limit: string | undefined; before: string | undefined },
): Promise<void> {
  const { t } = terminal
  const query = { limit: limitOf(limit, t('expected.limit')), ...(before === undefined ? {} : { before }) }
  const { events, next } = await api.call(listEvents, { query })
  const row = ({ at, action, method, source, details }: SecurityEvent) => [
    { text: wallTime(timeOf(at)) },
    { text: [action, ...Object.values(details)].join(' '), style: 'strong' as const },
    { text: method !== null && isVerificationMethod(method) ? t(`method.${method}`) : (method ?? '') },
    { text: source, style: 'dim' as const },
  ]
  if (events.length === 0) terminal.say(t('log.none'))
  else await terminal.table([t('log.time'), t('log.action'), t('log.method'), t('log.source')], events.map(row))
  if (next !== null) terminal.note(`\n${t('log.more', { next })}`)
  terminal.result({ events, next })
}
