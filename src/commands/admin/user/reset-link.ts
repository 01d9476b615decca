import { isApiError } from '../../../api/errors.ts'
import type { Context } from '../../../cli/context.ts'
import { resetLink } from '../../../contract/admin.ts'
import { withAuthority } from '../authority.ts'
import { handOver } from '../password-link.ts'

/** `hufu admin user reset-link USERNAME`: a one-time link by which the owner sets a new password. */
export async function run(
  context: Context,
  { output, ...given }: { username: string | undefined; output: string | undefined },
): Promise<void> {
  const { api, input } = context
  const username = await input.username(given.username)
  const words = { shown: 'admin.user.link', filed: 'admin.user.link_filed' } as const
  try {
    await handOver(context, { output, words }, () =>
      withAuthority(context, { operation: 'account.reset_link', value: username }, proven =>
        api.call(resetLink, { params: { username }, ...proven }),
      ),
    )
  } catch (error) {
    throw isApiError(error, 'account_disabled') ? Object.assign(error, { about: 'admin' }) : error
  }
}
