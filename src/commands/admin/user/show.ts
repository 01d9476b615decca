import type { Context, Terminal } from '../../../cli/context.ts'
import { showAccount } from '../../../contract/admin.ts'
import type { AnswerOf } from '../../../contract/operation.ts'
import { timeOf, wallTime } from '../../../lib/clock.ts'
import { showItems } from '../../status.ts'

type Account = AnswerOf<typeof showAccount>

/** What stands under the six items: a title and what it is, a line each. */
function facts(account: Account, { t }: Terminal): (readonly [title: string, fact: string])[] {
  const { role, disabled_at, created_at, recovery_codes_left, sessions, open_links } = account
  const since = (time: string) => wallTime(timeOf(time))
  return [
    [
      t('admin.user.state'),
      disabled_at === null ? t('admin.state.enabled') : t('admin.state.disabled_since', { time: since(disabled_at) }),
    ],
    [t('admin.user.role'), t(`admin.role.${role}`)],
    [t('admin.user.created'), since(created_at)],
    [t('admin.user.recovery_codes'), t('method.left', { count: recovery_codes_left })],
    [t('admin.user.sessions'), String(sessions)],
    ...open_links.map(
      ({ purpose, expires_at }) =>
        [t(`admin.link.${purpose}`), t('admin.link.until', { time: since(expires_at) })] as const,
    ),
  ]
}

/** `hufu admin user show USERNAME`: the security page of an account, its state, its sessions and open links. */
export async function run(context: Context, given: { username: string | undefined }): Promise<void> {
  const { terminal, api, input } = context
  const username = await input.username(given.username)
  const account = await api.call(showAccount, { params: { username } })
  await showItems(account, terminal)
  terminal.say('')
  for (const [title, fact] of facts(account, terminal)) {
    terminal.say(`  ${terminal.paint('dim', terminal.t('admin.titled', { title }))}${fact}`)
  }
  terminal.result({ ...account })
}
