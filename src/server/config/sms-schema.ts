import * as Type from 'typebox/type'
import { address, closed, timeout } from './schema-members.ts'

const SmsProvider = Type.Enum(['aliyun', 'tencent', 'twilio'], { examples: ['aliyun'] })

const SmsRoute = Type.Object(
  {
    countries: Type.Optional(
      Type.Array(
        Type.String({
          description: 'A country calling code.',
          pattern: '^\\+[1-9][0-9]{0,6}$',
          examples: ['+86'],
        }),
        {
          description: 'Country calling codes, in quotes. Where it is missing: all that are left.',
          minItems: 1,
          uniqueItems: true,
          examples: [['+86']],
        },
      ),
    ),
    providers: Type.Array(SmsProvider, {
      description: 'Who delivers; each next one only where the one before certainly did not.',
      minItems: 1,
      uniqueItems: true,
      examples: [['aliyun', 'tencent']],
    }),
  },
  { ...closed, title: 'Route', description: 'Who delivers to which countries. The first that fits counts.' },
)

const templates = (description: string, pattern: string, example: string) =>
  Type.Object(
    {
      'zh-CN': Type.Optional(Type.String({ description: 'The Chinese one.', pattern, examples: [example] })),
      en: Type.Optional(Type.String({ description: 'The English one.', pattern, examples: [example] })),
    },
    {
      ...closed,
      minProperties: 1,
      description: `${description} One language serves for both where the other is missing.`,
    },
  )

const signName = Type.String({
  description: 'The approved signature (签名), without the brackets 【】.',
  pattern: '^[^\\s【】\\[\\]]{2,32}$',
  examples: ['虎符'],
})

const Aliyun = Type.Object(
  {
    access_key_id: Type.String({
      description:
        'AccessKey ID of a RAM user that may call dysms:SendSms. Its secret: HUFUD_ALIYUN_ACCESS_KEY_SECRET.',
      pattern: '^[A-Za-z0-9._-]{1,128}$',
      examples: ['LTAI5tExampleExampleExam'],
    }),
    sign_name: signName,
    code_templates: templates('Approved templates with the one variable code.', '^SMS_[0-9]{1,20}$', 'SMS_123456789'),
    notice_templates: Type.Optional(
      templates(
        'Approved templates with the variables what, account and time. Without them Aliyun delivers no notices.',
        '^SMS_[0-9]{1,20}$',
        'SMS_123456790',
      ),
    ),
    notice_templates_with_link: Type.Optional(
      templates(
        'Approved templates with the variables what, account, time and link, for notices with a link that undoes the ' +
          'change. Without them these take notice_templates, and the link goes by mail alone.',
        '^SMS_[0-9]{1,20}$',
        'SMS_123456791',
      ),
    ),
    base_url: Type.Optional(address('Where the API is.', 'https://dysmsapi.aliyuncs.com')),
    timeout_seconds: Type.Optional(timeout(10)),
  },
  { ...closed, title: 'Aliyun', description: 'Alibaba Cloud Short Message Service (阿里云短信服务).' },
)

const Tencent = Type.Object(
  {
    secret_id: Type.String({
      description: 'SecretId of a CAM user that may call sms:SendSms. Its key: HUFUD_TENCENT_SECRET_KEY.',
      pattern: '^[A-Za-z0-9*._-]{1,128}$',
      examples: ['AKIDExampleExampleExampleExample0001'],
    }),
    sdk_app_id: Type.String({
      description: 'SdkAppId of the SMS application.',
      pattern: '^[0-9]{1,20}$',
      examples: ['1400006666'],
    }),
    sign_name: signName,
    region: Type.Optional(
      Type.String({
        description: 'Region of the API.',
        pattern: '^[a-z]{2,4}(-[a-z0-9]+)+$',
        default: 'ap-guangzhou',
        examples: ['ap-guangzhou'],
      }),
    ),
    code_templates: templates('Numbers of approved templates with one variable, the code.', '^[0-9]{1,20}$', '1110'),
    notice_templates: Type.Optional(
      templates(
        'Numbers of approved templates with the variables what, account and time, in this order. Without them ' +
          'Tencent Cloud delivers no notices.',
        '^[0-9]{1,20}$',
        '1111',
      ),
    ),
    notice_templates_with_link: Type.Optional(
      templates(
        'Numbers of approved templates with a fourth variable, for notices with a link that undoes the change. Without ' +
          'them these take notice_templates, and the link goes by mail alone.',
        '^[0-9]{1,20}$',
        '1112',
      ),
    ),
    base_url: Type.Optional(address('Where the API is.', 'https://sms.tencentcloudapi.com')),
    timeout_seconds: Type.Optional(timeout(10)),
  },
  { ...closed, title: 'Tencent Cloud', description: 'Tencent Cloud SMS (腾讯云短信).' },
)

const Twilio = Type.Object(
  {
    account_sid: Type.String({
      description: 'Account SID. Its token: HUFUD_TWILIO_AUTH_TOKEN.',
      pattern: '^AC[0-9a-fA-F]{32}$',
      examples: ['AC00000000000000000000000000000000'],
    }),
    from: Type.String({
      description: 'A number of yours in E.164, in quotes, or the SID of a messaging service.',
      pattern: '^(\\+[1-9][0-9]{6,14}|MG[0-9a-fA-F]{32})$',
      examples: ['+14155550100'],
    }),
    receipts: Type.Optional(
      Type.Boolean({
        description: 'Whether Twilio is asked to tell of each delivery, at ORIGIN/receipts/twilio.',
        default: false,
      }),
    ),
    base_url: Type.Optional(address('Where the API is.', 'https://api.twilio.com')),
    timeout_seconds: Type.Optional(timeout(10)),
  },
  { ...closed, title: 'Twilio', description: 'Twilio Programmable Messaging.' },
)

/** The member `sms` of the configuration file. */
export const SmsSection = Type.Object(
  {
    routes: Type.Optional(
      Type.Array(SmsRoute, {
        description:
          'Who delivers to which countries. Countries in no route are not served. Where it is missing: +86 by Aliyun ' +
          'and then Tencent Cloud, all others by Twilio, as far as they are configured.',
        minItems: 1,
        maxItems: 100,
      }),
    ),
    aliyun: Type.Optional(Aliyun),
    tencent: Type.Optional(Tencent),
    twilio: Type.Optional(Twilio),
  },
  { ...closed, title: 'Text messages', description: 'SMS with codes and notices.' },
)
export type SmsSection = Type.Static<typeof SmsSection>
