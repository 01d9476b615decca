import type { Context } from '../cli/context.ts'
import { revokeSessions } from '../contract/sessions.ts'

/** `hufu logout [--all]`: ends this session, or all of the account's. */
export async function run({ terminal, api, profile }: Context, { all }: { all: boolean }): Promise<void> {
  const { revoked } = await api.call(revokeSessions, { query: { which: all ? 'all' : 'current' } })
  await profile.clear()
  const { t } = terminal
  terminal.say(all ? t('logout.all', { count: revoked }) : t('logout.done', { server: api.origin }))
  terminal.result({ server: api.origin, revoked })
}
