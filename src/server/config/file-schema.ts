import * as Type from 'typebox/type'
import { EmailSection } from './email-schema.ts'
import { address, closed, timeout } from './schema-members.ts'
import { SmsSection } from './sms-schema.ts'
import { WebAuthnSection } from './webauthn-schema.ts'

// Every member has a description, and an example where its form is not plain from its type: the JSON Schema that
// editors use is made of them, and so is what a mistake is answered with.

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
    timeout_seconds: Type.Optional(timeout(5)),
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
        description:
          'Where the data is: sqlite:PATH, or postgres://USER@HOST:PORT/DATABASE without a password, which comes from ' +
          'PGPASSWORD, or with all of the address from HUFUD_DATABASE or HUFUD_DATABASE_FILE. Where it is missing: ' +
          'sqlite: in $XDG_DATA_HOME/hufud, else ~/.local/share/hufud.',
        pattern: '^(sqlite:|postgres(ql)?://).+',
        maxLength: 4096,
        examples: ['sqlite:/var/lib/hufud/hufud.db', 'postgres://hufud@db.example.org/hufud'],
      }),
    ),
    database_connections: Type.Optional(
      Type.Integer({
        description: 'Connections of one process to PostgreSQL, at most.',
        minimum: 2,
        maximum: 500,
        default: 10,
      }),
    ),
    database_statement_timeout_seconds: Type.Optional(
      Type.Integer({
        description: 'After how long PostgreSQL gives a statement up.',
        minimum: 1,
        maximum: 60,
        default: 10,
      }),
    ),
    database_prepared_statements: Type.Optional(
      Type.Boolean({
        description: 'Whether busy statements are prepared; false behind a pooler that does not bear it.',
        default: true,
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
    email: Type.Optional(EmailSection),
    sms: Type.Optional(SmsSection),
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
    events: Type.Optional(
      Type.Object(
        {
          keep_days: Type.Optional(
            Type.Integer({
              description: 'After how many days security events are removed. Where it is missing: never.',
              minimum: 90,
              maximum: 36_500,
              examples: [365],
            }),
          ),
        },
        { ...closed, title: 'Events', description: 'The record of what happened to accounts.' },
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
