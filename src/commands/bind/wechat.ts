import { ApiError } from '../../api/errors.ts'
import type { Context } from '../../cli/context.ts'
import { beginWeChatBinding, cancelBinding, readWeChatBinding, renewWeChatQr } from '../../contract/bindings.ts'
import type { AnswerOf } from '../../contract/operation.ts'
import { timeOf } from '../../lib/clock.ts'
import { CommandError } from '../command-error.ts'
import { sayBound } from './code.ts'

const pollPause = 1000

type State = AnswerOf<typeof readWeChatBinding>
type Qr = AnswerOf<typeof renewWeChatQr>['qr']

async function show({ terminal }: Context, qr: Qr): Promise<void> {
  await terminal.qr(qr.payload, [terminal.t('wechat.scan')])
  terminal.event('qr', { item: 'wechat', ...qr })
}

/** Waits until the scan has arrived; a QR code that expires meanwhile is renewed in its place. */
async function awaitScan(context: Context, binding_id: string, expires_at: string): Promise<State> {
  const { terminal, api, clock, signal } = context
  const params = { binding_id }
  const left = (time: string) => Math.max(0, Math.ceil((timeOf(time) - clock.now()) / 1000))
  const start = () => terminal.waiting(terminal.t('wechat.waiting', { seconds: left(expires_at) }))
  let waiting = start()
  try {
    for (;;) {
      const state = await api.call(readWeChatBinding, { params })
      if (state.state !== 'waiting') return state
      if (left(state.qr_expires_at) === 0) {
        waiting.stop()
        const { qr } = await api.call(renewWeChatQr, { params })
        terminal.note(terminal.t('wechat.renewed'))
        await show(context, qr)
        waiting = start()
      } else waiting.update(terminal.t('wechat.waiting', { seconds: left(state.expires_at) }))
      await clock.sleep(pollPause, signal)
    }
  } finally {
    waiting.stop()
  }
}

/** `hufu bind wechat`: step up, scan the QR code with WeChat; the command ends by itself. */
export async function run(context: Context): Promise<void> {
  const { stepUp, api } = context
  const state = await stepUp.run('wechat.bind', undefined, async proof => {
    const { binding_id, expires_at, qr } = await api.call(beginWeChatBinding, { proof })
    await show(context, qr)
    try {
      return await awaitScan(context, binding_id, expires_at)
    } catch (error) {
      // The QR code may still be on somebody's screen: a scan after this must bind nothing.
      await api.call(cancelBinding, { params: { binding_id }, afterAbort: true }).catch(() => {})
      throw error
    }
  })
  if (state.state === 'expired') throw new CommandError('scan_timeout')
  if (state.state === 'refused') {
    if (state.problem === null || state.problem === 'proof_used') throw new CommandError('scan_refused')
    throw new ApiError(state.problem)
  }
  sayBound(context, { item: 'wechat', value: state.value, replaced: state.replaced })
}
