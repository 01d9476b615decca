import type { AliyunConfig, Templates } from '../../config/config.ts'
import { DeliveryError, type MessageProviderName } from '../../domain/ports/delivery-error.ts'
import type { OutgoingMessage } from '../../domain/ports/messages.ts'

/** Which templates there are for messages with a code and for notices. */
export type TemplateConfig = Pick<AliyunConfig, 'codeTemplates' | 'noticeTemplates' | 'noticeLink'>

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

/** Stands for a link where there is none, or one that does not fit: a variable may not be empty. */
const noLink = '0'

/**
 * Chooses the template for a message, in its language or else in the other, and fills it. A code goes in as it is.
 * A notice's `what` and `account` are cut to `limits` and rid of what variables may not hold: addresses (so, of dots and
 * slashes), brackets, signs, control characters. A link is never cut: one that does not fit is left out, so that the
 * change is told all the same.
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
  const template = config.noticeTemplates && templateIn(message.locale, config.noticeTemplates)
  if (template === undefined) {
    throw new DeliveryError('refused', provider, 'there is no template for notices, so that it sends none')
  }
  if (message.notice === null) throw new DeliveryError('refused', provider, 'there is neither a code nor a notice')
  const { what, account, time } = message.notice
  const variables = { what: plain(what, limits.what), account: plain(account, limits.account), time }
  return {
    purpose: 'notice',
    template,
    variables: config.noticeLink ? { ...variables, link: secretOf(message.link, limits.link) } : variables,
  }
}

/** All templates of a configuration, each once. */
export const templatesOf = ({ codeTemplates, noticeTemplates }: TemplateConfig): string[] => [
  ...new Set(
    [codeTemplates, noticeTemplates]
      .flatMap(templates => [templates?.['zh-CN'], templates?.en])
      .filter(template => template !== undefined),
  ),
]

const templateIn = (locale: keyof Templates, templates: Templates): string | undefined =>
  templates[locale] ?? templates['zh-CN'] ?? templates.en

function plain(text: string, limit: number): string {
  const kept = text.replace(/(?:[^\p{L}\p{M}\p{Nd}*@:_+，、（）()-]|\p{Extended_Pictographic})+/gu, ' ').trim()
  return [...kept].slice(0, limit).join('').trimEnd() || '-'
}

/** The last part of the address's path. */
function secretOf(link: string | null, limit: number): string {
  const secret = link === null ? undefined : /\/([\w-]+)$/.exec(link)?.[1]
  return secret !== undefined && secret.length <= limit ? secret : noLink
}
