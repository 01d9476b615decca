import { parsePhoneNumberFromString } from 'libphonenumber-js/mobile'
import type { SmsConfig, SmsProviderName, SmsRoute } from '../../config/config.ts'
import { DeliveryError } from '../../domain/ports/delivery-error.ts'
import type { MessageProvider, MessageSender, ProviderHealth } from '../../domain/ports/messages.ts'

/** The country calling code of a number in E.164, `+86`: of all that share one (`+1`, `+7`) it is the same. */
function callingCodeOf(to: string): string | undefined {
  // No calling code begins another one, and most numbers are the mainland's.
  if (/^\+86\d{11}$/.test(to)) return '+86'
  const number = parsePhoneNumberFromString(to, { extract: false })
  return number && `+${number.countryCallingCode}`
}

/**
 * Text messages by several providers: the destination's country says whose turn it is, and in which order. The next
 * one's turn comes only when it is certain that nothing was sent and somebody else may well succeed (`unreachable`).
 */
export function routeSms({
  config: { routes },
  providers,
  health,
}: {
  readonly config: Pick<SmsConfig, 'routes'>
  /** Those that are set up; each reports to `health` by itself. */
  readonly providers: Readonly<Partial<Record<SmsProviderName, MessageProvider>>>
  readonly health: Pick<ProviderHealth, 'isOff'>
}): MessageSender {
  const usable = (route: SmsRoute): MessageProvider[] =>
    route.providers.flatMap(name => {
      const provider = providers[name]
      return provider && !health.isOff(name) ? [provider] : []
    })

  function routeTo(to: string): SmsRoute | undefined {
    const code = callingCodeOf(to)
    if (code === undefined) return undefined
    return routes.find(({ countries }) => countries === undefined || countries.includes(code))
  }

  return {
    reach(to) {
      if (to === null) return routes.some(route => usable(route).length > 0) ? 'available' : 'off'
      const route = routeTo(to)
      if (!route) return 'unserved'
      return usable(route).length > 0 ? 'available' : 'off'
    },

    async send(message, signal) {
      const route = routeTo(message.to)
      // An error names a provider; where none was asked, the one whose turn would have come first.
      const first = (route ?? routes[0])?.providers[0] ?? 'twilio'
      if (!route) throw new DeliveryError('refused', first, 'the country is not served')
      let failure = new DeliveryError('unreachable', first, 'no provider of this route is in use now')
      for (const provider of usable(route)) {
        try {
          return await provider.send(message, signal)
        } catch (error) {
          if (!(error instanceof DeliveryError) || error.failure !== 'unreachable') throw error
          failure = error
          if (signal.aborted) break
        }
      }
      throw failure
    },

    async close() {
      await Promise.all(Object.values(providers).map(provider => provider.close()))
    },
  }
}
