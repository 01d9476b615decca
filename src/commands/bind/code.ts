import { isApiError } from '../../api/errors.ts'
import { MessageFailedError } from '../../auth/errors.ts'
import type { CodeRequest } from '../../auth/interaction.ts'
import { type Resend, whileUnderWay } from '../../auth/message-watch.ts'
import type { Context } from '../../cli/context.ts'
import { finishCodeBinding, resendBindingCode } from '../../contract/bindings.ts'
import type { AnswerOf } from '../../contract/operation.ts'
import type { CodeSent } from '../../contract/schemas.ts'

export type Bound = AnswerOf<typeof finishCodeBinding>

const wrong = ['code_incorrect', 'code_other_purpose', 'totp_incorrect', 'totp_used']

/**
 * Asks for the code that proves the new number, address, app or WeChat account until the server takes it.
 * @throws {MessageFailedError} when its message failed, where a person `canRetype` the number or address, or nobody may
 * be asked
 */
export async function proveByCode(
  context: Context,
  binding: { binding_id: string; channel: CodeRequest['channel']; sent?: CodeSent; canRetype?: boolean },
): Promise<Bound> {
  const { api, interaction, terminal, explain } = context
  const params = { binding_id: binding.binding_id }
  let { sent } = binding
  let underWay = sent
  const resend: Resend = async () => {
    const { code } = await api.call(resendBindingCode, { params })
    interaction.codeSent(code, 'bind')
    underWay = sent = code
    return code
  }
  const request = { purpose: 'bind', channel: binding.channel, destination: sent?.destination ?? '' } as const
  for (;;) {
    try {
      const code = await whileUnderWay(context, underWay, sent && resend, (stop, again) =>
        interaction.code(request, sent, again, stop),
      )
      return await api.call(finishCodeBinding, { params, body: { code } })
    } catch (error) {
      if (error instanceof MessageFailedError && interaction.canRetry && !binding.canRetype) {
        explain(error, terminal.t('code.resend_after_failure'))
        underWay = undefined
        continue
      }
      const gone = sent !== undefined && isApiError(error, 'code_expired', 'code_used')
      const isToBeScanned = binding.channel === 'wechat' && isApiError(error, 'code_expired', 'code_used')
      if (!interaction.canRetry || !(gone || isToBeScanned || isApiError(error, ...wrong))) throw error
      if (isToBeScanned) explain(error, terminal.t('wechat.scan_again'))
      else if (binding.channel === 'wechat') explain(error, terminal.t('wechat.newest_code'))
      else explain(error)
      if (gone) await resend()
    }
  }
}

/** Says what is bound now. @param bound with whatever else belongs into the result */
export function sayBound({ terminal }: Pick<Context, 'terminal'>, bound: Bound): void {
  const { t } = terminal
  const item = t(`item.${bound.item}`)
  const how = bound.replaced ? 'replaced' : 'done'
  const words = bound.value === null ? t(`bind.${how}`, { item }) : t(`bind.${how}_value`, { item, value: bound.value })
  terminal.say(`${terminal.paint('good', '✓')} ${words}`)
  terminal.result({ ...bound })
}
