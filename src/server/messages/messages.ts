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

/** The message that tells of a change. `what` names it; `values` holds masked `old` and `new`. */
export function noticeMessage(
  to: { channel: 'phone' | 'email'; destination: string },
  what: ServerMessageKey,
  facts: { username: string; at: number; source: string; values: Readonly<Record<string, string>> },
  serviceName: string,
  locale: Locale,
): NewMessage {
  const values = {
    service: serviceName,
    username: facts.username,
    time: isoTime(facts.at).slice(0, 16).replace('T', ' '),
    source: facts.source,
    what: sentence(locale, what, facts.values),
  }
  return {
    channel: to.channel,
    to: to.destination,
    locale,
    subject: sentence(locale, 'notice_subject', values),
    text: sentence(locale, 'notice_body', values),
    code: null,
    link: null,
    notice: { what: facts.username, account: facts.username, time: values.time },
  }
}
