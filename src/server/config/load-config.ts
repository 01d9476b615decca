import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { defaultPolicy } from '../domain/domain.ts'
import type { Config, MethodOff } from './config.ts'
import { readDatabase, readSecretKey } from './database.ts'
import { readEmail } from './email.ts'
import type { ConfigFile } from './file-schema.ts'
import { parseListen } from './listen.ts'
import { Mistakes } from './mistakes.ts'
import { isThisMachine, originMistake } from './origin.ts'
import type { ConfigDocument } from './read-file.ts'
import { type Environment, openSecrets } from './secrets.ts'
import type { SectionReader } from './section.ts'
import { readSms } from './sms.ts'
import { readWebAuthn } from './webauthn.ts'
import { readWeChat } from './wechat.ts'

export type { Config } from './config.ts'
export { ConfigError } from './config-error.ts'

/** What the command line says. */
export interface ConfigOptions {
  readonly config?: string | undefined
  readonly database?: string | undefined
  readonly port?: number | undefined
}

/** The configuration file that counts, if any. */
export const configFileOf = ({ config }: ConfigOptions, env: Environment): string | undefined =>
  config ?? (env.HUFUD_CONFIG || undefined)

/**
 * The configuration: options before environment before file before defaults.
 * @throws {ConfigError} with every mistake in it
 */
export async function readConfig(options: ConfigOptions, env: Environment): Promise<Config> {
  const path = configFileOf(options, env)
  if (path === undefined) return loadConfig(options, env)
  // A parser that most servers of tests, and every one that is set up by its environment alone, can start without.
  const { readFile } = await import('./read-file.ts')
  return loadConfig(options, env, { folder: dirname(path), ...readFile(path) })
}

/**
 * The configuration of options, environment and a file that was read; without one, `HUFUD_CONFIG` is not looked at.
 * @throws {ConfigError} with every mistake in it, those of the file included
 */
export function loadConfig(
  options: Omit<ConfigOptions, 'config'>,
  env: Environment,
  document?: ConfigDocument & { readonly folder: string },
): Config {
  const { file = {}, mistakes = new Mistakes(() => undefined), folder = '.' } = document ?? {}
  const secrets = openSecrets(env, mistakes)
  const off: MethodOff[] = []
  const warnings: string[] = []
  const listen = readListen(options, env, file, mistakes)
  const origin = env.HUFUD_ORIGIN || file.origin || `http://localhost:${listen.port}`
  const rpId = readOrigin(origin, env, file, mistakes)
  const reader: SectionReader = { mistakes, secrets, folder, origin, off, warnings }
  checkProxies(file, mistakes)
  const database = readDatabase(options, env, file, reader)
  const webauthn = readWebAuthn(file.webauthn ?? {}, reader)
  const config = {
    ...listen,
    database,
    secretKey: readSecretKey(database, env, mistakes),
    trustedProxies: file.trusted_proxies ?? [],
    logLevel: readLogLevel(env, file, mistakes),
    hashConcurrency: file.hash_concurrency ?? hashingSlots(env),
    hashQueue: file.hash_queue ?? 64,
    policy: {
      ...defaultPolicy,
      origins: [origin, ...webauthn.origins],
      rpId,
      webauthn: webauthn.policy,
      serviceName: file.service_name ?? defaultPolicy.serviceName,
      minimumPasswordLength: file.minimum_password_length ?? defaultPolicy.minimumPasswordLength,
      reversalLifetime: hours(file.notices?.undo_within_hours) ?? defaultPolicy.reversalLifetime,
    },
    keepEventsFor: hours(file.events?.keep_days && file.events.keep_days * 24),
    email: file.email && readEmail(file.email, reader),
    sms: file.sms && readSms(file.sms, reader),
    wechat: file.wechat && readWeChat(file.wechat, reader),
    metrics: readMetrics(file, reader),
    off,
    warnings: [...warnings, ...secrets.warnings],
  }
  mistakes.throwIfAny()
  return config
}

