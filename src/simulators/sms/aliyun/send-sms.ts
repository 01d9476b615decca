import type { SmsTemplate } from '../text-message.ts'

/** A message that the service has accepted. */
export interface AcceptedSms {
  readonly to: string
  readonly template: string
  readonly parameters: Readonly<Record<string, string>>
  readonly code: string | null
}

/** The business error that a request to send is answered with. */
export interface Refused {
  readonly error: string
}

/** Signs that no message may hold: emoji, rare brackets, arrows and stars. */
const unsupported = /[\p{Extended_Pictographic}【】「」『』〖〗※→★①•]|[\u0000-\u001f\u007f-\u009f]/u
const address = /:\/\/|www\.|[\p{L}\p{N}]\.[\p{L}\p{N}]/iu
const wallTime = /^\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?$/

/** What SendSms makes of its parameters: "SendSms", "API 错误码", "验证码模板规范" and "通知短信模板规范". */
export function readSendSms(
  parameters: ReadonlyMap<string, string>,
  signName: string,
  templates: ReadonlyMap<string, SmsTemplate>,
): AcceptedSms | Refused {
  const to = numberIn(parameters.get('PhoneNumbers') ?? '')
  if (to === undefined) return { error: 'isv.MOBILE_NUMBER_ILLEGAL' }
  if (parameters.get('SignName') !== signName) return { error: 'isv.SMS_SIGNATURE_ILLEGAL' }
  const id = parameters.get('TemplateCode') ?? ''
  const template = templates.get(id)
  if (template?.review !== 'approved') return { error: 'isv.SMS_TEMPLATE_ILLEGAL' }
  const values = textsIn(parameters.get('TemplateParam') ?? '')
  if (values === undefined) return { error: 'isv.INVALID_JSON_PARAM' }
  if (template.variables.some(name => !values[name])) return { error: 'isv.TEMPLATE_MISSING_PARAMETERS' }
  const wrong = template.variables
    .map(name => (template.kind === 'code' ? codeError(values[name] ?? '') : noticeError(name, values[name] ?? '')))
    .find(error => error !== undefined)
  if (wrong !== undefined) return { error: wrong }
  return { to, template: id, parameters: values, code: template.kind === 'code' ? (values.code ?? null) : null }
}

/** Mainland numbers with `+86`, `86`, `0086`, `+` or nothing before them, others as calling code and number. */
function numberIn(text: string): string | undefined {
  const mainland = /^(?:\+|\+86|0086|86)?(1[3-9]\d{9})$/.exec(text)?.[1]
  if (mainland !== undefined) return `+86${mainland}`
  return /^(?!86)[1-9]\d{6,14}$/.test(text) ? `+${text}` : undefined
}

function textsIn(json: string): Readonly<Record<string, string>> | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return Object.values(value).every(text => typeof text === 'string') ? { ...value } : undefined
}

function codeError(value: string): string | undefined {
  if (value.length < 4 || value.length > 6) return 'isv.PARAM_LENGTH_LIMIT'
  return /^[A-Za-z0-9]+$/.test(value) ? undefined : 'isv.TEMPLATE_PARAMS_ILLEGAL'
}

function noticeError(name: string, value: string): string | undefined {
  if ([...value].length > 35) return 'isv.PARAM_LENGTH_LIMIT'
  if (unsupported.test(value)) return 'isv.UNSUPPORTED_CONTENT'
  if (address.test(value)) return 'isv.PARAM_NOT_SUPPORT_URL'
  return name === 'time' && !wallTime.test(value) ? 'isv.TEMPLATE_PARAMS_ILLEGAL' : undefined
}
