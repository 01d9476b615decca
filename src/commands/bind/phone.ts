import { isApiError } from '../../api/errors.ts'
import { MessageFailedError } from '../../auth/errors.ts'
import type { Context } from '../../cli/context.ts'
import { beginPhoneBinding } from '../../contract/bindings.ts'
import { proveByCode, sayBound } from './code.ts'

/** `hufu bind phone [NUMBER]`: step up, then a code that is sent to the new number. */
export async function run(context: Context, { phoneNumber }: { phoneNumber: string | undefined }): Promise<void> {
  const { terminal, stepUp, input, api, interaction, explain } = context
  const bound = await stepUp.run('phone.bind', phoneNumber, async proof => {
    for (;;) {
      const phone_number = await input.phoneNumber(phoneNumber)
      try {
        const pending = await api.call(beginPhoneBinding, { body: { phone_number }, proof })
        interaction.codeSent(pending.code, 'bind')
        const { binding_id, code } = pending
        const { canRetry } = input
        return await proveByCode(context, { binding_id, channel: 'phone', sent: code, canRetype: canRetry })
      } catch (error) {
        const isLost = error instanceof MessageFailedError
        const isWrong = isApiError(error, 'phone_number_invalid', 'phone_country_unserved', 'already_bound')
        if (!input.canRetry || !(isLost || isWrong)) throw error
        if (isLost) explain(error, terminal.t('code.retype_after_failure'))
        else explain(error)
      }
    }
  })
  sayBound(context, bound)
}
