import { hash } from 'node:crypto'
import { toHex } from '../../../../lib/bytes.ts'
import { type Clock, isoTime } from '../../../../lib/clock.ts'
import type { Random } from '../../../../lib/random.ts'
import type { AliyunConfig } from '../../../config/config.ts'
import { DeliveryError } from '../../../domain/ports/delivery-error.ts'
import type { MessageProvider } from '../../../domain/ports/messages.ts'
import { codeWordOf, type JsonObject, jsonObjectOf, messageIdOf } from '../answers.ts'
import { failureFor, type Purpose } from '../failures.ts'
import { openHttp } from '../http.ts'
import { aboutNotices, fillTemplate, templatesOf } from '../templates.ts'
import { aliyunMeaning } from './errors.ts'
import { aliyunAuthorization, canonicalQuery } from './signature.ts'

const provider = 'aliyun'
const version = '2017-05-25'
const emptyBodyHash = hash('sha256', '')
/** Characters: "申请短信模板" allows 35 for a variable; `what` is a short name by itself. */
const limits = { what: 20, account: 35, link: 35 }

/**
 * Sends text messages by Aliyun Short Message Service: dysmsapi 2017-05-25, operation SendSms. It is not idempotent, so
 * that nothing is repeated here. `check` asks by GetSmsTemplate for every template, which proves the credentials, too.
 */
export function openAliyun(
  config: AliyunConfig,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): MessageProvider {
  const http = openHttp({ provider, timeout: config.timeout })
  const url = new URL(config.baseUrl)

  /** @returns the answer, whose `Code` is `OK` */
  async function call(
    operation: string,
    query: Readonly<Record<string, string>>,
    purpose: Purpose,
    signal: AbortSignal,
  ): Promise<JsonObject> {
    const headers = {
      host: url.host,
      'x-acs-action': operation,
      'x-acs-version': version,
      'x-acs-date': isoTime(clock.now()).replace(/\.\d+/, ''),
      'x-acs-signature-nonce': toHex(random.bytes(16)),
      'x-acs-content-sha256': emptyBodyHash,
    }
    const signed = { method: 'POST' as const, path: url.pathname, query, headers, bodyHash: emptyBodyHash }
    const authorization = aliyunAuthorization(signed, config)
    const ifLost = purpose === 'check' ? 'unreachable' : 'uncertain'
    const answer = await http.call(
      {
        method: signed.method,
        url: new URL(`${url.pathname}?${canonicalQuery(query)}`, url),
        headers: { ...headers, authorization, accept: 'application/json' },
        body: undefined,
        ifLost,
      },
      signal,
    )
    const body = jsonObjectOf(answer)
    const code = codeWordOf(body?.Code)
    if (body === undefined || code === undefined || (code === 'OK' && answer.status !== 200)) {
      throw new DeliveryError(ifLost, provider, `${operation} gave no known answer, with HTTP status ${answer.status}`)
    }
    if (code === 'OK') return body
    const said = `${operation} was answered with ${code}`
    throw failureFor(provider, aliyunMeaning(code, body.Message), purpose, said, clock.now())
  }

  async function checkTemplate(template: string, signal: AbortSignal): Promise<void> {
    const { TemplateStatus } = await call('GetSmsTemplate', { TemplateCode: template }, 'check', signal)
    if (String(TemplateStatus) !== approved) {
      throw new DeliveryError('misconfigured', provider, `the template ${template} is not approved`)
    }
  }

  return {
    name: provider,
    async send(message, signal) {
      const { purpose, template, variables } = fillTemplate(provider, message, config, limits)
      const query = {
        PhoneNumbers: numberOf(message.to),
        SignName: config.signName,
        TemplateCode: template,
        TemplateParam: JSON.stringify(variables),
        OutId: message.id,
      }
      const { BizId } = await call('SendSms', query, purpose, signal)
      return { provider, providerMessageId: messageIdOf(BizId) ?? null }
    },
    async check(signal) {
      const { codes, notices } = templatesOf(config)
      for (const template of codes) await checkTemplate(template, signal)
      for (const template of notices) {
        await checkTemplate(template, signal).catch(error => {
          throw aboutNotices(error)
        })
      }
    },
    close: http.close,
  }
}

/** GetSmsTemplate, `TemplateStatus`: 0 in review, 1 approved, 2 rejected, 10 withdrawn. */
const approved = '1'

/**
 * "SendSms", `PhoneNumbers`: mainland numbers without a prefix, others as country calling code and number, without a plus.
 * @throws {DeliveryError} `refused` for the numbers of North America that, so written, are mainland mobile numbers: the
 * code would reach a stranger
 */
function numberOf(e164: string): string {
  const mainland = /^\+86(1\d{10})$/.exec(e164)?.[1]
  const number = mainland ?? e164.slice(1)
  if (mainland === undefined && /^1[3-9]\d{9}$/.test(number)) {
    throw new DeliveryError('refused', provider, 'it would take this number for one of mainland China')
  }
  return number
}
