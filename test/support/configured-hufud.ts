import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { pino } from 'pino'
import { serviceScopes } from '../../src/contract/schemas.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { openServices } from '../../src/server/app.ts'
import { readConfig } from '../../src/server/config/load-config.ts'
import { createOwnToken } from '../../src/server/domain/admin/authority.ts'
import type { Services } from '../../src/server/domain/services.ts'
import { freePort } from '../../src/server/free-port.ts'
import { createMailbox } from '../../src/simulators/mailbox/mailbox.ts'
import { startOuterEdge } from '../../src/simulators/outer-edge.ts'
import type { WeChatCredentials } from '../../src/simulators/wechat/credentials.ts'
import { databaseEnvironment, dropTestDatabase, testDatabase } from './database.ts'
import { type RunningHufud, startHufud } from './ephemeral-server.ts'
import { environment, hufudExecutable } from './hufu.ts'
import { type Outbox, openOutbox } from './outbox.ts'
import { until } from './until.ts'

/** Where what providers deliver is put, so that people and their scripts find it. */
export interface Inbox extends Outbox {
  deliver(message: { channel: 'email' | 'phone'; to: string; code: string | null; text: string }): void
  close(): Promise<void>
}

/** Everybody's phone and mail program, behind the providers. */
export async function openInbox(): Promise<Inbox> {
  const mailbox = createMailbox({ clock: systemClock })
  const edge = await startOuterEdge({ mailbox, wechat: { scan: async () => ({ outcome: 'unknown' }) } })
  return { ...openOutbox(edge.outboxUrl), deliver: mailbox.deliver, close: edge.close }
}

/** The built hufud with a configuration file, as an operator runs it. */
export interface ConfiguredHufud {
  readonly url: string
  readonly adminToken: string
  readonly outbox: Outbox
  /** People in these tests have no security keys. */
  readonly securityKey: string
  /** The URL of its database. */
  readonly database: string
  readonly pid: number
  /** Services over the same database in this process, which deliver nothing: accounts are made by them. */
  readonly services: Services
  /** What it has logged, restarts included. */
  log(): string
  /** Its log's lines of this message, as soon as there is one. */
  logged(message: string): Promise<Record<string, unknown>[]>
  /** SIGKILL, and waits for its end. */
  kill(): Promise<void>
  /** Starts it again on the same database and port. */
  start(): Promise<void>
  checkConfig(...args: string[]): Promise<{ readonly exitCode?: number; readonly stdout: string }>
  close(): Promise<void>
}

export interface ConfiguredHufudOptions {
  /** Sections of the file in YAML, told the origin. */
  readonly sections: (origin: string) => readonly string[]
  /** `HUFUD_…`, as the environment has them. */
  readonly secrets?: Readonly<Record<string, string>>
  /** `HUFUD_…` by what stands in a file, whose name is in the environment as `HUFUD_…_FILE`. */
  readonly secretFiles?: Readonly<Record<string, string>>
  /** Further files beside the configuration, by their names. */
  readonly files?: Readonly<Record<string, string>>
  readonly outbox: Outbox
}

const day = 24 * 60 * 60_000

export async function startConfiguredHufud(options: ConfiguredHufudOptions): Promise<ConfiguredHufud> {
  const folder = mkdtempSync(join(tmpdir(), 'hufud-configured-'))
  const write = (name: string, content: string) => {
    writeFileSync(join(folder, name), content, { mode: 0o600 })
    return join(folder, name)
  }
  const port = await freePort()
  const url = `http://localhost:${port}`
  const database = await testDatabase(folder)
  const file = write(
    'hufud.yaml',
    [
      `origin: ${url}`,
      `listen: { host: localhost, port: ${port} }`,
      `database: '${database}'`,
      'log_level: debug',
      ...options.sections(url),
      '',
    ].join('\n'),
  )
  for (const [name, content] of Object.entries(options.files ?? {})) write(name, content)
  const env: Record<string, string> = { ...databaseEnvironment, ...options.secrets }
  for (const [name, content] of Object.entries(options.secretFiles ?? {})) env[`${name}_FILE`] = write(name, content)

  let log = ''
  let running: RunningHufud<unknown> | undefined
  const start = async () => {
    running = await startHufud(['serve', '--config', file, '--json'], env, folder)
  }
  const ended = async () => {
    const exitCode = await running?.stop()
    log += running?.log() ?? ''
    running = undefined
    return exitCode
  }
  await start()
  const config = await readConfig({ config: file }, { HOME: folder, ...env })
  const edge = { clock: systemClock, random: systemRandom, logger: pino({ level: 'silent' }), version: 'test' }
  const { services, close: closeServices } = await openServices(config, { ...edge, senders: {} })
  const allLogged = () => log + (running?.log() ?? '')
  return {
    url,
    adminToken: await createOwnToken(services.domain, serviceScopes, day),
    outbox: options.outbox,
    securityKey: '',
    database,
    services,
    get pid() {
      return running?.pid ?? 0
    },
    log: allLogged,
    logged: message =>
      until(`"${message}" in the log`, () => {
        const lines = linesOf(allLogged()).filter(({ msg }) => msg === message)
        return lines.length > 0 ? lines : undefined
      }),
    async kill() {
      if (running) process.kill(running.pid, 'SIGKILL')
      await ended()
    },
    start,
    checkConfig: (...args) =>
      execa(process.execPath, [hufudExecutable, 'check-config', '--config', file, ...args], {
        env: environment(folder, env),
        extendEnv: false,
        reject: false,
      }),
    async close() {
      await closeServices()
      const exitCode = running ? await ended() : 0
      await dropTestDatabase(database)
      rmSync(folder, { recursive: true, force: true })
      if (exitCode !== 0) throw new Error(`hufud ended with ${exitCode}: ${log}`)
    },
  }
}

/** The whole lines of a log, and no half one. */
const linesOf = (log: string): Record<string, unknown>[] =>
  log
    .slice(0, log.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>)

/** The texts in a log in which one of `secrets` stands; a figure that happens to have the same digits is none. */
export function textsThatTell(log: string, secrets: Iterable<string>): string[] {
  const known = [...secrets].filter(secret => secret !== '')
  const textsIn = (value: unknown): string[] => {
    if (typeof value === 'string') return [value]
    if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(textsIn)
    return []
  }
  return linesOf(log)
    .flatMap(textsIn)
    .filter(text => known.some(secret => text.includes(secret)))
}

/** The section `wechat` in YAML. @param mode with what follows it, `qr, confirm_by_code: true` */
export const wechatSection = (appId: string, baseUrl: string, mode = 'qr'): string =>
  `wechat: { app_id: ${appId}, mode: ${mode}, base_url: '${baseUrl}', authorize_url: '${baseUrl}' }`

export const wechatSecrets = (
  credentials: Pick<WeChatCredentials, 'appSecret' | 'token' | 'encodingAesKey'>,
): Record<string, string> => ({
  HUFUD_WECHAT_APP_SECRET: credentials.appSecret,
  HUFUD_WECHAT_TOKEN: credentials.token,
  HUFUD_WECHAT_AES_KEY: credentials.encodingAesKey,
})
