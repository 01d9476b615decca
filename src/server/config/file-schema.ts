import * as Type from 'typebox/type'
import { WebAuthnSection } from './webauthn-schema.ts'

// Every member has a description, and an example where its form is not plain from its type: the JSON Schema that
// editors use is made of them, and so is what a mistake is answered with.

const closed = { additionalProperties: false } as const

const fileName = (description: string, example: string) =>
  Type.String({
    description: `${description} Relative to the folder of this file.`,
    pattern: '^[^\\n\\u0000]{1,1024}$',
    examples: [example],
  })

const address = (description: string, base: string) =>
  Type.String({ description: `${description} https, or http on this machine.`, default: base, examples: [base] })

const timeout = (seconds: number) =>
  Type.Integer({ description: 'Seconds for a whole call.', minimum: 1, maximum: 25, default: seconds })

const Listen = Type.Object(
  {
    host: Type.Optional(
      Type.String({
        description: 'Address or name to listen on.',
        minLength: 1,
        maxLength: 253,
        default: '127.0.0.1',
        examples: ['127.0.0.1'],
      }),
    ),
    port: Type.Optional(
      Type.Integer({ description: 'TCP port.', minimum: 0, maximum: 65_535, default: 8420, examples: [8420] }),
    ),
  },
  { ...closed, title: 'Listener', description: 'Where hufud listens, for plain HTTP from the reverse proxy.' },
)

const Smtp = Type.Object(
  {
    host: Type.String({
      description: 'Host name of the mail server.',
      pattern: '^[A-Za-z0-9._:-]{1,253}$',
      examples: ['smtp.example.org'],
    }),
    port: Type.Optional(
      Type.Integer({
        description: 'TCP port. Where it is missing: 465 with tls, 587 with starttls, 25 with none.',
        minimum: 1,
        maximum: 65_535,
        examples: [587],
      }),
    ),
    security: Type.Optional(
      Type.Enum(['tls', 'starttls', 'none'], {
        description:
          'tls: encrypted from the first byte on. starttls: encrypted before anything is said, or nothing is sent. ' +
          'none: on this machine alone. Where it is missing: tls on port 465, else starttls.',
        examples: ['starttls'],
      }),
    ),
    auth: Type.Optional(
      Type.Enum(['none', 'password', 'xoauth2'], {
        description:
          'How hufud says who it is. password: HUFUD_SMTP_PASSWORD. xoauth2: HUFUD_SMTP_REFRESH_TOKEN and ' +
          'HUFUD_SMTP_CLIENT_SECRET, with client_id and token_url. Where it is missing: password where there is a ' +
          'username, else none.',
        examples: ['password'],
      }),
    ),
    username: Type.Optional(
      Type.String({ description: 'User name at the mail server.', minLength: 1, maxLength: 254, examples: ['hufu'] }),
    ),
    client_id: Type.Optional(
      Type.String({
        description: 'With xoauth2: the OAuth client that the refresh token was given to.',
        minLength: 1,
        maxLength: 512,
        examples: ['1234567890-abc.apps.googleusercontent.com'],
      }),
    ),
    token_url: Type.Optional(
      Type.String({
        description: 'With xoauth2: where a refresh token is exchanged for an access token. https.',
        examples: ['https://oauth2.googleapis.com/token'],
      }),
    ),
    ca_file: Type.Optional(
      fileName('Certificates in PEM that the mail server’s leads to; without it those of the system.', 'mail-ca.pem'),
    ),
    name: Type.Optional(
      Type.String({
        description: 'What this host calls itself in EHLO.',
        pattern: '^[A-Za-z0-9.:\\[\\]-]{1,253}$',
        examples: ['accounts.example.org'],
      }),
    ),
    connections: Type.Optional(
      Type.Integer({ description: 'Connections at once.', minimum: 1, maximum: 50, default: 5 }),
    ),
    timeout_seconds: Type.Optional(
      Type.Integer({
        description: 'Seconds for connecting, and for each answer.',
        minimum: 1,
        maximum: 25,
        default: 10,
      }),
    ),
  },
  { ...closed, title: 'SMTP', description: 'The mail server that takes mail from hufud.' },
)

const Dkim = Type.Object(
  {
    domain: Type.String({
      description: 'The domain that signs: that of `from`, or one above it.',
      pattern: '^[A-Za-z0-9-]{1,63}(\\.[A-Za-z0-9-]{1,63})+$',
      examples: ['example.org'],
    }),
    selector: Type.String({
      description: 'The public key is in DNS, in the TXT record of SELECTOR._domainkey.DOMAIN.',
      pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$',
      examples: ['hufu'],
    }),
    key_file: fileName('The private key in PEM, RSA of 2048 bits or more, or Ed25519.', 'dkim.pem'),
  },
  { ...closed, title: 'DKIM', description: 'Signs mail, where the mail server does not (RFC 6376).' },
)

const Email = Type.Object(
  {
    from: Type.String({
      description: 'Who mail comes from: an address, or `Name <address>`.',
      minLength: 3,
      maxLength: 320,
      examples: ['hufu <no-reply@example.org>'],
    }),
    reply_to: Type.Optional(
      Type.String({
        description: 'Where answers go: an address, or `Name <address>`.',
        minLength: 3,
        maxLength: 320,
        examples: ['support@example.org'],
      }),
    ),
    smtp: Smtp,
    dkim: Type.Optional(Dkim),
  },
  { ...closed, title: 'Email', description: 'Mail with codes and notices.' },
)

const SmsProvider = Type.Enum(['aliyun', 'tencent', 'twilio'], { examples: ['aliyun'] })

