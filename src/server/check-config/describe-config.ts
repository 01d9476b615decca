import type {
  Config,
  DatabaseConfig,
  EmailConfig,
  MethodOff,
  SmsConfig,
  SmsProviderName,
  Templates,
} from '../config/config.ts'
import { smsProviders } from '../config/config.ts'
import { describePostgres, parsePostgresUrl } from '../config/postgres-url.ts'
import { type ConfigCheck, check } from './check.ts'

/** What is on and what is off of a configuration, its settings in short and without secrets. */
export function describeConfig(config: Config): ConfigCheck[] {
  const origin = config.policy.origins[0] ?? ''
  return [
    ...describeServer(config, origin),
    ...describeEmail(config),
    ...describeSms(config, origin),
    ...describeWeChat(config, origin),
    check('notices', 'undo', 'info', `a link undoes a change of number or address for ${hours(config)} hours`),
    config.metrics
      ? check('metrics', 'metrics', 'ok', `GET http://${hostPort(config.metrics)}/metrics`)
      : check('metrics', 'metrics', 'info', 'not configured: there are none'),
    ...config.warnings.map(words => check('warnings', 'warning', 'warn', words)),
  ]
}

const hours = ({ policy }: Config): number => policy.reversalLifetime / 3_600_000

const hostPort = ({ host, port }: { host: string; port: number }): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

function describeServer(config: Config, origin: string): ConfigCheck[] {
  const { policy, database, secretKey } = config
  const loopback = origin.startsWith('http:')
  return [
    check(
      'server',
      'origin',
      loopback ? 'warn' : 'ok',
      loopback ? `${origin}: plain http, for this machine alone` : origin,
    ),
    check('server', 'rp_id', 'ok', `${policy.rpId}: the name that security keys sign for`),
    check('server', 'listen', 'ok', `${hostPort(config)}, plain HTTP from the reverse proxy`),
    check('server', 'database', 'ok', describeDatabase(database)),
    check('server', 'secret_key', 'ok', 'file' in secretKey ? secretKey.file : 'from HUFUD_SECRET_KEY'),
  ]
}

function describeDatabase(database: DatabaseConfig): string {
  if (database.engine === 'sqlite') return `sqlite:${database.path}`
  const address = parsePostgresUrl(database.url)
  const plain = address.host.startsWith('/') ? 'by a Unix socket' : 'not encrypted'
  const security = address.security === 'verify' ? 'TLS, its certificate verified' : plain
  return `PostgreSQL, ${describePostgres(address)}; ${security}; up to ${database.connections} connections`
}

const offOf = ({ off }: Config, method: MethodOff['method'], provider: string): string | undefined =>
  off.find(each => each.method === method && each.provider === provider)?.reason

const isOff = (section: ConfigCheck['section'], name: string, reason: string): ConfigCheck =>
  check(section, name, 'fail', `off. ${reason}`)

const securities = { tls: 'TLS', starttls: 'STARTTLS', none: 'not encrypted' } as const

function describeEmail(config: Config): ConfigCheck[] {
  const reason = offOf(config, 'email', 'smtp')
  if (reason) return [isOff('email', 'smtp', reason)]
  const { email } = config
  if (!email) return [check('email', 'smtp', 'info', 'not configured: no codes by email')]
  const { smtp, dkim } = email
  return [
    check('email', 'smtp', 'ok', `${hostPort(smtp)}, ${securities[smtp.security]}, ${describeAuth(email)}`),
    check('email', 'from', 'ok', email.from),
    dkim
      ? check('email', 'dkim', 'ok', `signed as ${dkim.domain}; key at ${dkim.selector}._domainkey.${dkim.domain}`)
      : check('email', 'dkim', 'info', 'not configured: the mail server must sign'),
  ]
}

function describeAuth({ smtp: { auth } }: EmailConfig): string {
  if (!auth) return 'without a login'
  return `as ${auth.username} by ${auth.method === 'xoauth2' ? 'XOAUTH2' : 'password'}`
}

