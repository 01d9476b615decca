import type { Cell, Context, Terminal } from '../cli/context.ts'
import { type Overview, readOverview, type SecurityItemState } from '../contract/account.ts'
import { timeOf, wallTime } from '../lib/clock.ts'

/** The command that changes an item. */
export const commandFor = (item: SecurityItemState['item']): string =>
  item === 'password' ? 'hufu passwd' : `hufu bind ${item}`

const day = (time: string | null): Cell => ({ text: time === null ? '' : wallTime(timeOf(time)).slice(0, 10) })

function rowsOf(
  { item, set, value, bound_at, last_used_at, keys }: SecurityItemState,
  { t }: Terminal,
  isOwn: boolean,
): Cell[][] {
  const several = keys.length > 1 ? t('status.keys', { count: keys.length }) : keys[0]?.name
  const state: Cell = set
    ? { text: value ?? several ?? t('status.set'), style: 'good' }
    : { text: t('status.not_set'), style: 'dim' }
  const row: Cell[] = [{ text: t(`item.${item}`), style: 'strong' }, state, day(bound_at), day(last_used_at)]
  if (isOwn) row.push({ text: commandFor(item), style: 'command' })
  const perKey = keys.length > 1 ? keys : []
  return [
    row,
    ...perKey.map(key => [{ text: '' }, { text: `· ${key.name}` }, day(key.bound_at), day(key.last_used_at)]),
  ]
}

/** Draws the six items of an account; where it is the person's own (`isOwn`), with the commands that change them. */
export async function showItems(
  { username, items }: Pick<Overview, 'username' | 'items'>,
  terminal: Terminal,
  isOwn = false,
): Promise<void> {
  const { t } = terminal
  terminal.say(`\n${terminal.paint('strong', t('status.title', { username }))}\n`)
  const titles = [t('status.item'), t('status.state'), t('status.since'), t('status.used')]
  await terminal.table(
    isOwn ? [...titles, t('status.command')] : titles,
    items.flatMap(item => rowsOf(item, terminal, isOwn)),
  )
}

/** Draws the security page. */
export async function showOverview(overview: Overview, terminal: Terminal, server: string): Promise<void> {
  const { t } = terminal
  const left = overview.recovery_codes_left
  await showItems(overview, terminal, true)
  terminal.note(
    `\n${left === 0 ? t('status.no_recovery_codes') : t('status.recovery_codes', { count: left })}\n${t(
      'status.session',
      {
        server,
        time: wallTime(timeOf(overview.session.expires_at)),
      },
    )}`,
  )
}

/** `hufu status`: the security page. */
export async function run({ terminal, api }: Context): Promise<void> {
  const overview = await api.call(readOverview, {})
  await showOverview(overview, terminal, api.origin)
  terminal.result({ ...overview })
}
