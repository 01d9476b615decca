import type { Cell, Context } from '../../../cli/context.ts'
import { listTokens, type TokenEntry } from '../../../contract/admin-tokens.ts'
import { timeOf, wallTime } from '../../../lib/clock.ts'
import { pageLimit } from '../../page-limit.ts'

const usualLimit = 50

const day = (time: string): string => wallTime(timeOf(time)).slice(0, 10)

/** `hufu admin token list`: all tokens, the newest first; never their secrets. */
export async function run(
  { terminal, api, clock }: Context,
  given: { limit: string | undefined; before: string | undefined },
): Promise<void> {
  const { t } = terminal
  const query = {
    limit: pageLimit(given.limit, usualLimit, t('expected.limit')),
    ...(given.before === undefined ? {} : { before: given.before }),
  }
  const { tokens, next } = await api.call(listTokens, { query })
  const until = ({ expires_at, revoked_at }: TokenEntry): Cell => {
    if (revoked_at !== null) return { text: t('admin.token.revoked_cell'), style: 'dim' }
    if (timeOf(expires_at) <= clock.now()) return { text: t('admin.token.expired_cell'), style: 'dim' }
    return { text: day(expires_at), style: 'good' }
  }
  const row = (token: TokenEntry): Cell[] => [
    { text: token.id, style: 'command' },
    { text: token.name, style: 'strong' },
    { text: token.scopes.join(t('list.and')) },
    until(token),
    { text: token.last_used_at === null ? t('admin.token.never') : day(token.last_used_at) },
  ]
  const titles = [
    t('admin.token.id'),
    t('admin.token.name'),
    t('admin.token.scopes'),
    t('admin.token.until'),
    t('admin.token.used'),
  ]
  if (tokens.length === 0) terminal.say(t('admin.token.none'))
  else await terminal.table(titles, tokens.map(row))
  if (next !== null) terminal.note(`\n${t('admin.more', { option: '--before', next })}`)
  terminal.result({ tokens, next })
}
