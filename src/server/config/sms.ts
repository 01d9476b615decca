import { getCountries, getCountryCallingCode } from 'libphonenumber-js/mobile'
import {
  type AliyunConfig,
  type SmsConfig,
  type SmsProviderName,
  type SmsRoute,
  smsProviders,
  type TencentConfig,
  type TwilioConfig,
} from './config.ts'
import { addressMistake } from './origin.ts'
import type { SecretShape } from './secrets.ts'
import { allOrOff, type SectionReader } from './section.ts'
import type { SmsSection } from './sms-schema.ts'

const second = 1000

/** The section `sms`; `undefined` where none of its providers can be used, which was told. */
export function readSms(section: SmsSection, reader: SectionReader): SmsConfig | undefined {
  const isGiven = (name: SmsProviderName) => section[name] !== undefined || reader.mistakes.isAbout(['sms', name])
  if (!smsProviders.some(isGiven)) {
    reader.mistakes.add(['sms'], `no provider is configured here. Give one of ${smsProviders.join(', ')}.`)
  }
  const routes = section.routes?.map(({ countries, providers }) => ({ countries, providers })) ?? defaultRoutes(section)
  checkRoutes(section, reader)
  for (const name of smsProviders) checkBaseUrl(section, name, reader)
  const aliyun = section.aliyun && readAliyun(section.aliyun, reader)
  const tencent = section.tencent && readTencent(section.tencent, reader)
  const twilio = section.twilio && readTwilio(section.twilio, reader)
  if (!aliyun && !tencent && !twilio) return undefined
  return { routes, aliyun, tencent, twilio, receiptSecret: readReceiptSecret(reader) }
}

/** Mainland numbers by Aliyun, then Tencent Cloud; all others by Twilio; as far as they are configured. */
function defaultRoutes(section: SmsSection): SmsRoute[] {
  const configured = (names: readonly SmsProviderName[]) => names.filter(name => section[name] !== undefined)
  const mainland = configured(['aliyun', 'tencent'])
  const others = configured(['twilio'])
  return [
    ...(mainland.length > 0 ? [{ countries: ['+86'], providers: mainland }] : []),
    ...(others.length > 0 ? [{ countries: undefined, providers: others }] : []),
  ]
}

const callingCodes = (): Set<string> => new Set(getCountries().map(country => `+${getCountryCallingCode(country)}`))

function unknownCode(code: string, known: ReadonlySet<string>): string {
  const shared = [...known].find(each => code.startsWith(each))
  return shared === undefined
    ? `no country has the calling code ${code}.`
    : `${code} begins with the calling code ${shared}, and numbers are routed by that alone. Write '${shared}'.`
}

function checkRoutes(section: SmsSection, { mistakes, warnings }: SectionReader): void {
  const { routes } = section
  if (!routes) return
  const known = callingCodes()
  const served = new Set<string>()
  let othersServed = false
  for (const [index, { countries, providers }] of routes.entries()) {
    const path = ['sms', 'routes', index]
    if (othersServed) mistakes.add(path, 'a route before this one has no countries, so that nothing is left for it.')
    for (const [place, code] of (countries ?? []).entries()) {
      if (!known.has(code)) mistakes.add([...path, 'countries', place], unknownCode(code, known))
      else if (served.has(code)) mistakes.add([...path, 'countries', place], `a route before this one serves ${code}.`)
      served.add(code)
    }
    for (const [place, name] of providers.entries()) {
      if (section[name] || mistakes.isAbout(['sms', name])) continue
      mistakes.add([...path, 'providers', place], `${name} is not configured. Add the section sms.${name}.`)
    }
    othersServed ||= countries === undefined
  }
  const used = new Set(routes.flatMap(({ providers }) => providers))
  for (const name of smsProviders) {
    if (section[name] && !used.has(name)) warnings.push(`sms.${name} is configured, but no route leads to it.`)
  }
}

function checkBaseUrl(section: SmsSection, name: SmsProviderName, { mistakes }: SectionReader): void {
  const url = section[name]?.base_url
  const wrong = url === undefined ? undefined : addressMistake(url)
  if (wrong) mistakes.add(['sms', name, 'base_url'], wrong)
}

