import type { ApiClient } from '../api/client.ts'
import { readMessage } from '../contract/messages.ts'
import type { CodeSent } from '../contract/schemas.ts'
import type { Clock } from '../lib/clock.ts'
import { MessageFailedError } from './errors.ts'
import type { Interaction } from './interaction.ts'

/** Milliseconds before the first question to the server, and between two. */
const pause = 2000

export interface MessageWatchTools {
  readonly api: ApiClient
  readonly clock: Clock
  readonly interaction: Pick<Interaction, 'event'>
}

/** Has another code sent. */
export type Resend = () => Promise<CodeSent>

/**
 * Watches what becomes of the message that carries a code while somebody waits for it. When the message has failed,
 * `stop` is aborted and whoever asks for the code gives up. The message of another code takes the place of the first.
 * @param sent undefined: nothing is under way until another code is sent
 * @param ask asks for the code until `stop` aborts, whose reason it throws then; `resend` is undefined where `send` is
 * @returns what `ask` gives
 * @throws {MessageFailedError} by way of `ask`, and what `ask` throws
 */
export async function whileUnderWay<T>(
  { api, clock, interaction }: MessageWatchTools,
  sent: CodeSent | undefined,
  send: Resend | undefined,
  ask: (stop: AbortSignal, resend: Resend | undefined) => Promise<T>,
): Promise<T> {
  const failed = new AbortController()
  let watched = sent
  let watching = new AbortController()

  const watch = (): void => {
    if (!watched) return
    watching = new AbortController()
    const { signal } = watching
    // Nobody waits for the watch, and what it cannot find out is not said.
    follow(watched, signal).catch(() => {})
  }

  async function follow({ message_id, channel }: CodeSent, signal: AbortSignal): Promise<void> {
    for (;;) {
      await clock.sleep(pause, signal)
      const answer = await api.call(readMessage, { params: { message_id }, signal }).catch(() => undefined)
      if (signal.aborted) return
      if (answer?.state !== 'delivered' && answer?.state !== 'failed') continue
      const { state, failure } = answer
      interaction.event('message', { message_id, channel, state, failure })
      if (state === 'failed') failed.abort(new MessageFailedError(channel, failure))
      return
    }
  }

  const resend: Resend | undefined =
    send &&
    (async () => {
      // What becomes of the earlier message is of no interest while another is sent.
      watching.abort()
      try {
        const next = await send()
        watched = next
        return next
      } finally {
        watch()
      }
    })

  watch()
  try {
    return await ask(failed.signal, resend)
  } finally {
    watching.abort()
  }
}
