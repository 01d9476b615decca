import type { Context } from '../../../cli/context.ts'
import { disableAccount, enableAccount } from '../../../contract/admin.ts'
import { withAuthority } from '../authority.ts'

interface Given {
  readonly username: string | undefined
}

/** `hufu admin user disable USERNAME`: keeps everybody out of an account. */
export async function disable(context: Context, given: Given): Promise<void> {
  const { terminal, api, input } = context
  const { t } = terminal
  const username = await input.username(given.username)
  const answer = await withAuthority(context, { operation: 'account.disable', value: username }, proven =>
    api.call(disableAccount, { params: { username }, ...proven }),
  )
  const values = { username: answer.username, count: answer.sessions_revoked }
  const done = () => `${terminal.paint('good', '✓')} ${t('admin.user.disabled', values)}`
  terminal.say(answer.changed ? done() : t('admin.user.disabled_already', values))
  terminal.result({ ...answer })
}

/** `hufu admin user enable USERNAME`: lets the owner of a disabled account in again. */
export async function enable(context: Context, given: Given): Promise<void> {
  const { terminal, api, input } = context
  const { t } = terminal
  const username = await input.username(given.username)
  const answer = await withAuthority(context, { operation: 'account.enable', value: username }, proven =>
    api.call(enableAccount, { params: { username }, ...proven }),
  )
  const values = { username: answer.username }
  const done = () => `${terminal.paint('good', '✓')} ${t('admin.user.enabled', values)}`
  terminal.say(answer.changed ? done() : t('admin.user.enabled_already', values))
  terminal.result({ ...answer })
}
