import { isApiError } from '../../api/errors.ts'
import { MessageFailedError } from '../../auth/errors.ts'
import type { Context } from '../../cli/context.ts'
import { beginEmailBinding } from '../../contract/bindings.ts'
import { proveByCode, sayBound } from './code.ts'

/** `hufu bind email [ADDRESS]`: step up, then a code that is sent to the new address. */
export async function run(context: Context, { emailAddress }: { emailAddress: string | undefined }): Promise<void> {
  const { terminal, stepUp, input, api, interaction, explain } = context
  const bound = await stepUp.run('email.bind', emailAddress, async proof => {
    for (;;) {
      const email_address = await input.emailAddress(emailAddress)
      try {
        const pending = await api.call(beginEmailBinding, { body: { email_address }, proof })
        interaction.codeSent(pending.code, 'bind')
        const { binding_id, code } = pending
        const { canRetry } = input
        return await proveByCode(context, { binding_id, channel: 'email', sent: code, canRetype: canRetry })
      } catch (error) {
        const isLost = error instanceof MessageFailedError
        if (!input.canRetry || !(isLost || isApiError(error, 'email_address_invalid', 'already_bound'))) throw error
        if (isLost) explain(error, terminal.t('code.retype_after_failure'))
        else explain(error)
      }
    }
  })
  sayBound(context, bound)
}
