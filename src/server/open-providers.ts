import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type {
  AliyunConfig,
  Config,
  EmailConfig,
  SmsConfig,
  SmsProviderName,
  TencentConfig,
  TwilioConfig,
  WeChatConfig,
} from './config/config.ts'
import { DeliveryError } from './domain/ports/delivery-error.ts'
import type { MessageProvider, MessageSender, ProviderHealth } from './domain/ports/messages.ts'

/** What providers run on beside their configuration. */
export interface ProviderEdge {
  readonly clock: Clock
  readonly random: Random
}

/** Something whose credentials can be tried without doing anything to anybody. */
export interface Checkable {
  /** @throws {DeliveryError | WeChatError} when the credentials are not taken, or nobody answers */
  check(signal: AbortSignal): Promise<void>
}

type Opener<Section, Opened> = (section: Section, edge: ProviderEdge) => Opened | Promise<Opened>

/** How each concrete provider is made. Each is loaded when it is configured, and not before. */
export interface ProviderOpeners {
  readonly smtp: Opener<EmailConfig, MessageProvider>
  readonly aliyun: Opener<AliyunConfig, MessageProvider>
  readonly tencent: Opener<TencentConfig, MessageProvider>
  readonly twilio: Opener<TwilioConfig, MessageProvider>
  readonly wechat: Opener<WeChatConfig, Checkable>
  readonly routeSms: (options: {
    readonly config: Pick<SmsConfig, 'routes'>
    readonly providers: Readonly<Partial<Record<SmsProviderName, MessageProvider>>>
    readonly health: ProviderHealth
  }) => MessageSender | Promise<MessageSender>
}

/** The providers that are configured and on. */
export interface OpenedProviders {
  readonly providers: readonly MessageProvider[]
  readonly wechat: Checkable | undefined
  /** Who delivers what, with what is known of the providers' state. */
  senders(health: ProviderHealth): Promise<Partial<Record<'phone' | 'email', MessageSender>>>
  close(): Promise<void>
}

/** Opens what `config` has. Nothing is sent, and nobody is called, before it is asked for. */
export async function openProviders(
  { email, sms, wechat }: Pick<Config, 'email' | 'sms' | 'wechat'>,
  edge: ProviderEdge,
  openers: Partial<ProviderOpeners> = concreteProviders,
): Promise<OpenedProviders> {
  const mail = email && (await openers.smtp?.(email, edge))
  const texts = {
    ...given('aliyun', sms?.aliyun && (await openers.aliyun?.(sms.aliyun, edge))),
    ...given('tencent', sms?.tencent && (await openers.tencent?.(sms.tencent, edge))),
    ...given('twilio', sms?.twilio && (await openers.twilio?.(sms.twilio, edge))),
  }
  const providers = [...(mail ? [mail] : []), ...Object.values(texts)]
  return {
    providers,
    wechat: wechat && (await openers.wechat?.(wechat, edge)),
    async senders(health) {
      const phone = sms && (await openers.routeSms?.({ config: sms, providers: texts, health }))
      return { ...given('phone', phone), ...given('email', mail && senderOf(mail, health)) }
    },
    async close() {
      for (const provider of providers) await provider.close()
    },
  }
}

const given = <Name extends string, Value>(name: Name, value: Value | undefined): Partial<Record<Name, Value>> =>
  value === undefined ? {} : ({ [name]: value } as Record<Name, Value>)

/** A channel with one provider, which delivers everywhere. */
function senderOf(provider: MessageProvider, health: ProviderHealth): MessageSender {
  return {
    reach: () => (health.isOff(provider.name) ? 'off' : 'available'),
    async send(message, signal) {
      try {
        const sent = await provider.send(message, signal)
        health.worked(provider.name)
        return sent
      } catch (error) {
        if (error instanceof DeliveryError) health.failed(error)
        throw error
      }
    },
    close: () => provider.close(),
  }
}

/** The second and last place, beside app.ts, that names concrete providers. */
export const concreteProviders: Partial<ProviderOpeners> = {
  wechat: async (section, { clock }) => {
    const { checkCredentials } = await import('./providers/wechat/check-credentials.ts')
    return { check: () => checkCredentials(section, clock) }
  },
}
