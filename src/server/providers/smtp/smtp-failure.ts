import type { NodemailerError } from 'nodemailer'
import { DeliveryError, type DeliveryFailure } from '../../domain/ports/delivery-error.ts'

/** A server's reply by its numbers; its words may quote an address or the mail, and are left out of everything. */
interface Reply {
  readonly code: number
  /** RFC 3463, `5.1.1`; empty where the server gives none. */
  readonly enhanced: string
}

type Failure = Partial<NodemailerError>

/**
 * What a failure of nodemailer means for the message.
 * @param handedOver whether the whole mail had gone to the connection, its last dot included
 */
export function smtpFailure(error: unknown, handedOver: boolean): DeliveryError {
  if (error instanceof DeliveryError) return error
  const failure: Failure = error instanceof Error ? error : {}
  const refusal = refusalOf(failure.response)
  // Nothing but the server's own no to the mail itself says that it was not taken.
  if (handedOver && !(refusal && failure.command === 'DATA')) {
    return new DeliveryError('uncertain', 'smtp', `${reasonOf(failure)} after the mail was handed over`)
  }
  if (refusal) {
    const numbers = [refusal.code, refusal.enhanced].join(' ').trim()
    return new DeliveryError(judge(refusal, failure.command), 'smtp', `answered ${numbers} to ${stepOf(failure)}`)
  }
  return new DeliveryError(judgeWithoutReply(failure), 'smtp', reasonOf(failure))
}

/** The first line's numbers of a 4yz or 5yz reply. */
function refusalOf(response: unknown): Reply | undefined {
  const [, code, enhanced = ''] =
    typeof response === 'string'
      ? (/^([45]\d{2})(?![^ \-\r\n])(?:[ -]([45]\.\d{1,3}\.\d{1,3})(?!\S))?/.exec(response) ?? [])
      : []
  return code === undefined ? undefined : { code: Number(code), enhanced }
}

/**
 * RFC 5321 section 4.2, RFC 3463, RFC 4954 section 6. What is answered to a destination, or to a mail, says nothing of
 * the server: somebody chose that address, or words that stand in a notice, and must not turn mail off for others.
 */
function judge({ code, enhanced }: Reply, command = ''): DeliveryFailure {
  const isLogin = command.startsWith('AUTH')
  const isSetUp = isLogin || command === 'STARTTLS'
  if (code < 500) {
    // A destination that is not to be had now, as greylists say (RFC 6647). With 421 the server itself takes its leave.
    if (command === 'RCPT TO' && code !== 421) return 'throttled'
    // While it is set up, 4.7.x is a server that can't look up passwords, or has no TLS, just now (454 4.7.0).
    return !isSetUp && /^4\.7\.|^4\.4\.5$/.test(enhanced) ? 'throttled' : 'unreachable'
  }
  if (isSetUp || [530, 534, 535, 538].includes(code)) return 'misconfigured'
  // Of the session's state, not of the message: another connection may take it.
  if (code === 503) return 'unreachable'
  // RFC 6531 section 3.5: a server further on knows no SMTPUTF8.
  if (enhanced === '5.6.7' || command === 'RCPT TO') return 'refused'
  return command === 'DATA' && (enhanced === '' || /^5\.[01247]\./.test(enhanced)) ? 'refused' : 'misconfigured'
}

/** RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect's `consent_required` and its like. */
const oauthError =
  /^(?:invalid_(?:request|client|grant|scope)|unauthorized_client|unsupported_grant_type|access_denied|(?:interaction|login|consent)_required)\b/

const oauthErrorOf = ({ code, message }: Failure): string | undefined =>
  code === 'EAUTH' ? oauthError.exec(message ?? '')?.[0] : undefined

function judgeWithoutReply(failure: Failure): DeliveryFailure {
  // `API` is before anything was said: credentials that are empty.
  const lacksCredentials = failure.code === 'EAUTH' && failure.command === 'API'
  return lacksCredentials || oauthErrorOf(failure) ? 'misconfigured' : 'unreachable'
}

const stepOf = ({ command }: Failure): string =>
  command !== undefined && /^(?:AUTH [A-Z0-9-]+|EHLO|HELO|STARTTLS|MAIL FROM|RCPT TO|DATA)$/.test(command)
    ? command
    : 'the connection'

/** By the most telling of its names: which wait ended, the system's or TLS's error beneath, nodemailer's own. */
function reasonOf(failure: Failure): string {
  const oauth = oauthErrorOf(failure)
  if (oauth) return `the token endpoint answered ${oauth}`
  if (failure.code === 'EABORT') return 'was ended'
  const name = [failure.timeoutType, failure.originalCode, failure.code].find(isName)
  return name === undefined ? 'failed' : `failed with ${name} at ${stepOf(failure)}`
}

const isName = (value: unknown): value is string => typeof value === 'string' && /^[A-Z][A-Z0-9_]*$/.test(value)
