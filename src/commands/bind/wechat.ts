import { ApiError, isApiError } from '../../api/errors.ts'
import type { Context } from '../../cli/context.ts'
import { beginWeChatBinding, cancelBinding } from '../../contract/bindings.ts'
import { CommandError } from '../command-error.ts'
import { type Bound, proveByCode, sayBound } from './code.ts'
import { awaitScan, type WeChatState } from './wechat-scan.ts'

/** What the scan came to. @throws why it bound nothing, in an error with words of its own */
function boundBy({ state, problem, value, replaced }: WeChatState): Bound {
  if (state === 'bound') return { item: 'wechat', value, replaced }
  if (state !== 'refused') throw new CommandError('scan_timeout')
  if (problem === 'declined' || problem === 'snapshot_user') throw new CommandError(`scan_${problem}`)
  if (problem === 'already_bound' || problem === 'bound_elsewhere') throw aboutWeChat(new ApiError(problem))
  throw new CommandError('scan_refused')
}

/** These are said of any item; with this, of WeChat. */
const aboutWeChat = (error: ApiError): ApiError => Object.assign(error, { about: 'wechat' })

/** `hufu bind wechat`: step up, scan the QR code with WeChat; the command ends by itself. */
export async function run(context: Context): Promise<void> {
  const { stepUp, api, terminal } = context
  const outcome = await stepUp.run('wechat.bind', undefined, async proof => {
    const begun = await api.call(beginWeChatBinding, { proof })
    const { binding_id } = begun
    try {
      const state = await awaitScan(context, begun)
      if (state.state !== 'scanned') return { state }
      terminal.note(terminal.t('wechat.code_shown'))
      return { bound: await proveByCode(context, { binding_id, channel: 'wechat' }) }
    } catch (error) {
      // The QR code may still be on somebody's screen: a scan after this must bind nothing.
      await api.call(cancelBinding, { params: { binding_id }, afterAbort: true }).catch(() => {})
      throw isApiError(error, 'already_bound', 'bound_elsewhere') ? aboutWeChat(error) : error
    }
  })
  sayBound(context, outcome.bound ?? boundBy(outcome.state))
}
