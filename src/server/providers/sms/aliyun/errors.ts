import { type Meaning, type Meanings, meaningIn } from '../failures.ts'

/**
 * Error codes of Short Message Service (国内消息 "API 错误码") and of Aliyun's gateway ("公共错误码"). `isp.SYSTEM_ERROR`
 * asks for the call to be made again, and the gateway answers `ServiceUnavailable` instead of the service; what says that
 * something failed underway may have failed after the message left. A nonce that was used means that this very request
 * had arrived before.
 *
 * Codes of one word are kinds, too, for what has no entry of its own. An unknown `isv.…` refuses this call: not sent, and
 * not worth a second attempt. Of other unknown codes nothing can be said: it may have been sent.
 */
const meanings: Meanings = {
  'isv.DAY_LIMIT_CONTROL': 'day',
  'isv.MONTH_LIMIT_CONTROL': 'day',
  Throttling: 'second',

  'isv.MOBILE_NUMBER_ILLEGAL': 'number',
  'isv.MOBILE_COUNT_OVER_LIMIT': 'number',
  'isv.DOMESTIC_NUMBER_NOT_SUPPORTED': 'number',
  'isv.CUSTOMER_REFUSED': 'number',
  // It does not say which: of all that is sent the number alone is somebody's choice.
  'isv.INVALID_PARAMETERS': 'number',

  'isv.BLACK_KEY_CONTROL_LIMIT': 'content',
  'isv.SMS_CONTENT_ILLEGAL': 'content',
  'isv.UNSUPPORTED_CONTENT': 'content',
  'isv.PARAM_NOT_SUPPORT_URL': 'content',

  'isv.SMS_TEMPLATE_ILLEGAL': 'template',
  'isv.SMS_SIGNATURE_ILLEGAL': 'template',
  'isv.SMS_SIGN_ILLEGAL': 'template',
  'isv.SIGN_STATE_ILLEGAL': 'template',
  'isv.SIGN_NAME_ILLEGAL': 'template',
  'isv.SMS_SIGNATURE_SCENE_ILLEGAL': 'template',
  'isv.SMS_CONTENT_MISMATCH_TEMPLATE_TYPE': 'template',
  'isv.TEMPLATE_MISSING_PARAMETERS': 'template',
  'isv.TEMPLATE_PARAMS_ILLEGAL': 'template',
  'isv.PARAM_LENGTH_LIMIT': 'template',
  'isv.INVALID_JSON_PARAM': 'template',

  'isv.AMOUNT_NOT_ENOUGH': 'configuration',
  'isv.OUT_OF_SERVICE': 'configuration',
  'isv.PRODUCT_UN_SUBSCRIPT': 'configuration',
  'isv.PRODUCT_UNSUBSCRIBE': 'configuration',
  'isv.ACCOUNT_NOT_EXISTS': 'configuration',
  'isv.ACCOUNT_ABNORMAL': 'configuration',
  'isv.SECURITY_FROZEN_ACCOUNT': 'configuration',
  'isv.DENY_IP_RANGE': 'configuration',
  'isp.RAM_PERMISSION_DENY': 'configuration',
  SignatureDoesNotMatch: 'configuration',
  IncompleteSignature: 'configuration',
  InvalidAccessKeyId: 'configuration',
  InvalidTimeStamp: 'configuration',
  InvalidAction: 'configuration',
  InvalidApi: 'configuration',
  InvalidVersion: 'configuration',
  Forbidden: 'configuration',
  NoPermission: 'configuration',

  'isp.SYSTEM_ERROR': 'unsent',
  ServiceUnavailable: 'unsent',

  'isp.GATEWAY_ERROR': 'unsure',
  InternalError: 'unsure',
  SignatureNonceUsed: 'unsure',

  isv: 'content',
}

/** `isv.BUSINESS_LIMIT_CONTROL` is for one number, and says in its message which of its three limits is reached. */
const businessLimits: readonly (readonly [string, Meaning])[] = [
  ['分钟级', 'minute'],
  ['小时级', 'hour'],
  ['天级', 'day'],
]

/**
 * What an error code means.
 * @param message the text beside the code
 */
export function aliyunMeaning(code: string, message: unknown): Meaning {
  if (code !== 'isv.BUSINESS_LIMIT_CONTROL') return meaningIn(meanings, code)
  const text = typeof message === 'string' ? message : ''
  return businessLimits.find(([sign]) => text.includes(sign))?.[1] ?? 'limit'
}
