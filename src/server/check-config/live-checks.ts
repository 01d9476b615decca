import type { Config } from '../config/config.ts'
import { parseContact } from '../domain/contacts.ts'
import type { Locale } from '../domain/domain.ts'
import { DeliveryError, type DeliveryFailure } from '../domain/ports/delivery-error.ts'
import type { MessageSender, OutgoingMessage, ProviderHealth } from '../domain/ports/messages.ts'
import { WeChatError } from '../domain/ports/wechat-error.ts'
import { Refusal } from '../domain/refusal.ts'
import { newId } from '../domain/secret-keys.ts'
import { codeMessage } from '../messages/messages.ts'
import type { OpenedProviders, ProviderEdge } from '../open-providers.ts'
import { type ConfigCheck, check } from './check.ts'
import { smtpRemedy } from './smtp-remedy.ts'

/** Milliseconds for each provider, beyond its own time-outs. */
const patience = 30_000

/** Nothing is known of the providers, and nothing is kept. */
const noHealth: ProviderHealth = { isOff: () => false, worked() {}, failed() {} }

const remedies: Readonly<Record<DeliveryFailure, string>> = {
  unreachable: 'Look at the host, the port and the firewall, and try again.',
  uncertain: 'It may have been sent: look whether it arrived.',
  throttled: 'The provider takes no more for now. Try again later.',
  refused: 'The provider takes no messages to this destination.',
  misconfigured: 'Look at the credentials, templates and permissions at the provider.',
}

/** WeChat's numbers that an operator meets first. */
const wechatRemedies: Readonly<Record<number, string>> = {
  40013: 'The AppID is wrong: look at wechat.app_id.',
  40125: 'The AppSecret is wrong: look at HUFUD_WECHAT_APP_SECRET.',
  40164: 'Add this host’s public address to the IP allow-list (IP白名单) of the official account.',
  40243: 'The AppSecret is frozen: unfreeze it at WeChat.',
  41004: 'The AppSecret is missing at WeChat: set a new one.',
}

function failed(name: string, error: unknown): ConfigCheck {
  if (error instanceof DeliveryError) {
    const { provider, message, failure } = error
    const remedy = (provider === 'smtp' && smtpRemedy(message)) || remedies[failure]
    return check('live', name, 'fail', message, [remedy])
  }
  if (error instanceof WeChatError) {
    const remedy = wechatRemedies[error.errcode ?? 0] ?? remedies.unreachable
    return check('live', name, 'fail', error.message, [remedy])
  }
  // Whatever else it is may hold anything.
  const kind = error instanceof Error ? error.name : 'an unknown error'
  return check('live', name, 'fail', `failed with ${kind}`, [remedies.unreachable])
}

/** Asks every provider that is on whether it takes our credentials; sends nothing to anybody. */
export async function checkCredentials(opened: OpenedProviders, stop: AbortSignal): Promise<ConfigCheck[]> {
  const asked = [
    ...opened.providers.map(provider => ({ name: provider.name as string, provider })),
    ...(opened.wechat ? [{ name: 'wechat', provider: opened.wechat }] : []),
  ]
  return Promise.all(
    asked.map(async ({ name, provider }) => {
      try {
        await provider.check(AbortSignal.any([stop, AbortSignal.timeout(patience)]))
        return check('live', name, 'ok', 'takes our credentials')
      } catch (error) {
        // Nobody was sent to: what is refused is one of our templates.
        return error instanceof DeliveryError && error.failure === 'refused'
          ? check('live', name, 'fail', error.message, [remedies.misconfigured])
          : failed(name, error)
      }
    }),
  )
}

/** Sends one message with a code that opens nothing to each of `destinations`, and tells what the provider said. */
export async function sendTestMessages(
  config: Config,
  opened: OpenedProviders,
  destinations: readonly string[],
  { random, stop }: Pick<ProviderEdge, 'random'> & { readonly stop: AbortSignal },
): Promise<ConfigCheck[]> {
  const senders = await opened.senders(noHealth)
  const checks: ConfigCheck[] = []
  for (const destination of destinations) {
    const channel = destination.includes('@') ? 'email' : 'phone'
    try {
      const { value } = parseContact(channel, destination, config.policy)
      const message = testMessage(channel, value, newId(random), config)
      checks.push(await sendOne(senders[channel], message, AbortSignal.any([stop, AbortSignal.timeout(patience)])))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const example = channel === 'email' ? 'name@example.com' : '+8613800138000'
      checks.push(
        check('live', channel, 'fail', `${destination}: this is no ${channel === 'email' ? 'address' : 'number'}`, [
          `Like this: ${example}`,
        ]),
      )
    }
  }
  return checks
}

const testCode = '000000'

function testMessage(channel: 'phone' | 'email', to: string, id: string, { policy }: Config): OutgoingMessage {
  const locale: Locale = to.startsWith('+86') ? 'zh-CN' : 'en'
  return { ...codeMessage({ purpose: 'bind', channel, destination: to }, testCode, policy, locale), id }
}

async function sendOne(
  sender: MessageSender | undefined,
  message: OutgoingMessage,
  signal: AbortSignal,
): Promise<ConfigCheck> {
  const { channel, to } = message
  const reach = sender?.reach(to) ?? 'off'
  if (!sender || reach === 'off') return check('live', channel, 'fail', `${to}: nobody who is on delivers there`)
  if (reach === 'unserved') {
    return check('live', channel, 'fail', `${to}: its country is in no route`, ['Add it to a route of sms.routes.'])
  }
  try {
    const { provider, providerMessageId } = await sender.send(message, signal)
    const id = providerMessageId === null ? '' : `, as ${providerMessageId}`
    return check('live', channel, 'ok', `${to}: ${provider} took the test message over${id}`)
  } catch (error) {
    return { ...failed(channel, error), name: channel }
  }
}
