import { isoTime } from '../../lib/clock.ts'
import type { Locale, Policy } from '../domain/domain.ts'
import { maskUsername } from '../domain/masks.ts'
import type { NewMessage } from '../domain/outbox.ts'
import { en, type NoticeKey, type ServerMessageKey, zhCN } from './catalogues.ts'
import { wordsOf } from './words.ts'

/** A sentence for a person, in their language. */
export const sentence = wordsOf(en, zhCN)

export type Destination = { readonly channel: 'phone' | 'email'; readonly destination: string }

/**
 * The message that carries a code. A mail's subject ends with the code, and its text has it on a line of its own; a
 * text message is one segment long.
 */
export function codeMessage(
  { purpose, channel, destination }: Destination & { purpose: 'login' | 'step_up' | 'bind' },
  code: string,
  { serviceName, codeLifetime }: Pick<Policy, 'serviceName' | 'codeLifetime'>,
  locale: Locale,
): NewMessage {
  const values = { service: serviceName, code, minutes: String(Math.round(codeLifetime / 60_000)) }
  const medium = channel === 'email' ? 'mail' : 'sms'
  return {
    channel,
    to: destination,
    locale,
    subject: sentence(locale, `mail_${purpose}_subject`, values),
    text: sentence(locale, `${medium}_${purpose}`, values),
    code,
    link: null,
    notice: null,
  }
}

/** What a notice tells of a change. */
export interface NoticeFacts {
  readonly username: string
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  /** Where the change came from: an address. */
  readonly source: string
  /** Whether an admin made the change: then its source is nobody's business, and undoing it not the owner's. */
  readonly byAdmin?: boolean
  /** Masked `old` and `new`. */
  readonly values: Readonly<Record<string, string>>
  /** The address that takes the change back; `null` where there is none, and commands are told in its place. */
  readonly link: string | null
  /** Milliseconds since the Unix epoch; `null` when `link` is, or works for good. */
  readonly linkExpiresAt: number | null
}

/** `2026-11-22 13:05`, in UTC. */
export const minute = (milliseconds: number): string => isoTime(milliseconds).slice(0, 16).replace('T', ' ')

/**
 * The message that tells of a change: what, when, from where, and how to undo it. A mail has it all; a text message
 * names the change and the account (masked: a number may have a new owner) and one way to undo it.
 */
export function noticeMessage(
  { channel, destination }: Destination,
  what: NoticeKey,
  facts: NoticeFacts,
  serviceName: string,
  locale: Locale,
): NewMessage {
  const { username, source, link, byAdmin = false } = facts
  const name = sentence(locale, `${what}.name`)
  const notice = {
    what: byAdmin ? sentence(locale, 'name_by_admin', { name }) : name,
    account: maskUsername(username),
    time: minute(facts.at),
  }
  const say = (key: ServerMessageKey, values: Readonly<Record<string, string>> = {}) =>
    sentence(locale, key, { service: serviceName, time: notice.time, ...values })
  const told = { what: sentence(locale, what, facts.values), username, source }
  const mail = () =>
    byAdmin
      ? [say('mail_notice_by_admin', told)]
      : [say('mail_notice', told), ...undoing(say, link, facts.linkExpiresAt)]
  const sms = { name: notice.what, account: notice.account }
  return {
    channel,
    to: destination,
    locale,
    subject: say('mail_notice_subject', { username }),
    text:
      channel === 'email'
        ? mail().join('\n\n')
        : byAdmin
          ? say('sms_notice_by_admin', sms)
          : link === null
            ? say('sms_notice', sms)
            : say('sms_notice_link', { ...sms, link }),
    code: null,
    link,
    notice,
  }
}

/** The paragraphs of a mail that say how to undo a change. */
function undoing(
  say: (key: ServerMessageKey, values?: Readonly<Record<string, string>>) => string,
  link: string | null,
  expiresAt: number | null,
): string[] {
  if (link === null) return [say('mail_notice_commands')]
  const how = expiresAt === null ? say('mail_notice_link') : say('mail_notice_link_until', { until: minute(expiresAt) })
  return [how, say('this_was_not_me', { link })]
}
