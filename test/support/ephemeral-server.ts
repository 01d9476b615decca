import { createInterface } from 'node:readline'
import { execa } from 'execa'
import type { Listening } from '../../src/server/ephemeral/start-ephemeral.ts'
import { isOnPostgres, testDatabase } from './database.ts'
import { environment, freshHome, hufudExecutable } from './hufu.ts'
import { type Outbox, openOutbox } from './outbox.ts'

export interface RunningHufud<L> {
  readonly pid: number
  readonly listening: L
  /** What it has written to stderr. */
  log(): string
  /** SIGTERM, and waits for its end. Returns the exit code. */
  stop(): Promise<number | undefined>
}

/** Starts the built hufud with `args` and waits for the line that says that it listens. */
export async function startHufud<L>(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  home = freshHome(),
): Promise<RunningHufud<L>> {
  const child = execa(process.execPath, [hufudExecutable, ...args], {
    env: environment(home, env),
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk
  })
  const listening = await new Promise<L>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', line => resolve(JSON.parse(line) as L))
    child.then(({ exitCode }) => reject(new Error(`hufud ended with ${exitCode}: ${log}`)))
  })
  return {
    pid: child.pid ?? 0,
    listening,
    log: () => log,
    async stop() {
      child.kill('SIGTERM')
      return (await child).exitCode
    },
  }
}

/** The built `hufud serve --ephemeral --json`, with what a person has around it. */
export interface EphemeralServer extends RunningHufud<Listening> {
  readonly url: string
  readonly adminToken: string
  readonly outbox: Outbox
  /** `--device` of its software security key, which touches by itself. */
  readonly securityKey: string
  /** Scans a QR code by the phone of `openid`; returns the HTTP status of the scan. */
  scan(payload: string, openid: string): Promise<number>
}

/** An ephemeral server makes a file of its own; any other database it is given. */
const databaseOption = async () => (isOnPostgres ? ['--database', await testDatabase('')] : [])

export async function startEphemeral(): Promise<EphemeralServer> {
  const running = await startHufud<Listening>(['serve', '--ephemeral', '--json', ...(await databaseOption())])
  const { listening } = running
  return {
    ...running,
    url: listening.url,
    adminToken: listening.admin_token,
    outbox: openOutbox(listening.outbox),
    securityKey: listening.security_key,
    async scan(url, openid) {
      const answer = await fetch(listening.wechat_scan, { method: 'POST', body: JSON.stringify({ url, openid }) })
      return answer.status
    },
  }
}
