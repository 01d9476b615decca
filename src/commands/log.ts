import type { Context } from '../cli/context.ts'
import { listEvents, type SecurityEvent } from '../contract/account.ts'
import { timeOf, wallTime } from '../lib/clock.ts'
import { confirmedBy, happened, rowsOfEvent } from './events.ts'
import { pageLimit } from './page-limit.ts'

const usualLimit = 30

/** `hufu log`: the account's own security events, the newest first. */
export async function run(
  { terminal, api }: Context,
  { limit, before }: { limit: string | undefined; before: string | undefined },
): Promise<void> {
  const { t } = terminal
  const query = {
    limit: pageLimit(limit, usualLimit, t('expected.limit')),
    ...(before === undefined ? {} : { before }),
  }
  const { events, next } = await api.call(listEvents, { query })
  const rows = (event: SecurityEvent) => {
    const cells = [
      { text: wallTime(timeOf(event.at)) },
      { text: happened(event, terminal), style: 'strong' as const },
      { text: confirmedBy(event, terminal) },
      { text: event.source, style: 'dim' as const },
    ]
    return rowsOfEvent(event, cells, 1, terminal)
  }
  if (events.length === 0) terminal.say(t('log.none'))
  else await terminal.table([t('log.time'), t('log.action'), t('log.method'), t('log.source')], events.flatMap(rows))
  if (next !== null) terminal.note(`\n${t('log.more', { next })}`)
  terminal.result({ events, next })
}
