import { DeliveryError, type DeliveryFailure } from '../../../../src/server/domain/ports/delivery-error.ts'
import type { MessageProvider, OutgoingMessage, ProviderHealth } from '../../../../src/server/domain/ports/messages.ts'

export const messageTo = (to: string, text = 'Your code: 012345'): OutgoingMessage => ({
  id: 'm'.repeat(22),
  channel: 'phone',
  to,
  locale: 'en',
  subject: 's',
  text,
  code: '012345',
  link: null,
  notice: null,
})

/** What an attempt may end in. */
export type Outcome = 'sent' | DeliveryFailure

/** A provider that does as it is told, and notes what it was given. */
export function scriptedProvider(
  name: 'aliyun' | 'tencent' | 'twilio',
  outcomes: readonly Outcome[] = [],
): MessageProvider & { readonly given: string[]; closed: boolean } {
  const left = [...outcomes]
  const provider = {
    name,
    given: [] as string[],
    closed: false,
    async send({ to }: OutgoingMessage) {
      provider.given.push(to)
      const outcome = left.shift() ?? 'sent'
      if (outcome !== 'sent') throw new DeliveryError(outcome, name, 'as told')
      return { provider: name, providerMessageId: `${name}-${provider.given.length}` }
    },
    async check() {},
    async close() {
      provider.closed = true
    },
  }
  return provider
}

/** Knows who is off, and notes what it is told. */
export function scriptedHealth(off: readonly string[] = []): ProviderHealth & { readonly told: string[] } {
  const told: string[] = []
  return {
    told,
    isOff: provider => off.includes(provider),
    worked: provider => void told.push(`${provider} worked`),
    failed: ({ provider, failure }) => void told.push(`${provider} ${failure}`),
  }
}
