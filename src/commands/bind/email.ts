import { isApiError } from '../../api/errors.ts'
import type { Context } from '../../cli/context.ts'
import { beginEmailBinding } from '../../contract/bindings.ts'
import { proveByCode, sayBound } from './code.ts'

/** `hufu bind email [ADDRESS]`: step up, then a code that is sent to the new address. */
export async function run(context: Context, { emailAddress }: { emailAddress: string | undefined }): Promise<void> {
  const { stepUp, input, api, interaction, explain } = context
  const bound = await stepUp.run('email.bind', emailAddress, async proof => {
    for (;;) {
      const email_address = await input.emailAddress(emailAddress)
      try {
        const pending = await api.call(beginEmailBinding, { body: { email_address }, proof })
        interaction.codeSent(pending.code, 'bind')
        return await proveByCode(context, { binding_id: pending.binding_id, channel: 'email', sent: pending.code })
      } catch (error) {
        if (!input.canRetry || !isApiError(error, 'email_address_invalid', 'already_bound')) throw error
        explain(error)
      }
    }
  })
  sayBound(context, bound)
}
