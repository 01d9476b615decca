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
import { singleProvider } from './domain/delivery/providers.ts'
import type { MessageProvider, MessageSender, ProviderHealth } from './domain/ports/messages.ts'
import type { ReceiptReader } from './domain/ports/receipts.ts'

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
    readonly health: Pick<ProviderHealth, 'isOff'>
  }) => MessageSender | Promise<MessageSender>
}

/** The providers that are configured and on. */
export interface OpenedProviders {
  readonly providers: readonly MessageProvider[]
  readonly wechat: Checkable | undefined
  /** Who delivers what, leaving out the providers that `health` knows to be off. */
  senders(health: ProviderHealth): Promise<Partial<Record<'phone' | 'email', MessageSender>>>
  close(): Promise<void>
}

/**
 * Opens what `config` has. Nothing is sent, and nobody is called, before it is asked for.
 * @param observe wraps each provider, so that what it does is told to `ProviderHealth`
 */
export async function openProviders(
  { email, sms, wechat }: Pick<Config, 'email' | 'sms' | 'wechat'>,
  edge: ProviderEdge,
  openers: Partial<ProviderOpeners> = concreteProviders,
  observe: (provider: MessageProvider) => MessageProvider = provider => provider,
): Promise<OpenedProviders> {
  const opened = async <Section>(opener: Opener<Section, MessageProvider> | undefined, section: Section | undefined) =>
    opener && section && observe(await opener(section, edge))
  const mail = await opened(openers.smtp, email)
  const texts = {
    ...given('aliyun', await opened(openers.aliyun, sms?.aliyun)),
    ...given('tencent', await opened(openers.tencent, sms?.tencent)),
    ...given('twilio', await opened(openers.twilio, sms?.twilio)),
  }
  const providers = [...(mail ? [mail] : []), ...Object.values(texts)]
  return {
    providers,
    wechat: wechat && (await openers.wechat?.(wechat, edge)),
    async senders(health) {
      const phone = sms && (await openers.routeSms?.({ config: sms, providers: texts, health }))
      return { ...given('phone', phone), ...given('email', mail && singleProvider(mail, health)) }
    },
    async close() {
      for (const provider of providers) await provider.close()
    },
  }
}

const given = <Name extends string, Value>(name: Name, value: Value | undefined): Partial<Record<Name, Value>> =>
  value === undefined ? {} : ({ [name]: value } as Record<Name, Value>)

/** The second and last place, beside app.ts, that names concrete providers. */
export const concreteProviders: ProviderOpeners = {
  smtp: async (section, edge) => (await import('./providers/smtp/open-smtp.ts')).openSmtp(section, edge),
  aliyun: async (section, edge) => (await import('./providers/sms/aliyun/aliyun.ts')).openAliyun(section, edge),
  tencent: async (section, edge) => (await import('./providers/sms/tencent/tencent.ts')).openTencent(section, edge),
  twilio: async (section, edge) => (await import('./providers/sms/twilio/twilio.ts')).openTwilio(section, edge),
  routeSms: async options => (await import('./providers/sms/router.ts')).routeSms(options),
  wechat: async (section, { clock }) => {
    const { checkCredentials } = await import('./providers/wechat/check-credentials.ts')
    return { check: () => checkCredentials(section, clock) }
  },
}

/** Reads the receipts of those providers that push them to us. */
export async function openReceiptReaders({ sms }: Pick<Config, 'sms'>): Promise<ReceiptReader[]> {
  const { aliyun, tencent, twilio, receiptSecret } = sms ?? {}
  const readers: ReceiptReader[] = []
  if (aliyun && receiptSecret !== undefined) {
    readers.push((await import('./providers/sms/aliyun/receipt.ts')).aliyunReceipts(receiptSecret))
  }
  if (tencent && receiptSecret !== undefined) {
    readers.push((await import('./providers/sms/tencent/receipt.ts')).tencentReceipts(receiptSecret))
  }
  if (twilio?.statusCallback !== undefined) {
    const { authToken, statusCallback } = twilio
    readers.push((await import('./providers/sms/twilio/receipt.ts')).twilioReceiptReader({ authToken, statusCallback }))
  }
  return readers
}
