import i18next from 'i18next'
import { isoTime } from '../../lib/clock.ts'
import type { Locale, Policy } from '../domain/domain.ts'
import type { NewMessage } from '../domain/outbox.ts'
import { en, type ServerMessageKey, zhCN } from './catalogues.ts'

const i18n = i18next.createInstance()
i18n.init({
  resources: { en: { translation: en }, 'zh-CN': { translation: zhCN } },
  fallbackLng: 'en',
  initAsync: false,
  keySeparator: false,
  // These are plain texts: escaping for HTML would only mangle them.
  interpolation: { escapeValue: false },
})

/** A sentence for a person, in their language. */
export const sentence = (
  locale: Locale,
  key: ServerMessageKey,
  values: Readonly<Record<string, string>> = {},
): string => i18n.t(key, { lng: locale, ...values })

/** The message that carries a code. */
export function codeMessage(
  {
    purpose,
    channel,
    destination,
  }: { purpose: 'login' | 'step_up' | 'bind'; channel: 'phone' | 'email'; destination: string },
  code: string,
  { serviceName, codeLifetime }: Pick<Policy, 'serviceName' | 'codeLifetime'>,
  locale: Locale,
): NewMessage {
  const values = {
    service: serviceName,
    code,
    minutes: String(Math.round(codeLifetime / 60_000)),
    channel: sentence(locale, `channel_${channel}`),
  }
  return {
    channel,
    to: destination,
    locale,
    subject: sentence(locale, 'code_subject', values),
    text: sentence(locale, `code_${purpose}`, values),
    code,
    link: null,
    notice: null,
  }
}

/** What a notice tells beside the name of the change. */
export interface NoticeFacts {
  readonly username: string
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly source: string
  /** Masked `old` and `new`. */
  readonly values: Readonly<Record<string, string>>
  /** The address that undoes the change, for those who may be told it, and until when it does. */
  readonly link: string | null
  readonly linkExpiresAt: number | null
}

const shortTime = (at: number): string => isoTime(at).slice(0, 16).replace('T', ' ')

/** The message that tells of a change. `what` names it. */
export function noticeMessage(
  to: { channel: 'phone' | 'email'; destination: string },
  what: ServerMessageKey,
  facts: NoticeFacts,
  serviceName: string,
  locale: Locale,
): NewMessage {
  const values = {
    service: serviceName,
    username: facts.username,
    time: shortTime(facts.at),
    source: facts.source,
    what: sentence(locale, what, facts.values),
  }
  const text = sentence(locale, 'notice_body', values)
  const until = facts.linkExpiresAt === null ? '' : shortTime(facts.linkExpiresAt)
  return {
    channel: to.channel,
    to: to.destination,
    locale,
    subject: sentence(locale, 'notice_subject', values),
    text: facts.link === null ? text : `${text}\n\n${sentence(locale, 'notice_undo', { until })}\n${facts.link}`,
    code: null,
    link: facts.link,
    notice: { what: facts.username, account: facts.username, time: values.time },
  }
}
