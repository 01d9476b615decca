import type { Clock } from '../../../../lib/clock.ts'
import type { TencentConfig } from '../../../config/config.ts'
import { DeliveryError } from '../../../domain/ports/delivery-error.ts'
import type { MessageProvider } from '../../../domain/ports/messages.ts'
import { codeWordOf, type JsonObject, jsonObjectOf, messageIdOf, objectOf } from '../answers.ts'
import { failureFor, type Purpose } from '../failures.ts'
import { openHttp } from '../http.ts'
import { aboutNotices, fillTemplate, templatesOf } from '../templates.ts'
import { tencentMeaning } from './errors.ts'
import { tencentAuthorization } from './signature.ts'

const provider = 'tencent'
const version = '2021-01-11'
/** Signed, so that it goes out byte for byte as it stands here. */
const contentType = 'application/json; charset=utf-8'
/** Characters. A verified company's variables have no limit, but `what` is a short name by itself. */
const limits = { what: 20, account: 20, link: 128 }

/** Accounts of single persons may send, but not ask for templates: the credentials are right all the same. */
const mayNotAsk = 'FailedOperation.NotEnterpriseCertification'
const noneFound = 'FailedOperation.MissingTemplateList'

/**
 * Sends text messages by Tencent Cloud Short Message Service: API 3.0, sms 2021-01-11, operation SendSms. It is not
 * idempotent, so that nothing is repeated here. `check` asks by DescribeSmsTemplateList for all templates at once, which
 * proves the credentials, too.
 */
export function openTencent(config: TencentConfig, { clock }: { readonly clock: Clock }): MessageProvider {
  const http = openHttp({ provider, timeout: config.timeout })
  const url = new URL(config.baseUrl)

  const failure = (operation: string, code: string, purpose: Purpose): DeliveryError =>
    failureFor(provider, tencentMeaning(code), purpose, `${operation} was answered with ${code}`, clock.now())

  const unknown = (operation: string, status: number, purpose: Purpose): DeliveryError => {
    const ifLost = purpose === 'check' ? 'unreachable' : 'uncertain'
    return new DeliveryError(ifLost, provider, `${operation} gave no known answer, with HTTP status ${status}`)
  }

  /** @returns the answer's `Response`, with the code of its `Error`, if any */
  async function call(
    operation: string,
    parameters: JsonObject,
    purpose: Purpose,
    signal: AbortSignal,
  ): Promise<{ response: JsonObject; error: string | undefined; status: number }> {
    const body = JSON.stringify(parameters)
    const timestamp = Math.floor(clock.now() / 1000)
    const signed = { 'content-type': contentType, host: url.host, 'x-tc-action': operation }
    const authorization = tencentAuthorization(
      { service: 'sms', method: 'POST', path: url.pathname, headers: signed, body, timestamp },
      config,
    )
    const headers = {
      ...signed,
      authorization,
      accept: 'application/json',
      'x-tc-timestamp': String(timestamp),
      'x-tc-version': version,
      'x-tc-region': config.region,
    }
    const ifLost = purpose === 'check' ? 'unreachable' : 'uncertain'
    const answer = await http.call({ method: 'POST', url, headers, body, ifLost }, signal)
    const response = objectOf(jsonObjectOf(answer)?.Response)
    if (response === undefined) throw unknown(operation, answer.status, purpose)
    if (response.Error === undefined) {
      if (answer.status !== 200) throw unknown(operation, answer.status, purpose)
      return { response, error: undefined, status: answer.status }
    }
    const error = codeWordOf(objectOf(response.Error)?.Code)
    if (error === undefined) throw unknown(operation, answer.status, purpose)
    return { response, error, status: answer.status }
  }

  /** The state of each template of one kind: 0 approved and in effect, 1 in review, 2 approved, −1 rejected. */
  async function statesOf(ids: readonly number[], international: 0 | 1, signal: AbortSignal) {
    const operation = 'DescribeSmsTemplateList'
    const parameters = { International: international, TemplateIdSet: ids }
    const { response, error, status } = await call(operation, parameters, 'check', signal)
    if (error === mayNotAsk) return undefined
    if (error === noneFound) return new Map<unknown, unknown>()
    if (error !== undefined) throw failure(operation, error, 'check')
    const list = response.DescribeTemplateStatusSet
    if (!Array.isArray(list)) throw unknown(operation, status, 'check')
    return new Map(list.map(entry => [objectOf(entry)?.TemplateId, objectOf(entry)?.StatusCode] as const))
  }

  /** @throws {DeliveryError} `misconfigured` for one that is not there or not approved */
  async function checkTemplates(ids: readonly number[], signal: AbortSignal): Promise<void> {
    let left = ids
    for (const international of [0, 1] as const) {
      if (left.length === 0) return
      const states = await statesOf(left, international, signal)
      if (states === undefined) return
      const unapproved = left.find(id => states.has(id) && states.get(id) !== 0)
      if (unapproved !== undefined) {
        throw new DeliveryError('misconfigured', provider, `the template ${unapproved} is not approved`)
      }
      left = left.filter(id => !states.has(id))
    }
    if (left.length > 0) throw new DeliveryError('misconfigured', provider, `there is no template ${left[0]}`)
  }

  return {
    name: provider,
    async send(message, signal) {
      const { purpose, template, variables } = fillTemplate(provider, message, config, limits)
      const parameters = {
        PhoneNumberSet: [message.to],
        SmsSdkAppId: config.sdkAppId,
        SignName: config.signName,
        TemplateId: template,
        TemplateParamSet: Object.values(variables),
        SessionContext: message.id,
      }
      const { response, error, status } = await call('SendSms', parameters, purpose, signal)
      if (error !== undefined) throw failure('SendSms', error, purpose)
      const [sent, ...others] = Array.isArray(response.SendStatusSet) ? response.SendStatusSet.map(objectOf) : []
      const code = codeWordOf(sent?.Code)
      if (code === undefined || others.length > 0) throw unknown('SendSms', status, purpose)
      if (code !== 'Ok') throw failure('SendSms', code, purpose)
      return { provider, providerMessageId: messageIdOf(sent?.SerialNo) ?? null }
    },
    async check(signal) {
      const { codes, notices } = templatesOf(config)
      await checkTemplates(codes.map(idOf), signal)
      try {
        await checkTemplates(notices.map(idOf), signal)
      } catch (error) {
        throw aboutNotices(error)
      }
    },
    close: http.close,
  }
}

/** A template's id as DescribeSmsTemplateList takes it. @throws {DeliveryError} when it is no number */
function idOf(template: string): number {
  if (/^\d{1,15}$/.test(template)) return Number(template)
  throw new DeliveryError('misconfigured', provider, `the template ${template} is not named by its number`)
}