/** Nothing of a key of these providers is anything else. */
const key = (expected: string): SecretShape => ({ pattern: /^[\x21-\x7e]{8,256}$/, expected })

const bothLanguages = (templates: { 'zh-CN'?: string; en?: string }) => ({
  'zh-CN': templates['zh-CN'],
  en: templates.en,
})

function readAliyun(aliyun: NonNullable<SmsSection['aliyun']>, reader: SectionReader): AliyunConfig | undefined {
  const accessKeySecret = reader.secrets.read(
    'HUFUD_ALIYUN_ACCESS_KEY_SECRET',
    key('an AccessKey secret is expected, 30 letters and digits'),
  )
  const found = allOrOff({ accessKeySecret }, { method: 'phone', provider: 'aliyun' }, reader.off)
  return (
    found && {
      ...found,
      accessKeyId: aliyun.access_key_id,
      signName: aliyun.sign_name,
      codeTemplates: bothLanguages(aliyun.code_templates),
      noticeTemplates: aliyun.notice_templates && bothLanguages(aliyun.notice_templates),
      noticeTemplatesWithLink: aliyun.notice_templates_with_link && bothLanguages(aliyun.notice_templates_with_link),
      baseUrl: aliyun.base_url ?? 'https://dysmsapi.aliyuncs.com',
      timeout: (aliyun.timeout_seconds ?? 10) * second,
    }
  )
}

function readTencent(tencent: NonNullable<SmsSection['tencent']>, reader: SectionReader): TencentConfig | undefined {
  const secretKey = reader.secrets.read(
    'HUFUD_TENCENT_SECRET_KEY',
    key('a SecretKey is expected, 32 letters and digits'),
  )
  const found = allOrOff({ secretKey }, { method: 'phone', provider: 'tencent' }, reader.off)
  return (
    found && {
      ...found,
      secretId: tencent.secret_id,
      sdkAppId: tencent.sdk_app_id,
      signName: tencent.sign_name,
      region: tencent.region ?? 'ap-guangzhou',
      codeTemplates: bothLanguages(tencent.code_templates),
      noticeTemplates: tencent.notice_templates && bothLanguages(tencent.notice_templates),
      noticeTemplatesWithLink: tencent.notice_templates_with_link && bothLanguages(tencent.notice_templates_with_link),
      baseUrl: tencent.base_url ?? 'https://sms.tencentcloudapi.com',
      timeout: (tencent.timeout_seconds ?? 10) * second,
    }
  )
}

function readTwilio(twilio: NonNullable<SmsSection['twilio']>, reader: SectionReader): TwilioConfig | undefined {
  const authToken = reader.secrets.read(
    'HUFUD_TWILIO_AUTH_TOKEN',
    key('an auth token is expected, 32 hexadecimal digits'),
  )
  const found = allOrOff({ authToken }, { method: 'phone', provider: 'twilio' }, reader.off)
  return (
    found && {
      ...found,
      accountSid: twilio.account_sid,
      from: twilio.from,
      statusCallback: twilio.receipts ? `${reader.origin}/receipts/twilio` : undefined,
      baseUrl: twilio.base_url ?? 'https://api.twilio.com',
      timeout: (twilio.timeout_seconds ?? 10) * second,
    }
  )
}

const receiptSecretShape: SecretShape = {
  pattern: /^[A-Za-z0-9_-]{22,128}$/,
  expected: '22 to 128 letters, digits, - and _ are expected (openssl rand -hex 16)',
}

function readReceiptSecret({ secrets, off }: SectionReader): string | undefined {
  if (!secrets.isGiven('HUFUD_SMS_RECEIPT_SECRET')) return undefined
  const receiptSecret = secrets.read('HUFUD_SMS_RECEIPT_SECRET', receiptSecretShape)
  return allOrOff({ receiptSecret }, { method: 'phone', provider: 'receipts' }, off)?.receiptSecret
}
