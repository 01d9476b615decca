import { type Clock, timeOf } from '../../../../lib/clock.ts'
import type { TwilioConfig } from '../../../config/config.ts'
import { DeliveryError } from '../../../domain/ports/delivery-error.ts'
import type { MessageProvider } from '../../../domain/ports/messages.ts'
import { type JsonObject, jsonObjectOf } from '../answers.ts'
import { type HttpAnswer, type HttpCall, openHttp } from '../http.ts'
import { failureOf } from './error-codes.ts'

const apiVersion = '2010-04-01'
/** A message's SID, as Twilio gives them out. */
export const messageSid = /^(?:SM|MM)[0-9a-f]{32}$/i
const longestRetryAfter = 60 * 60_000

const failed = (failure: DeliveryError['failure'], message: string, retryAfter?: number): DeliveryError =>
  new DeliveryError(failure, 'twilio', message, retryAfter)

/** Text messages by Twilio's "Messages" resource: the text goes out as it is, in one call that is never repeated. */
export function openTwilio(config: TwilioConfig, { clock }: { readonly clock: Clock }): MessageProvider {
  const { accountSid, authToken, from, statusCallback, baseUrl, timeout } = config
  const http = openHttp({ provider: 'twilio', timeout })
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`
  const account = `${apiVersion}/Accounts/${encodeURIComponent(accountSid)}`
  const sender = from.startsWith('MG') ? { MessagingServiceSid: from } : { From: from }

  function call(
    { method, path, ifLost }: Pick<HttpCall, 'method' | 'ifLost'> & { readonly path: string },
    form: URLSearchParams | undefined,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const url = new URL(path, baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`)
    const headers = {
      accept: 'application/json',
      authorization,
      ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
    }
    return http.call({ method, url, headers, body: form?.toString(), ifLost }, signal)
  }

  /** The JSON object of a success. @throws {DeliveryError} when the answer is anything else */
  function accepted(answer: HttpAnswer): JsonObject {
    const { status, headers } = answer
    const body = jsonObjectOf(answer)
    if ((status === 200 || status === 201) && body) return body
    const code = typeof body?.code === 'number' && Number.isSafeInteger(body.code) ? body.code : undefined
    const failure = failureOf(status, code)
    const what = code === undefined ? `answered with HTTP status ${status}` : `answered with error ${code} (${status})`
    throw failed(failure, what, failure === 'throttled' ? retryAfter(headers['retry-after'], clock) : undefined)
  }

  return {
    name: 'twilio',

    async send({ to, text }, signal) {
      const form = new URLSearchParams({
        To: to,
        ...sender,
        Body: text,
        ...(statusCallback === undefined ? {} : { StatusCallback: statusCallback }),
      })
      const messages = { method: 'POST', path: `${account}/Messages.json`, ifLost: 'uncertain' } as const
      const { sid } = accepted(await call(messages, form, signal))
      if (typeof sid !== 'string' || !messageSid.test(sid)) throw failed('uncertain', 'answered without a SID')
      return { provider: 'twilio', providerMessageId: sid }
    },

    async check(signal) {
      try {
        const resource = { method: 'GET', path: `${account}.json`, ifLost: 'unreachable' } as const
        const { status } = accepted(await call(resource, undefined, signal))
        if (status !== 'active') throw failed('misconfigured', 'the account is not active')
      } catch (error) {
        // Nothing was to be sent, so nothing is uncertain.
        if (!(error instanceof DeliveryError) || error.failure !== 'uncertain') throw error
        throw failed('unreachable', error.message.replace(/^twilio: /, ''))
      }
    },

    close: http.close,
  }
}

/** Milliseconds of a `Retry-After` header, in seconds or as a date (RFC 9110 section 10.2.3); an hour at most. */
function retryAfter(header: string | string[] | undefined, clock: Clock): number | undefined {
  if (typeof header !== 'string') return undefined
  const wait = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : timeOf(header) - clock.now()
  return Number.isFinite(wait) ? Math.min(longestRetryAfter, Math.max(0, wait)) : undefined
}
