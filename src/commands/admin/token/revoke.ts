import type { Context } from '../../../cli/context.ts'
import { revokeToken } from '../../../contract/admin-tokens.ts'
import { asked } from '../asked.ts'

/** `hufu admin token revoke ID`: ends a token at once. */
export async function run(context: Context, given: { id: string | undefined }): Promise<void> {
  const { terminal, api, stepUp } = context
  const { t } = terminal
  const token_id = await asked(context, given.id, {
    missing: 'token',
    option: 'ID',
    words: t('ask.token'),
    expected: t('expected.token_id'),
    isRight: text => /^[A-Za-z0-9_-]{22}$/.test(text),
  })
  const answer = await stepUp.run('token.revoke', token_id, proof =>
    api.call(revokeToken, { params: { token_id }, proof }),
  )
  const { name } = answer
  const done = () => `${terminal.paint('good', '✓')} ${t('admin.token.revoked', { name })}`
  terminal.say(answer.changed ? done() : t('admin.token.revoked_already', { name }))
  terminal.result({ ...answer })
}
