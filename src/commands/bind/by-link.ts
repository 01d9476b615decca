import { isApiError } from '../../api/errors.ts'
import type { Context } from '../../cli/context.ts'
import { openEnrolment } from '../../contract/enrolments.ts'
import type { EnrolmentPurpose } from '../../contract/schemas.ts'
import { CommandError } from '../command-error.ts'
import type { Bound } from './code.ts'

/**
 * Binds by the one-time link in `file`, in the place of a login and a step-up. The stored login is neither used nor
 * touched: what the link opens serves for this binding alone. Until the binding is finished the link stays good.
 * @returns what is bound now, and whose account it is
 * @throws {CommandError} `enrolment_ended` when the link was opened elsewhere meanwhile, or it took too long
 */
export async function bindByLink(
  { api, input, terminal }: Pick<Context, 'api' | 'input' | 'terminal'>,
  file: string,
  item: EnrolmentPurpose,
  bind: (proof: string) => Promise<Bound>,
): Promise<Bound & { readonly username: string }> {
  const link_secret = await input.linkSecret(file)
  const opened = await api.call(openEnrolment, { body: { link_secret, purpose: item } })
  const { username, session_secret, proof, expires_at } = opened
  terminal.event('enrolment', { item, username, server: api.origin, expires_at })
  const { t } = terminal
  terminal.note(t('enrolment.opened', { item: t(`item.${item}`), username, server: api.origin }))
  const own = api.sessionSecret
  api.sessionSecret = session_secret
  try {
    return { ...(await bind(proof)), username }
  } catch (error) {
    if (isApiError(error, 'not_logged_in')) throw new CommandError('enrolment_ended', {}, { cause: error })
    throw error
  } finally {
    api.sessionSecret = own
  }
}
