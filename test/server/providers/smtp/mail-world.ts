import { systemClock } from '../../../../src/lib/clock.ts'
import type { EmailConfig, SmtpConfig } from '../../../../src/server/config/config.ts'
import { DeliveryError, type DeliveryFailure } from '../../../../src/server/domain/ports/delivery-error.ts'
import type { MessageProvider, OutgoingMessage } from '../../../../src/server/domain/ports/messages.ts'
import { codeMessage } from '../../../../src/server/messages/messages.ts'
import { openSmtp } from '../../../../src/server/providers/smtp/open-smtp.ts'

export const code = '048151'
export const password = 'p4ssw0rd-of-the-relay'
const address = 'alice.liddell@wonderland.example'

let made = 0

/** A message with a code, as the outbox would hand it over. */
export function codeMail(changes: Partial<OutgoingMessage> = {}): OutgoingMessage {
  const message = codeMessage(
    { purpose: 'login', channel: 'email', destination: address },
    code,
    { serviceName: 'hufu', codeLifetime: 600_000 },
    changes.locale ?? 'en',
  )
  return { ...message, id: `row-${made++}`, ...changes }
}

/** A provider of the server at `smtp`. */
export const openMail = (smtp: SmtpConfig, changes: Partial<EmailConfig> = {}): MessageProvider =>
  openSmtp(
    { from: 'Hufu Accounts <accounts@hufu.example>', replyTo: undefined, dkim: undefined, smtp, ...changes },
    { clock: systemClock },
  )

/** A server of which only the port is known. */
export const smtpAt = (port: number, changes: Partial<SmtpConfig> = {}): SmtpConfig => ({
  host: '127.0.0.1',
  port,
  security: 'none',
  auth: undefined,
  ca: undefined,
  name: undefined,
  connections: 2,
  timeout: 1_000,
  ...changes,
})

export const neverAborted = new AbortController().signal

/** How it failed, or `sent`, with the error's words. Everything that an operator would log of it is without secrets. */
export async function outcomeOf(
  work: Promise<unknown>,
): Promise<{ readonly failure: DeliveryFailure | 'sent'; readonly message: string }> {
  try {
    await work
    return { failure: 'sent', message: '' }
  } catch (error) {
    if (!(error instanceof DeliveryError)) throw error
    for (const secret of [code, password, 'alice', 'wonderland', 'refresh-token', 'access-token', 'client-secret']) {
      const logged = `${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`
      if (logged.includes(secret)) throw new Error(`the error tells ${secret}: ${logged}`)
    }
    return { failure: error.failure, message: error.message }
  }
}
