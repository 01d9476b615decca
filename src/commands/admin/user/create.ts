import type { Context } from '../../../cli/context.ts'
import { type AccountRole, accountRoles, createAccount } from '../../../contract/admin.ts'
import { CommandError } from '../../command-error.ts'
import { withAuthority } from '../authority.ts'
import { handOver } from '../password-link.ts'

/** What `--role` says. @throws {CommandError} `input_malformed` */
export function roleOf(text: string | undefined, { terminal: { t } }: Context): AccountRole | undefined {
  if (text === undefined) return undefined
  const role = accountRoles.find(each => each === text)
  if (role) return role
  throw new CommandError('input_malformed', { source: '--role', expected: accountRoles.join(t('list.or')) })
}

export interface Wanted {
  readonly username: string | undefined
  readonly email: string | undefined
  readonly phone: string | undefined
  readonly role: string | undefined
  readonly output: string | undefined
}

/** `hufu admin user create USERNAME`: an account, and the one-time link by which its owner sets the password. */
export async function run(context: Context, { email, phone, role, output, ...given }: Wanted): Promise<void> {
  const { api, input } = context
  const wantedRole = roleOf(role, context)
  const username = await input.username(given.username)
  const body = {
    username,
    ...(email === undefined ? {} : { email_address: email }),
    ...(phone === undefined ? {} : { phone_number: phone }),
    ...(wantedRole === undefined ? {} : { role: wantedRole }),
  }
  const words = { shown: 'admin.user.made', filed: 'admin.user.made_filed' } as const
  await handOver(context, { output, words }, () =>
    withAuthority(context, { operation: 'account.create', value: username }, proven =>
      api.call(createAccount, { body, ...proven }),
    ),
  )
}
