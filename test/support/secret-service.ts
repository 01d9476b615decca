import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { until } from './until.ts'

const programs = ['dbus-daemon', 'dbus-send', 'dbus-monitor', 'gnome-keyring-daemon']

const isThere = (name: string) =>
  (process.env.PATH ?? '').split(delimiter).some(folder => existsSync(join(folder, name)))

/**
 * Whether tests have to be left out for want of a Secret Service, which is said once.
 * @throws where CI is `true`: there they must run
 */
export function lacksSecretService(): boolean {
  const missing = programs.filter(name => !isThere(name))
  if (missing.length === 0) return false
  const words = `there is no ${missing.join(', ')}. On Debian: apt-get install dbus gnome-keyring`
  if (process.env.CI === 'true') throw new Error(words)
  console.warn(`Skipped: ${words}`)
  return true
}

/** A bus of its own, with GNOME's keyring on it, whose keyring has a password and is open. */
export interface SecretService {
  /** What a program needs to find it. */
  readonly env: Readonly<Record<string, string>>
  /** What the keyring holds of hufu: secrets by account. */
  entries(): ReadonlyMap<string, string>
  lock(): void
  /** Whether it has tried to open a window, to be unlocked. Nothing here opens one. */
  hasPrompted(): boolean
  /** It goes on running and answers nothing (SIGSTOP), or goes on as before. */
  hang(): void
  wake(): void
  /** Ends it in the middle of everything; the bus stays. */
  kill(): Promise<void>
  close(): Promise<void>
}

/** A bus on which nothing is started by being asked for. */
const configuration = (
  socket: string,
) => `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=${socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>`

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

export async function startSecretService(): Promise<SecretService> {
  const folder = mkdtempSync(join(tmpdir(), 'hufu-keyring-'))
  const at = (name: string) => join(folder, name)
  for (const name of ['home', 'data', 'run']) mkdirSync(at(name), { mode: 0o700 })
  writeFileSync(at('bus.conf'), configuration(at('bus')))
  const env = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${at('bus')}` }
  const bus = spawn('dbus-daemon', ['--nofork', `--config-file=${at('bus.conf')}`], { stdio: 'ignore' })
  await until('the bus', () => existsSync(at('bus')) || undefined)
  const own = {
    ...env,
    PATH: process.env.PATH,
    HOME: at('home'),
    XDG_DATA_HOME: at('data'),
    XDG_RUNTIME_DIR: at('run'),
  }
  const daemon = spawn('gnome-keyring-daemon', ['--foreground', '--unlock', '--components=secrets'], {
    env: own,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  daemon.stdin.end('keyring password')
  let watched = ''
  const monitor = spawn('dbus-monitor', ['--session', "destination='org.gnome.keyring.SystemPrompter'"], { env: own })
  monitor.stdout.on('data', (chunk: Buffer) => {
    watched += chunk
  })
  const send = (destination: string, path: string, method: string, ...argv: string[]) =>
    execFileSync(
      'dbus-send',
      ['--session', '--print-reply', '--reply-timeout=5000', `--dest=${destination}`, path, method, ...argv],
      { env: own, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    )
  await until('the keyring', () => {
    try {
      const locked = ['string:org.freedesktop.Secret.Collection', 'string:Locked']
      const path = '/org/freedesktop/secrets/aliases/default'
      return /boolean false/.test(
        send('org.freedesktop.secrets', path, 'org.freedesktop.DBus.Properties.Get', ...locked),
      )
        ? true
        : undefined
    } catch {
      return undefined
    }
  })
  return {
    env,
    entries() {
      const binding = new URL('../../node_modules/@napi-rs/keyring/index.js', import.meta.url).pathname
      const program = `console.log(JSON.stringify(require(${JSON.stringify(binding)}).findCredentials('hufu')))`
      const found = JSON.parse(execFileSync(process.execPath, ['-e', program], { env: own, encoding: 'utf8' }))
      return new Map(found.map(({ account, password }: { account: string; password: string }) => [account, password]))
    },
    lock() {
      const collection = 'array:objpath:/org/freedesktop/secrets/collection/login'
      send('org.freedesktop.secrets', '/org/freedesktop/secrets', 'org.freedesktop.Secret.Service.Lock', collection)
    },
    hasPrompted: () => watched.includes('member=BeginPrompting'),
    hang: () => void daemon.kill('SIGSTOP'),
    wake: () => void daemon.kill('SIGCONT'),
    kill: () => ended(daemon, 'SIGKILL'),
    async close() {
      await ended(monitor, 'SIGKILL')
      await ended(daemon, 'SIGKILL')
      await ended(bus, 'SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
