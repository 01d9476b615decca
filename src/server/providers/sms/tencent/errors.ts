import { type Meaning, type Meanings, meaningIn } from '../failures.ts'

/**
 * Error codes of Short Message Service ("短信 API 3.0 发送错误码") and of API 3.0 ("公共错误码"). What says that something
 * failed inside, or timed out, may have failed after the message left.
 *
 * Codes of one word are kinds, for what has no entry of its own. Unknown codes of the kinds that refuse a call are taken
 * as refusals of this one message: not sent, and not worth a second attempt. Of all others, `InternalError` among them,
 * it may have been sent.
 */
const meanings: Meanings = {
  'LimitExceeded.PhoneNumberThirtySecondLimit': 'half minute',
  'LimitExceeded.PhoneNumberOneHourLimit': 'hour',
  'LimitExceeded.PhoneNumberDailyLimit': 'day',
  'LimitExceeded.PhoneNumberSameContentDailyLimit': 'day',
  'LimitExceeded.AppDailyLimit': 'day',
  'LimitExceeded.AppMainlandChinaDailyLimit': 'day',
  'LimitExceeded.AppGlobalDailyLimit': 'day',
  'LimitExceeded.AppCountryOrRegionDailyLimit': 'day',
  'LimitExceeded.DailyLimit': 'day',
  'LimitExceeded.DeliveryFrequencyLimit': 'limit',
  'LimitExceeded.AppCountryOrRegionInBlacklist': 'number',
  'LimitExceeded.PhoneNumberCountLimit': 'number',

  'InvalidParameterValue.IncorrectPhoneNumber': 'number',
  'FailedOperation.PhoneNumberInBlacklist': 'number',
  'UnsupportedOperation.UnsuportedRegion': 'number',
  'UnsupportedOperation.UnsupportedRegion': 'number',
  'UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone': 'number',
  'UnsupportedOperation.GlobalTemplateToChineseMainlandPhone': 'number',

  'FailedOperation.ContainSensitiveWord': 'content',
  'InvalidParameter.DirtyWordFound': 'content',
  'InvalidParameterValue.ContentLengthLimit': 'content',
  'InvalidParameterValue.ProhibitedUseUrlInTemplateParameter': 'content',

  'FailedOperation.SignatureIncorrectOrUnapproved': 'template',
  'FailedOperation.TemplateIncorrectOrUnapproved': 'template',
  'FailedOperation.TemplateUnapprovedOrNotExist': 'template',
  'FailedOperation.TemplateParamSetNotMatchApprovedTemplate': 'template',
  'FailedOperation.MissingTemplateList': 'template',
  'InvalidParameterValue.TemplateParameterFormatError': 'template',
  'InvalidParameterValue.TemplateParameterLengthLimit': 'template',
  'FailedOperation.MarketingSendTimeConstraint': 'template',
  'UnauthorizedOperation.IndividualUserMarketingSmsPermissionDeny': 'template',

  'FailedOperation.InsufficientBalanceInSmsPackage': 'configuration',
  'InvalidParameterValue.SdkAppIdNotExist': 'configuration',
  'InvalidParameter.AppidAndBizId': 'configuration',
  'InternalError.RequestTimeException': 'configuration',
  'InternalError.SigVerificationFail': 'configuration',
  'InternalError.SigFieldMissing': 'configuration',
  'InternalError.RestApiInterfaceNotExist': 'configuration',
  InvalidAction: 'configuration',
  NoSuchVersion: 'configuration',
  NoSuchProduct: 'configuration',
  UnsupportedRegion: 'configuration',
  IpInBlacklist: 'configuration',
  IpNotInWhitelist: 'configuration',

  ServiceUnavailable: 'unsent',

  AuthFailure: 'configuration',
  UnauthorizedOperation: 'configuration',
  LimitExceeded: 'limit',
  RequestLimitExceeded: 'second',
  FailedOperation: 'content',
  InvalidParameter: 'content',
  InvalidParameterValue: 'content',
  MissingParameter: 'content',
  UnknownParameter: 'content',
  UnsupportedOperation: 'content',
}

/** What an error code means, of the whole answer or of one number in it. */
export const tencentMeaning = (code: string): Meaning => meaningIn(meanings, code)
