import type { AliyunConfig, Templates } from '../../config/config.ts'
import { DeliveryError, type MessageProviderName } from '../../domain/ports/delivery-error.ts'
import type { OutgoingMessage } from '../../domain/ports/messages.ts'

/** Which templates there are for messages with a code and for notices. */
export type TemplateConfig = Pick<AliyunConfig, 'codeTemplates' | 'noticeTemplates' | 'noticeTemplatesWithLink'>

/** The most characters that the variables of a notice take. */
export interface VariableLimits {
  readonly what: number
  readonly account: number
  readonly link: number
}

/** A template, and what to put into it: what stands for its variables in their order. */
export interface FilledTemplate {
  readonly purpose: 'code' | 'code abroad' | 'notice'
  readonly template: string
  readonly variables: Readonly<Record<string, string>>
}

/**
 * Chooses the template for a message, in its language or else in the other, and fills it. A code goes in as it is.
 * A notice's `what` and `account` are cut to `limits` and rid of what variables may not hold: addresses (so, of dots and
 * slashes), brackets, signs, control characters. A notice with a link has templates of its own. A link is never cut: one
 * that does not fit goes untold, and the change is told all the same.
 * @throws {DeliveryError} `refused` for a notice where there is no template for notices: that takes nothing from the
 * provider's ability to send codes, and another channel tells of the change. `misconfigured` where there is none for
 * codes
 */
export function fillTemplate(
  provider: MessageProviderName,
  message: OutgoingMessage,
  config: TemplateConfig,
  limits: VariableLimits,
): FilledTemplate {
  if (message.code !== null) {
    const template = templateIn(message.locale, config.codeTemplates)
    if (template === undefined) throw new DeliveryError('misconfigured', provider, 'there is no template for codes')
    const purpose = message.to.startsWith('+86') ? 'code' : 'code abroad'
    return { purpose, template, variables: { code: message.code } }
  }
  const secret = secretOf(message.link, limits.link)
  const withLink =
    secret && config.noticeTemplatesWithLink && templateIn(message.locale, config.noticeTemplatesWithLink)
  const template = withLink || (config.noticeTemplates && templateIn(message.locale, config.noticeTemplates))
  if (template === undefined) {
    throw new DeliveryError('refused', provider, 'there is no template for notices, so that it sends none')
  }
  if (message.notice === null) throw new DeliveryError('refused', provider, 'there is neither a code nor a notice')
  const { what, account, time } = message.notice
  const variables = { what: plain(what, limits.what), account: plain(account, limits.account), time }
  return { purpose: 'notice', template, variables: withLink ? { ...variables, link: secret } : variables }
}

const listed = (templates: readonly (Templates | undefined)[]): string[] => [
  ...new Set(templates.flatMap(each => [each?.['zh-CN'], each?.en]).filter(template => template !== undefined)),
]

/** All templates of a configuration, each once: first those for codes. */
export function templatesOf(config: TemplateConfig): { readonly codes: string[]; readonly notices: string[] } {
  const codes = listed([config.codeTemplates])
  const notices = listed([config.noticeTemplates, config.noticeTemplatesWithLink])
  return { codes, notices: notices.filter(template => !codes.includes(template)) }
}

/**
 * What is wrong with a template for notices is `refused`, and not `misconfigured`: it takes nothing from the provider's
 * ability to send codes.
 */
export const aboutNotices = (error: unknown): unknown =>
  error instanceof DeliveryError && error.failure === 'misconfigured'
    ? new DeliveryError('refused', error.provider, error.message.slice(`${error.provider}: `.length))
    : error

const templateIn = (locale: keyof Templates, templates: Templates): string | undefined =>
  templates[locale] ?? templates['zh-CN'] ?? templates.en

function plain(text: string, limit: number): string {
  const kept = text.replace(/(?:[^\p{L}\p{M}\p{Nd}*@:_+，、（）()-]|\p{Extended_Pictographic})+/gu, ' ').trim()
  return [...kept].slice(0, limit).join('').trimEnd() || '-'
}

/** The last part of the address's path, where it fits. */
function secretOf(link: string | null, limit: number): string | undefined {
  const secret = link === null ? undefined : /\/([\w-]+)$/.exec(link)?.[1]
  return secret !== undefined && secret.length <= limit ? secret : undefined
}
