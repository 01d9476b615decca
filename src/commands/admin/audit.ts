import type { Cell, Context, Terminal } from '../../cli/context.ts'
import type { AuditEvent, listAudit } from '../../contract/admin-audit.ts'
import type { QueryOf } from '../../contract/operation.ts'
import { isoTime, timeOf, wallTime } from '../../lib/clock.ts'
import { CommandError } from '../command-error.ts'
import { changesIn, confirmedBy, happened, rowsOfEvent } from '../events.ts'
import { pageLimit } from '../page-limit.ts'
import { followAudit, newestEvents } from './follow-audit.ts'
import { pointInTime } from './times.ts'

const usualLimit = 30

export interface Filters {
  readonly user: string | undefined
  readonly action: string | undefined
  readonly actor: string | undefined
  readonly run: string | undefined
  readonly since: string | undefined
  readonly until: string | undefined
  readonly limit: string | undefined
  readonly before: string | undefined
  readonly follow: boolean
}

/** What is asked of the server for what stands on the command line. @throws {CommandError} `input_malformed` */
function queryOf(given: Filters, now: number, { t }: Terminal): QueryOf<typeof listAudit> {
  const known = (option: string, text: string | undefined, form: RegExp, expected: string) => {
    if (text === undefined || form.test(text)) return text
    throw new CommandError('input_malformed', { source: option, expected })
  }
  const time = (option: '--since' | '--until', text: string | undefined) =>
    text === undefined ? undefined : isoTime(pointInTime(text, option, now, t('expected.time')))
  const query = {
    username: known('--user', given.user, /^.{1,64}$/su, t('expected.username')),
    action: known('--action', given.action, /^[a-z_]{1,32}(\.[a-z_]{0,32})?$/, t('expected.action')),
    actor: known('--actor', given.actor, /^(admin|token):.{1,70}$/su, t('expected.actor')),
    run_id: known('--run', given.run, /^[A-Za-z0-9_-]{22}$/, t('expected.run')),
    since: time('--since', given.since),
    until: time('--until', given.until),
    limit: pageLimit(given.limit, usualLimit, t('expected.limit')),
    before: known('--before', given.before, /^\d{1,16}-[A-Za-z0-9_-]{22}$/, t('expected.cursor')),
  }
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined))
}

const whose = ({ username }: AuditEvent, { t }: Terminal): string => username ?? t('admin.audit.nobody')

/** An event as one line, for a list that grows. */
function lineOf(event: AuditEvent, terminal: Terminal): string {
  const { t } = terminal
  const what = terminal.paint(
    'strong',
    t('log.with_value', { what: whose(event, terminal), value: happened(event, terminal) }),
  )
  const more = [...changesIn(event, terminal), confirmedBy(event, terminal), event.source].filter(Boolean)
  return t('admin.audit.line', { time: wallTime(timeOf(event.at)), what, more: more.join(' · ') })
}

async function showTable(events: readonly AuditEvent[], terminal: Terminal): Promise<void> {
  const { t } = terminal
  const rows = (event: AuditEvent): (readonly Cell[])[] => {
    const cells: Cell[] = [
      { text: wallTime(timeOf(event.at)) },
      { text: whose(event, terminal) },
      { text: happened(event, terminal), style: 'strong' },
      { text: confirmedBy(event, terminal) },
      { text: event.source, style: 'dim' },
    ]
    return rowsOfEvent(event, cells, 2, terminal)
  }
  const titles = [t('log.time'), t('admin.audit.user'), t('log.action'), t('admin.audit.by'), t('log.source')]
  if (events.length === 0) terminal.say(t('admin.audit.none'))
  else await terminal.table(titles, events.flatMap(rows))
}

/** `hufu admin audit`: security events of all accounts, the newest first; with `--follow` as they happen. */
export async function run(context: Context, given: Filters): Promise<void> {
  const { terminal, api, clock } = context
  const { t } = terminal
  const query = queryOf(given, clock.now(), terminal)
  if (given.follow) {
    const [other] = (['until', 'before'] as const).filter(option => given[option] !== undefined)
    if (other) throw new CommandError('options_conflict', { options: `--follow${t('list.and')}--${other}` })
    const count = await followAudit(context, query, event => {
      terminal.event('audit', event)
      if (!terminal.json) terminal.say(lineOf(event, terminal))
    })
    return terminal.result({ count, next: null })
  }
  const { events, next } = await newestEvents(api, query, query.limit ?? usualLimit)
  for (const event of events) terminal.event('audit', event)
  if (!terminal.json) await showTable(events, terminal)
  if (next !== null) terminal.note(`\n${t('admin.more', { option: '--before', next })}`)
  terminal.result({ count: events.length, next })
}
