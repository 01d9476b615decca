import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { availableParallelism, homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { Errors } from 'typebox/schema'
import * as Type from 'typebox/type'
import { defaultPolicy } from '../domain/domain.ts'
import type { Config } from './config.ts'
import { ConfigError } from './config-error.ts'
import { checkWebOrigin } from './origin.ts'
import { readWebAuthnConfig, WebAuthnConfig } from './webauthn.ts'

export type { Config } from './config.ts'
export { ConfigError } from './config-error.ts'

/** The configuration file: JSON. Secrets are not in it; they come from files of their own or the environment. */
const ConfigFile = Type.Object(
  {
    listen: Type.Optional(
      Type.Object(
        { host: Type.Optional(Type.String()), port: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })) },
        { additionalProperties: false },
      ),
    ),
    /** `sqlite:PATH`. */
    database: Type.Optional(Type.String({ pattern: '^sqlite:.+' })),
    /** Where people reach this server: `https://accounts.example.org`. */
    origin: Type.Optional(Type.String()),
    /** The RP ID of security keys: the origin's host, or a domain above it. It can't be changed later. */
    rp_id: Type.Optional(Type.String()),
    webauthn: Type.Optional(WebAuthnConfig),
    service_name: Type.Optional(Type.String({ minLength: 1, maxLength: 16 })),
    minimum_password_length: Type.Optional(Type.Integer({ minimum: 6, maximum: 64 })),
    trusted_proxies: Type.Optional(Type.Array(Type.String())),
    log_level: Type.Optional(Type.Enum(['debug', 'info', 'warn', 'error'])),
    hash_concurrency: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
    hash_queue: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
    wechat: Type.Optional(
      Type.Object(
        { app_id: Type.String({ minLength: 1 }), base_url: Type.Optional(Type.String()) },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)

type Environment = Readonly<Record<string, string | undefined>>

/** A secret from `NAME`, or from the file that `NAME_FILE` names. */
function secretFrom(env: Environment, name: string): string | undefined {
  const file = env[`${name}_FILE`]
  if (file === undefined) return env[name]
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new ConfigError(`${name}_FILE: ${file} can't be read (${error instanceof Error ? error.message : error}).`)
  }
}

function requiredSecret(env: Environment, name: string): string {
  const value = secretFrom(env, name)
  if (!value) throw new ConfigError(`WeChat is configured, but ${name} is missing. Set ${name} or ${name}_FILE.`)
  return value
}

function readFile(path: string): Type.Static<typeof ConfigFile> {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new ConfigError(`${path} is no JSON that can be read: ${error instanceof Error ? error.message : error}`)
  }
  const [valid, errors] = Errors(ConfigFile, parsed)
  if (!valid) {
    const places = errors.slice(0, 8).map(({ instancePath, message }) => `${instancePath || '/'} ${message}`)
    throw new ConfigError(`${path} is not a hufud configuration: ${places.join('; ')}. See docs/operations.md.`)
  }
  return parsed as Type.Static<typeof ConfigFile>
}

/** Checks the public origin and the RP ID (WebAuthn section 5.1.2: a registrable suffix of the host, no address). */
function checkOrigin(origin: string, rpId: string): void {
  const { hostname } = checkWebOrigin('origin', origin)
  const suffix = hostname === rpId || hostname.endsWith(`.${rpId}`)
  if (!suffix || isIP(rpId) !== 0) {
    throw new ConfigError(`rp_id: ${rpId} is not the origin's host ${hostname} or a domain above it.`)
  }
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(.+):(\d{1,5})$/.exec(text)
  if (!match?.[1] || !match[2]) throw new ConfigError(`HUFUD_LISTEN: ${text} is not HOST:PORT.`)
  return { host: match[1], port: Number(match[2]) }
}

/**
 * How many hashes run at once: one more than there are cores, so that none is idle while the main thread commits, and
 * one fewer than libuv has threads, so that files and names are still looked up.
 */
function hashingSlots(env: Environment): number {
  const threads = Number(env.UV_THREADPOOL_SIZE) || 4
  return Math.max(1, Math.min(availableParallelism() + 1, threads - 1))
}

/**
 * The configuration: options before environment before file before defaults.
 * @throws {ConfigError}
 */
export function loadConfig(
  options: { config?: string | undefined; database?: string | undefined; port?: number | undefined },
  env: Environment,
): Config {
  const configFile = options.config ?? env.HUFUD_CONFIG
  const file = configFile === undefined ? {} : readFile(configFile)
  const home = env.XDG_DATA_HOME ?? join(env.HOME ?? homedir(), '.local', 'share')
  const database =
    options.database ?? env.HUFUD_DATABASE ?? file.database ?? `sqlite:${join(home, 'hufud', 'hufud.db')}`
  if (!database.startsWith('sqlite:') || database.length === 'sqlite:'.length) {
    throw new ConfigError(`database: ${database.split(':')[0]}: is not supported. Give sqlite:PATH.`)
  }
  const databasePath = database.slice('sqlite:'.length)
  const listen = {
    host: '127.0.0.1',
    port: 8420,
    ...file.listen,
    ...(env.HUFUD_LISTEN ? parseListen(env.HUFUD_LISTEN) : {}),
    ...(options.port === undefined ? {} : { port: options.port }),
  }
  const origin = env.HUFUD_ORIGIN ?? file.origin ?? `http://localhost:${listen.port}`
  const rpId = file.rp_id ?? new URL(URL.canParse(origin) ? origin : 'http://invalid').hostname
  checkOrigin(origin, rpId)
  const webauthn = readWebAuthnConfig(file.webauthn ?? {}, dirname(configFile ?? '.'))
  const keyText = env.HUFUD_SECRET_KEY
  return {
    ...listen,
    databasePath,
    secretKey: keyText ? { text: keyText } : { file: env.HUFUD_SECRET_KEY_FILE ?? `${databasePath}.key` },
    trustedProxies: file.trusted_proxies ?? [],
    logLevel: env.HUFUD_LOG_LEVEL ?? file.log_level ?? 'info',
    hashConcurrency: file.hash_concurrency ?? hashingSlots(env),
    hashQueue: file.hash_queue ?? 64,
    policy: {
      ...defaultPolicy,
      origins: [origin, ...webauthn.origins],
      rpId,
      webauthn: webauthn.policy,
      ...(file.service_name ? { serviceName: file.service_name } : {}),
      ...(file.minimum_password_length ? { minimumPasswordLength: file.minimum_password_length } : {}),
    },
    email: undefined,
    sms: undefined,
    metrics: undefined,
    off: [],
    wechat: file.wechat && {
      appId: file.wechat.app_id,
      mode: 'qr',
      confirmByCode: false,
      openPlatform: false,
      authorizeUrl: 'https://open.weixin.qq.com',
      baseUrl: file.wechat.base_url ?? 'https://api.weixin.qq.com',
      appSecret: requiredSecret(env, 'HUFUD_WECHAT_APP_SECRET'),
      token: requiredSecret(env, 'HUFUD_WECHAT_TOKEN'),
      encodingAesKey: requiredSecret(env, 'HUFUD_WECHAT_AES_KEY'),
      previousEncodingAesKey: secretFrom(env, 'HUFUD_WECHAT_PREVIOUS_AES_KEY'),
    },
  }
}
