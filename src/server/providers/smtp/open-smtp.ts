import { createTransport } from 'nodemailer'
import DKIM from 'nodemailer/lib/dkim'
import type { Clock } from '../../../lib/clock.ts'
import type { EmailConfig } from '../../config/config.ts'
import { DeliveryError } from '../../domain/ports/delivery-error.ts'
import type { MessageProvider } from '../../domain/ports/messages.ts'
import { smtpLogin } from './access-tokens.ts'
import { composeMail, isMailAddress, needsSmtpUtf8 } from './compose-mail.ts'
import { smtpFailure } from './smtp-failure.ts'
import { checkTokenUrl, dkimOptions, poolOptions, readOrigin } from './smtp-options.ts'
import { openSession } from './smtp-session.ts'

/**
 * Mail by SMTP submission (RFC 5321, RFC 6409), over connections that are kept for a while. Connects when there is
 * something to send.
 * @throws {ConfigError} for what would send mail or credentials in plain text to another machine, and for a `from`
 *   that is no mailbox
 */
export function openSmtp(config: EmailConfig, { clock }: { readonly clock: Clock }): MessageProvider {
  const { smtp } = config
  const origin = readOrigin(config)
  if (smtp.auth) checkTokenUrl(smtp.auth)
  const login = smtpLogin(smtp.auth, smtp.timeout)
  const options = poolOptions(smtp, login.pool)
  const transporter = createTransport(options)
  const signer = config.dkim && new DKIM(dkimOptions(config.dkim))
  /** The sends, known by their signals, whose mail has gone to the connection with its last byte. */
  const handedOver = new WeakSet<AbortSignal>()
  /** As the server said last; `undefined` before. */
  let hasSmtpUtf8: boolean | undefined

  // It sends what it knows through the promises of its sends; an event without a listener would end the process.
  transporter.on('error', () => {})
  transporter.use('stream', ({ message, data }, done) => {
    if (signer) message.processFunc(input => signer.sign(input))
    message.processFunc(mail => mail.once('end', () => data.signal && handedOver.add(data.signal)))
    done()
  })

  const session = async (signal: AbortSignal) => {
    const extensions = await openSession(options, login.connection, signal)
    hasSmtpUtf8 = extensions.includes('SMTPUTF8')
    return hasSmtpUtf8
  }

  const failureOf = (error: unknown, wasHandedOver: boolean): DeliveryError => {
    if (error instanceof Error && 'code' in error && error.code === 'EAUTH') login.refused()
    return smtpFailure(error, wasHandedOver)
  }

  return {
    name: 'smtp',
    async send(message, signal) {
      const own = AbortSignal.any([signal])
      try {
        if (!isMailAddress(message.to)) throw new DeliveryError('refused', 'smtp', 'the destination is no mail address')
        if (needsSmtpUtf8(message.to) && !(hasSmtpUtf8 ?? (await session(own)))) {
          throw new DeliveryError('refused', 'smtp', 'the server takes no addresses with such letters (SMTPUTF8)')
        }
        const { ehlo = [] } = await transporter.sendMail({ ...composeMail(message, origin, clock.now()), signal: own })
        hasSmtpUtf8 = ehlo.some(line => /^SMTPUTF8\b/i.test(line))
        return { provider: 'smtp', providerMessageId: null }
      } catch (error) {
        throw failureOf(error, handedOver.has(own))
      }
    },
    async check(signal) {
      await session(signal).catch(error => {
        throw failureOf(error, false)
      })
    },
    async close() {
      transporter.close({ force: true })
    },
  }
}
