import type { Context } from '../../../cli/context.ts'
import { type AccountEntry, listAccounts } from '../../../contract/admin.ts'
import { timeOf, wallTime } from '../../../lib/clock.ts'
import { CommandError } from '../../command-error.ts'
import { pageLimit } from '../../page-limit.ts'
import { roleOf } from './create.ts'

const usualLimit = 50
const states = ['enabled', 'disabled'] as const

export interface Filters {
  readonly prefix: string | undefined
  readonly state: string | undefined
  readonly role: string | undefined
  readonly limit: string | undefined
  readonly after: string | undefined
}

/** `hufu admin user list`: accounts by user name. */
export async function run(context: Context, given: Filters): Promise<void> {
  const { terminal, api } = context
  const { t } = terminal
  const state = states.find(each => each === given.state)
  if (given.state !== undefined && state === undefined) {
    throw new CommandError('input_malformed', { source: '--state', expected: states.join(t('list.or')) })
  }
  const role = roleOf(given.role, context)
  const query = {
    limit: pageLimit(given.limit, usualLimit, t('expected.limit')),
    ...(given.prefix === undefined ? {} : { prefix: given.prefix }),
    ...(state === undefined ? {} : { state }),
    ...(role === undefined ? {} : { role }),
    ...(given.after === undefined ? {} : { after: given.after }),
  }
  const { accounts, next } = await api.call(listAccounts, { query })
  const row = ({ username, role: its, disabled_at, created_at }: AccountEntry) => [
    { text: username, style: 'strong' as const },
    { text: t(`admin.role.${its}`) },
    disabled_at === null
      ? { text: t('admin.state.enabled'), style: 'good' as const }
      : { text: t('admin.state.disabled'), style: 'bad' as const },
    { text: wallTime(timeOf(created_at)).slice(0, 10) },
  ]
  const titles = [t('admin.user.name'), t('admin.user.role'), t('admin.user.state'), t('admin.user.created')]
  if (accounts.length === 0) terminal.say(t('admin.user.none'))
  else await terminal.table(titles, accounts.map(row))
  if (next !== null) terminal.note(`\n${t('admin.more', { option: '--after', next })}`)
  terminal.result({ accounts, next })
}