function describeSms(config: Config, origin: string): ConfigCheck[] {
  const { sms } = config
  const providers = smsProviders.flatMap(name => {
    const reason = offOf(config, 'phone', name)
    if (reason) return [isOff('phone', name, reason)]
    const words = sms && describeProvider(sms, name)
    return words ? [check('phone', name, 'ok', words)] : []
  })
  if (providers.length === 0) return [check('phone', 'sms', 'info', 'not configured: no codes by text message')]
  return [...providers, ...(sms ? [...describeReceipts(config, sms, origin), ...describeRoutes(sms)] : [])]
}

function describeProvider(sms: SmsConfig, name: SmsProviderName): string | undefined {
  if (name === 'twilio') {
    const { twilio } = sms
    return twilio && `${twilio.accountSid}, from ${twilio.from}, ${twilio.statusCallback ? 'with' : 'without'} receipts`
  }
  const provider = sms[name]
  if (!provider) return undefined
  const { signName, codeTemplates, noticeTemplates, noticeTemplatesWithLink: linked } = provider
  const notices = noticeTemplates
    ? `notices ${describeTemplates(noticeTemplates)}${linked ? `, with a link ${describeTemplates(linked)}` : ', without links'}`
    : 'no notices: there are no templates for them'
  return `【${signName}】, codes ${describeTemplates(codeTemplates)}; ${notices}`
}

const describeTemplates = (templates: Templates): string =>
  Object.entries(templates)
    .flatMap(([language, template]) => (template === undefined ? [] : `${template} (${language})`))
    .join(', ')

function describeReceipts(config: Config, sms: SmsConfig, origin: string): ConfigCheck[] {
  const reason = offOf(config, 'phone', 'receipts')
  if (reason) return [isOff('phone', 'receipts', reason)]
  const pushing = (['aliyun', 'tencent'] as const).filter(name => sms[name] !== undefined)
  const addresses = [
    ...(sms.receiptSecret === undefined ? [] : pushing.map(name => `${origin}/receipts/${name}/SECRET`)),
    ...(sms.twilio?.statusCallback ? [sms.twilio.statusCallback] : []),
  ]
  if (addresses.length > 0) return [check('phone', 'receipts', 'ok', `taken at ${addresses.join(' and ')}`)]
  return [check('phone', 'receipts', 'info', 'none: what the providers took over is taken for delivered')]
}

function describeRoutes({ routes, ...sms }: SmsConfig): ConfigCheck[] {
  const checks = routes.map(({ countries, providers }) => {
    const where = countries ? countries.join(', ') : 'all other countries'
    const able = providers.filter(name => sms[name] !== undefined)
    if (able.length === 0) return check('phone', 'route', 'fail', `${where}: off, with ${providers.join(' and ')}`)
    return check('phone', 'route', 'ok', `${where}: ${able.join(', then ')}`)
  })
  const complete = routes.some(({ countries }) => countries === undefined)
  return complete ? checks : [...checks, check('phone', 'route', 'info', 'all other countries: not served')]
}

function describeWeChat(config: Config, origin: string): ConfigCheck[] {
  const reason = offOf(config, 'wechat', 'wechat')
  if (reason) return [isOff('wechat', 'wechat', reason)]
  const { wechat } = config
  if (!wechat) return [check('wechat', 'wechat', 'info', 'not configured: WeChat can’t be bound')]
  const confirmed = wechat.confirmByCode ? ', confirmed by a code' : ''
  const how = wechat.mode === 'qr' ? `by QR code; push to ${origin}/wechat/callback` : 'by web authorisation'
  const unionid = wechat.openPlatform ? ', with unionid' : ''
  return [check('wechat', 'wechat', 'ok', `${wechat.appId}${unionid}, ${how}${confirmed}`)]
}
