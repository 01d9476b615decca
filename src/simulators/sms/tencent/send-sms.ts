import type { SmsTemplate } from '../text-message.ts'

/** A message that the service has accepted. */
export interface AcceptedSms {
  readonly to: string
  readonly template: string
  readonly parameters: Readonly<Record<string, string>>
  readonly code: string | null
}

/** How a request to send is refused: as a whole, or for its number (in `SendStatusSet`). */
export interface Refused {
  readonly error: string
  readonly of: 'request' | 'number'
}

export type Parameters = Readonly<Record<string, unknown>>

/** What SendSms makes of its parameters: "SendSms", "短信 API 3.0 发送错误码", for one number. */
export function readSendSms(
  parameters: Parameters,
  application: { readonly sdkAppId: string; readonly signName: string },
  templates: ReadonlyMap<string, SmsTemplate>,
): AcceptedSms | Refused {
  const numbers = textsIn(parameters.PhoneNumberSet)
  const values = textsIn(parameters.TemplateParamSet ?? [])
  if (numbers === undefined || values === undefined) return { error: 'InvalidParameter', of: 'request' }
  const [number] = numbers
  if (number === undefined) return { error: 'MissingParameter.EmptyPhoneNumberSet', of: 'request' }
  if (typeof parameters.SessionContext === 'string' && Buffer.byteLength(parameters.SessionContext) >= 512) {
    return { error: 'InvalidParameterValue', of: 'request' }
  }
  if (parameters.SmsSdkAppId !== application.sdkAppId) {
    return { error: 'UnauthorizedOperation.SmsSdkAppIdVerifyFail', of: 'number' }
  }
  const to = numberIn(number)
  if (to === undefined) return { error: 'InvalidParameterValue.IncorrectPhoneNumber', of: 'number' }
  if (parameters.SignName !== application.signName) {
    return { error: 'FailedOperation.SignatureIncorrectOrUnapproved', of: 'number' }
  }
  return fill(to, parameters.TemplateId, values, templates)
}

function fill(
  to: string,
  id: unknown,
  values: readonly string[],
  templates: ReadonlyMap<string, SmsTemplate>,
): AcceptedSms | Refused {
  const template = typeof id === 'string' ? templates.get(id) : undefined
  if (typeof id !== 'string' || template?.review !== 'approved') {
    return { error: 'FailedOperation.TemplateIncorrectOrUnapproved', of: 'number' }
  }
  if (values.length !== template.variables.length) {
    return { error: 'FailedOperation.TemplateParamSetNotMatchApprovedTemplate', of: 'number' }
  }
  if (template.kind === 'code' && values.some(value => !/^\d{1,6}$/.test(value))) {
    return { error: 'InvalidParameterValue.TemplateParameterFormatError', of: 'number' }
  }
  if (values.some(value => /:\/\/|www\.|[\p{L}\p{N}]\.[\p{L}\p{N}]/iu.test(value))) {
    return { error: 'InvalidParameterValue.ProhibitedUseUrlInTemplateParameter', of: 'number' }
  }
  const parameters = Object.fromEntries(template.variables.map((name, index) => [name, values[index] ?? '']))
  return { to, template: id, parameters, code: template.kind === 'code' ? (values[0] ?? null) : null }
}

/** E.164; mainland numbers with `0086`, `86` or nothing before them, too. */
function numberIn(text: string): string | undefined {
  const mainland = /^(?:\+86|0086|86)?(1[3-9]\d{9})$/.exec(text)?.[1]
  if (mainland !== undefined) return `+86${mainland}`
  return /^\+(?!86)[1-9]\d{6,14}$/.test(text) ? text : undefined
}

const textsIn = (value: unknown): string[] | undefined =>
  Array.isArray(value) && value.every(text => typeof text === 'string') ? value : undefined
