import { isApiError } from '../api/errors.ts'
import type { Context } from '../cli/context.ts'
import { changePassword, redeemEnrolmentLink } from '../contract/credentials.ts'

const weak = ['password_too_short', 'password_too_long', 'password_too_common', 'password_unchanged']

/** Asks for a new password until `set` takes one; a refused one does not use up what was proven. */
async function withNewPassword<T>(context: Context, set: (newPassword: string) => Promise<T>): Promise<T> {
  const { input, explain } = context
  for (;;) {
    const newPassword = await input.newPassword()
    try {
      return await set(newPassword)
    } catch (error) {
      if (!isApiError(error, ...weak) || !input.canRetry) throw error
      explain(error)
    }
  }
}

/** The first password, by the one-time link that an admin made; nobody has to be logged in. */
async function setFirst(context: Context, file: string): Promise<void> {
  const { terminal, input, api } = context
  const link_secret = await input.linkSecret(file)
  const answer = await withNewPassword(context, new_password =>
    api.call(redeemEnrolmentLink, { body: { link_secret, new_password } }),
  )
  terminal.say(terminal.t('passwd.first', { username: answer.username }))
  if (answer.short_password) terminal.note(terminal.t('passwd.short'))
  terminal.result({ ...answer })
}

/** `hufu passwd [--link-file FILE]`: step up, then the new password twice; other sessions end. */
export async function run(context: Context, { linkFile }: { linkFile: string | undefined }): Promise<void> {
  if (linkFile !== undefined) return setFirst(context, linkFile)
  const { terminal, stepUp, api } = context
  const { t } = terminal
  const answer = await stepUp.run('password.change', undefined, proof =>
    withNewPassword(context, new_password => api.call(changePassword, { body: { new_password }, proof })),
  )
  terminal.say(`${terminal.paint('good', '✓')} ${t('passwd.done')}`)
  if (answer.sessions_revoked > 0) terminal.say(t('passwd.sessions', { count: answer.sessions_revoked }))
  if (answer.short_password) terminal.note(t('passwd.short'))
  terminal.result({ ...answer })
}
