import { type Counters, noCounters } from '../ports/counters.ts'
import { DeliveryError } from '../ports/delivery-error.ts'
import { type Log, unforeseen } from '../ports/log.ts'
import type { MessageProvider, MessageSender, ProviderHealth } from '../ports/messages.ts'

/** Whether somebody ended the attempt who did not want its end: that says nothing of the provider. */
const wasCalledOff = ({ aborted, reason }: AbortSignal): boolean =>
  aborted && !(reason instanceof DOMException && reason.name === 'TimeoutError')

/** The provider, whose every attempt is told to `health` and counted. */
export function withHealth(
  provider: MessageProvider,
  health: ProviderHealth,
  counters: Counters = noCounters,
): MessageProvider {
  const { name } = provider
  async function told<T>(work: Promise<T>, signal: AbortSignal, channel?: string): Promise<T> {
    const count = (outcome: string) => {
      if (channel) counters.count('deliveries', { channel, provider: name, outcome })
    }
    try {
      const done = await work
      health.worked(name)
      count('sent')
      return done
    } catch (error) {
      if (error instanceof DeliveryError && !wasCalledOff(signal)) {
        health.failed(error)
        count(error.failure)
      }
      throw error
    }
  }
  return {
    name,
    send: (message, signal) => told(provider.send(message, signal), signal, message.channel),
    check: signal => told(provider.check(signal), signal),
    close: () => provider.close(),
  }
}

/** Sends all messages of a channel through one provider, which reports to `health` (see `withHealth`). */
export const singleProvider = (provider: MessageProvider, health: ProviderHealth): MessageSender => ({
  reach: () => (health.isOff(provider.name) ? 'off' : 'available'),
  send: (message, signal) => provider.send(message, signal),
  close: () => provider.close(),
})

const checkTimeout = 20_000

/**
 * Asks each provider, all at once, whether it takes our credentials, and logs those that are off, and why. A server
 * need not wait for it: what is off is off for everybody as soon as the provider has said so.
 * @param providers as `withHealth` makes them
 */
export async function checkProviders(
  providers: readonly MessageProvider[],
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    providers.map(async provider => {
      const within = new AbortController()
      const end = () => within.abort(signal.reason)
      signal.addEventListener('abort', end, { once: true })
      if (signal.aborted) end()
      const timer = setTimeout(() => within.abort(new DOMException('took too long', 'TimeoutError')), checkTimeout)
      try {
        await provider.check(within.signal)
        log.info({ provider: provider.name }, 'message provider is ready')
      } catch (error) {
        if (signal.aborted) return
        const why =
          error instanceof DeliveryError ? { failure: error.failure, error: error.message } : unforeseen(error)
        log.warn({ provider: provider.name, ...why }, 'message provider is not ready')
      } finally {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
      }
    }),
  )
}
