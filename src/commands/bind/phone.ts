import { isApiError } from '../../api/errors.ts'
import type { Context } from '../../cli/context.ts'
import { beginPhoneBinding } from '../../contract/bindings.ts'
import { proveByCode, sayBound } from './code.ts'

/** `hufu bind phone [NUMBER]`: step up, then a code that is sent to the new number. */
export async function run(context: Context, { phoneNumber }: { phoneNumber: string | undefined }): Promise<void> {
  const { stepUp, input, api, interaction, explain } = context
  const bound = await stepUp.run('phone.bind', phoneNumber, async proof => {
    for (;;) {
      const phone_number = await input.phoneNumber(phoneNumber)
      try {
        const pending = await api.call(beginPhoneBinding, { body: { phone_number }, proof })
        interaction.codeSent(pending.code, 'bind')
        return await proveByCode(context, { binding_id: pending.binding_id, channel: 'phone', sent: pending.code })
      } catch (error) {
        if (!input.canRetry || !isApiError(error, 'phone_number_invalid', 'phone_country_unserved', 'already_bound')) {
          throw error
        }
        explain(error)
      }
    }
  })
  sayBound(context, bound)
}
