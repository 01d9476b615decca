import { isApiError } from '../../api/errors.ts'
import type { Context, DrawnQr } from '../../cli/context.ts'
import { type beginWeChatBinding, readWeChatBinding, renewWeChatQr } from '../../contract/bindings.ts'
import type { AnswerOf } from '../../contract/operation.ts'
import { timeOf } from '../../lib/clock.ts'

export type WeChatBinding = AnswerOf<typeof beginWeChatBinding>
export type WeChatState = AnswerOf<typeof readWeChatBinding>

const pollPause = 1000
/** How long a server that answered before is asked again. */
const patience = 30_000
const passing = ['server_unreachable', 'server_timeout', 'busy', 'internal_error', 'wechat_unavailable']

async function show({ terminal }: Context, qr: WeChatBinding['qr'], over?: DrawnQr): Promise<DrawnQr> {
  if (over?.rows === 0) terminal.note(terminal.t('wechat.renewed'))
  const drawn = await terminal.qr(qr.payload, [terminal.t('wechat.scan')], over)
  terminal.event('qr', { item: 'wechat', ...qr })
  return drawn
}

/** `4:59` until `time`. */
function left({ clock }: Context, time: string): string {
  const seconds = Math.max(0, Math.ceil((timeOf(time) - clock.now()) / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/**
 * Shows the QR code, renews it in its place when it expires, and waits until the scan has been decided, or the code
 * that it gave is to be typed. A server that does not answer for a moment is asked again.
 * @returns the last state: `scanned` where a code is to be typed, else `bound`, `refused` or `expired`
 * @throws {ApiError}
 */
export async function awaitScan(context: Context, begun: WeChatBinding): Promise<WeChatState> {
  const { terminal, api, clock, signal } = context
  const { t } = terminal
  const params = { binding_id: begun.binding_id }
  const words = (qrExpiresAt: string) =>
    t('wechat.waiting', { code: left(context, qrExpiresAt), whole: left(context, begun.expires_at) })
  const agreeing = () => t('wechat.agreeing', { whole: left(context, begun.expires_at) })
  let drawn = await show(context, begun.qr)
  let waiting = terminal.waiting(words(begun.qr.expires_at))
  let isScanned = false
  let failingSince: number | undefined

  const renew = async () => {
    const { qr } = await api.call(renewWeChatQr, { params })
    waiting.stop()
    drawn = await show(context, qr, drawn)
    waiting = terminal.waiting(words(qr.expires_at))
  }
  /** Looks once; `undefined` while there is more to come. */
  const look = async (): Promise<WeChatState | undefined> => {
    const state = await api.call(readWeChatBinding, { params })
    const isAgreeing = state.state === 'scanned' && state.confirm === 'none'
    if (state.state !== 'waiting' && state.state !== 'expired' && !isScanned) {
      terminal.event('scanned', { item: 'wechat' })
      isScanned = true
      waiting.stop()
      if (isAgreeing) waiting = terminal.waiting(agreeing())
    }
    if (state.state !== 'waiting' && !isAgreeing) {
      waiting.stop()
      if (state.state !== 'expired') terminal.note(`${terminal.paint('good', '✓')} ${t('wechat.scanned')}`)
      return state
    }
    // Who scanned may have left it at that: others can go on by the new one, and they, too, with what they began.
    if (timeOf(state.qr_expires_at) <= clock.now()) await renew()
    else waiting.update(isAgreeing ? agreeing() : words(state.qr_expires_at))
    return undefined
  }

  try {
    for (;;) {
      try {
        const state = await look()
        if (state) return state
        failingSince = undefined
      } catch (error) {
        if (signal.aborted || !isApiError(error, ...passing)) throw error
        failingSince ??= clock.now()
        if (clock.now() - failingSince >= patience) throw error
        waiting.update(t('wechat.retrying', { whole: left(context, begun.expires_at) }))
      }
      await clock.sleep(pollPause, signal)
    }
  } finally {
    waiting.stop()
  }
}