const hours = (count: number | undefined): number | undefined => (count === undefined ? undefined : count * 3_600_000)

/** A value of the environment has no place in the file. */
const elsewhere = undefined

function readListen(
  options: ConfigOptions,
  env: Environment,
  file: ConfigFile,
  mistakes: Mistakes,
): { host: string; port: number } {
  const { host = '127.0.0.1', port = 8420 } = file.listen ?? {}
  const fromEnvironment = env.HUFUD_LISTEN ? parseListen(env.HUFUD_LISTEN) : { host, port }
  if (!fromEnvironment) mistakes.addAt(elsewhere, 'HUFUD_LISTEN', 'this is not HOST:PORT, such as 127.0.0.1:8420.')
  const listen = fromEnvironment ?? { host, port }
  return options.port === undefined ? listen : { ...listen, port: options.port }
}

/** Checks the public origin and the RP ID (WebAuthn section 5.1.2: a registrable suffix of the host, no address). */
function readOrigin(origin: string, env: Environment, file: ConfigFile, mistakes: Mistakes): string {
  const tell = (words: string) => {
    if (env.HUFUD_ORIGIN) mistakes.addAt(elsewhere, 'HUFUD_ORIGIN', words)
    else if (!mistakes.isAbout(['origin'])) mistakes.add(['origin'], words)
  }
  const wrong = originMistake(origin)
  const { hostname } = new URL(wrong ? 'http://localhost' : origin)
  const rpId = file.rp_id ?? hostname
  if (wrong) tell(wrong)
  else if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) {
    tell('security keys sign for a name, never for an address. Give a host name; localhost is this machine.')
  } else if (!mistakes.isAbout(['origin']) && hostname !== rpId && !hostname.endsWith(`.${rpId}`)) {
    mistakes.add(['rp_id'], `this must be the origin’s host, ${hostname}, or a domain above it.`)
  }
  return rpId
}

const logLevels = ['debug', 'info', 'warn', 'error']

function readLogLevel(env: Environment, file: ConfigFile, mistakes: Mistakes): string {
  const level = env.HUFUD_LOG_LEVEL || file.log_level || 'info'
  // What pino knows beside these is not documented, and does no harm.
  if (![...logLevels, 'trace', 'fatal', 'silent'].includes(level)) {
    mistakes.addAt(elsewhere, 'HUFUD_LOG_LEVEL', `one of ${logLevels.join(', ')} is expected.`)
  }
  return level
}

const namedRanges = ['loopback', 'linklocal', 'uniquelocal']

function checkProxies({ trusted_proxies = [] }: ConfigFile, mistakes: Mistakes): void {
  for (const [index, proxy] of trusted_proxies.entries()) {
    const [address = '', bits, ...rest] = proxy.split('/')
    const longest = isIP(address) === 6 ? 128 : 32
    const valid = isIP(address) !== 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= longest))
    if (namedRanges.includes(proxy) || (valid && rest.length === 0)) continue
    mistakes.add(['trusted_proxies', index], 'this is no IP address and no range, such as 10.0.0.0/8.')
  }
}

function readMetrics(file: ConfigFile, { mistakes, warnings }: SectionReader): Config['metrics'] {
  if (!file.metrics) return undefined
  const listen = parseListen(file.metrics.listen)
  if (!listen) mistakes.add(['metrics', 'listen'], 'this is not HOST:PORT, such as 127.0.0.1:9464.')
  else if (!isThisMachine(listen.host)) {
    warnings.push('metrics.listen is not on this machine alone: whoever reaches it reads the figures.')
  }
  return listen
}

/**
 * How many hashes run at once: one more than there are cores, so that none is idle while the main thread commits, and
 * one fewer than libuv has threads, so that files and names are still looked up.
 */
function hashingSlots(env: Environment): number {
  const threads = Number(env.UV_THREADPOOL_SIZE) || 4
  return Math.max(1, Math.min(availableParallelism() + 1, threads - 1))
}
