import type { SendMailOptions } from 'nodemailer'
import { mailTime } from '../../../lib/clock.ts'
import type { OutgoingMessage } from '../../domain/ports/messages.ts'
import { mailHtml } from '../../messages/mail-html.ts'
import type { MailOrigin } from './smtp-options.ts'

/** RFC 5321 section 4.5.3.1.3, without the angle brackets. */
const longestAddress = 254
const address = /^[^\s\p{C}"(),:;<>@[\\\]]+@[^\s\p{C}"(),:;<>@[\\\]]+$/u

/** Whether `text` is one plain address; quoted local parts and address literals are none, as in domain/contacts.ts. */
export const isMailAddress = (text: string): boolean => Buffer.byteLength(text) <= longestAddress && address.test(text)

/** Whether a mail to `text` needs SMTPUTF8 (RFC 6531): domains have an ASCII form, local parts have none. */
export const needsSmtpUtf8 = (text: string): boolean => /[^\x00-\x7f]/.test(text.slice(0, text.lastIndexOf('@')))

/**
 * A message as a mail. Its Message-ID is made of the outbox row's id, so that a mail program shows one mail where a
 * crash made us send it twice. Addresses are handed over as objects, which nobody parses.
 * @param now milliseconds since the Unix epoch
 */
export function composeMail(message: OutgoingMessage, { from, replyTo }: MailOrigin, now: number): SendMailOptions {
  const mailbox = ({ name, address }: { name: string; address: string }) => ({ name, address })
  return {
    messageId: `<${encodeURIComponent(message.id)}@${from.domain}>`,
    date: mailTime(now),
    from: mailbox(from),
    ...(replyTo ? { replyTo: mailbox(replyTo) } : {}),
    to: { name: '', address: message.to },
    subject: message.subject,
    text: message.text,
    html: mailHtml(message),
    headers: {
      // RFC 3834 section 5: no vacation notice answers this.
      'Auto-Submitted': 'auto-generated',
      'Content-Language': message.locale,
    },
    xMailer: false,
  }
}