const SmsRoute = Type.Object(
  {
    countries: Type.Optional(
      Type.Array(
        Type.String({
          description: 'A country calling code.',
          pattern: '^\\+[1-9][0-9]{0,2}$',
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

const noticeLink = (example: string) =>
  Type.Boolean({
    description: `Whether the notice templates have the variable for the link that undoes the change, too: ${example}.`,
    default: false,
  })

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
    notice_link: Type.Optional(noticeLink('link')),
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
    notice_link: Type.Optional(noticeLink('a fourth')),
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

const Sms = Type.Object(
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

const WeChat = Type.Object(
  {
    app_id: Type.String({
      description: 'AppID of the official account. Its secret: HUFUD_WECHAT_APP_SECRET.',
      pattern: '^wx[0-9a-f]{16}$',
      examples: ['wx0123456789abcdef'],
    }),
    mode: Type.Optional(
      Type.Enum(['qr', 'oauth'], {
        description:
          'qr: a parametric QR code, and the push that tells of its scan (HUFUD_WECHAT_TOKEN, HUFUD_WECHAT_AES_KEY). ' +
          'oauth: web authorisation inside WeChat.',
        default: 'qr',
        examples: ['qr'],
      }),
    ),
    confirm_by_code: Type.Optional(
      Type.Boolean({
        description: 'Whether whoever scanned gets a code that is typed in where the QR code was shown.',
        default: false,
      }),
    ),
    open_platform: Type.Optional(
      Type.Boolean({
        description: 'Whether the account is tied to an Open Platform account, so that people have a unionid.',
        default: false,
      }),
    ),
    base_url: Type.Optional(address('Where the API is.', 'https://api.weixin.qq.com')),
    authorize_url: Type.Optional(address('Where web authorisation begins.', 'https://open.weixin.qq.com')),
  },
  { ...closed, title: 'WeChat', description: 'A verified service account (微信服务号).' },
)

/** The configuration file. Secrets are not in it; they come from the environment, or files that it names. */
export const ConfigFile = Type.Object(
  {
    origin: Type.Optional(
      Type.String({
        description: 'Where people reach this server: scheme, host and port. https, or http on this machine.',
        examples: ['https://accounts.example.org'],
      }),
    ),
    rp_id: Type.Optional(
      Type.String({
        description:
          'The name that security keys sign for: the host of the origin, or a domain above it. Changing it orphans ' +
          'every key that is bound.',
        minLength: 1,
        maxLength: 253,
        examples: ['example.org'],
      }),
    ),
    listen: Type.Optional(Listen),
    database: Type.Optional(
      Type.String({
        description: 'Where the data is. Where it is missing: in $XDG_DATA_HOME/hufud, else ~/.local/share/hufud.',
        pattern: '^sqlite:.+',
        examples: ['sqlite:/var/lib/hufud/hufud.db'],
      }),
    ),
    service_name: Type.Optional(
      Type.String({
        description: 'What people know the service as: in messages, TOTP apps and key prompts.',
        minLength: 1,
        maxLength: 16,
        default: 'hufu',
        examples: ['hufu'],
      }),
    ),
    minimum_password_length: Type.Optional(
      Type.Integer({ description: 'In characters.', minimum: 6, maximum: 64, default: 6 }),
    ),
    trusted_proxies: Type.Optional(
      Type.Array(Type.String({ description: 'An IP address, or a range.', maxLength: 64, examples: ['10.0.0.0/8'] }), {
        description: 'Addresses whose X-Forwarded-For is believed.',
        default: [],
        examples: [['127.0.0.1']],
      }),
    ),
    log_level: Type.Optional(
      Type.Enum(['debug', 'info', 'warn', 'error'], {
        description: 'What is logged, as JSON lines on stderr.',
        default: 'info',
        examples: ['info'],
      }),
    ),
    hash_concurrency: Type.Optional(
      Type.Integer({
        description: 'Password hashes at once. Where it is missing: by the number of cores.',
        minimum: 1,
        maximum: 64,
      }),
    ),
    hash_queue: Type.Optional(
      Type.Integer({
        description: 'Password hashes that wait; beyond, logins are answered with 503.',
        minimum: 1,
        maximum: 10_000,
        default: 64,
      }),
    ),
    webauthn: Type.Optional(WebAuthnSection),
    email: Type.Optional(Email),
    sms: Type.Optional(Sms),
    wechat: Type.Optional(WeChat),
    notices: Type.Optional(
      Type.Object(
        {
          undo_within_hours: Type.Optional(
            Type.Integer({
              description: 'For how long the link in a notice undoes the change of a number or address.',
              minimum: 1,
              maximum: 720,
              default: 72,
            }),
          ),
        },
        { ...closed, title: 'Notices', description: 'What people are told of changes to their account.' },
      ),
    ),
    metrics: Type.Optional(
      Type.Object(
        {
          listen: Type.String({
            description: 'HOST:PORT where GET /metrics is served, apart from the API.',
            maxLength: 260,
            examples: ['127.0.0.1:9464'],
          }),
        },
        { ...closed, title: 'Metrics', description: 'Figures for Prometheus. Without this section there are none.' },
      ),
    ),
  },
  closed,
)
export type ConfigFile = Type.Static<typeof ConfigFile>
export type EmailSection = NonNullable<ConfigFile['email']>
export type SmsSection = NonNullable<ConfigFile['sms']>
export type WeChatSection = NonNullable<ConfigFile['wechat']>

/** The JSON Schema that is published: docs/hufud-config.schema.json. */
export const configSchemaDocument = (): object => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:hufu:hufud-config',
  title: 'Configuration of hufud',
  description:
    'The configuration file of hufud, in YAML or JSON. Secrets are not in it: they come from HUFUD_… or HUFUD_…_FILE.',
  ...ConfigFile,
})
