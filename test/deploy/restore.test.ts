// Back-up and restore by the very commands of docs/operations.md, with hufud running where they say that it may.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../../src/server/free-port.ts'
import { AuthenticatorApp } from '../support/authenticator-app.ts'
import { contactChanges } from '../support/contact-changes.ts'
import { linkFor } from '../support/enrolment-link.ts'
import { freshHome, hufu, startHufu } from '../support/hufu.ts'
import { lacksPostgres, postgresBinaries, startPostgres } from '../support/postgres-cluster.ts'
import { type SeveralHufud, startSeveralHufud } from '../support/several-hufud.ts'

const manual = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const password = 'older than the back-up'

/** The commands that the manual has under this mark. */
function commandsOf(mark: string): string {
  const [, commands] = new RegExp(`<!-- rehearsed: ${mark} -->\n\`\`\`sh\n([\\s\\S]*?)\`\`\``).exec(manual) ?? []
  if (commands === undefined) throw new Error(`the manual has no commands for ${mark}`)
  return commands
}

function lacksSqlite3(): boolean {
  const found = (process.env.PATH ?? '').split(delimiter).some(each => existsSync(join(each, 'sqlite3')))
  if (found) return false
  const words = 'there is no sqlite3. On Debian: apt-get install sqlite3'
  if (process.env.CI === 'true') throw new Error(words)
  console.warn(`Skipped: ${words}`)
  return true
}

let folder: string
const closing: (() => Promise<unknown>)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hufu-restore-'))
  mkdirSync(join(folder, 'lib'))
  mkdirSync(join(folder, 'backups'))
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  rmSync(folder, { recursive: true, force: true })
})

/**
 * Runs commands of the manual line by line, folders and users replaced. `systemctl` is not there: it is `onSystemctl`
 * that does what it would.
 */
async function follow(
  mark: string,
  { env = {}, onSystemctl }: { env?: Record<string, string>; onSystemctl?: (verb: string) => Promise<void> } = {},
): Promise<void> {
  const text = commandsOf(mark)
    .replaceAll('/var/lib/hufud', join(folder, 'lib'))
    .replaceAll('/var/backups/hufud', join(folder, 'backups'))
    .replaceAll('-o hufud -g hufud ', '')
    .replaceAll(/^chown .*\n/gm, '')
  let script: string[] = []
  const run = async () => {
    const child = spawn('/bin/sh', ['-e', '-c', script.join('\n')], { env: { ...process.env, ...env }, stdio: 'pipe' })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', chunk => {
        said += chunk
      })
    }
    const code = await new Promise(resolve => child.once('close', resolve))
    script = []
    expect([code, said], mark).toEqual([0, ''])
  }
  for (const line of text.split('\n')) {
    const [, verb] = /^systemctl (\w+)/.exec(line) ?? []
    if (verb === undefined) {
      script.push(line)
      continue
    }
    await run()
    if (!onSystemctl) throw new Error('nobody expected systemctl')
    await onSystemctl(verb)
  }
  await run()
}

/** A server that has served for a while, is backed up, serves on, is restored; and what people find then. */
async function rehearse(
  database: string,
  backUp: () => Promise<void>,
  restore: (onSystemctl: (verb: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const given = { origin, database, secretKey: randomBytes(32).toString('base64url'), ports: [port] }
  let server: SeveralHufud | undefined = await startSeveralHufud(given, 1)
  closing.push(async () => server?.close())
  const running = (): SeveralHufud => {
    if (!server) throw new Error('it does not run')
    return server
  }
  const caller = { source: 'test', client: 'test', locale: 'en' } as const
  const enrol = async (username: string) => {
    const account = { username, emailAddress: `${username}@hufu.example` }
    const { link_secret } = await running().services.accounts.create(account, caller)
    await running().services.credentials.redeemEnrolmentLink(caller, link_secret, password)
  }
  const home = freshHome()
  const env = { HUFU_SERVER: origin, HUFU_PASSWORD: password }
  const run = (args: string[], more: Record<string, string> = {}) => hufu(args, { home, env: { ...env, ...more } })
  const bindApp = async (username: string, name: string) => {
    const codeFile = join(folder, name)
    const awaited = `for i in $(seq 200); do test -s '${codeFile}' && exec cat '${codeFile}'; sleep 0.05; done; exit 1`
    const secret = name === 'later' ? keptLink : await linkFor(running().services, username, 'totp')
    const binding = startHufu(['bind', 'totp', '--link-file', '-', '--code-command', awaited], {
      env,
      input: `${origin}/enrol#${secret}\n`,
    })
    const app = new AuthenticatorApp(String((await binding.seen('qr')).secret))
    writeFileSync(codeFile, app.code())
    const bound = await binding.finished
    expect(bound.exitCode, bound.stderr).toBe(0)
    return app
  }
  let keptLink = ''

  for (const username of ['ada', 'bob', 'eve']) await enrol(username)
  const app = await bindApp('ada', 'first')
  expect((await run(['login', 'bob', '--verify', 'password'])).exitCode).toBe(0)
  keptLink = await linkFor(running().services, 'bob', 'totp')
  const { domain } = running().services
  // Nothing is delivered here; the link that would be in the notice is kept.
  const outbox = { ...domain.outbox, isConfigured: () => true, reach: () => 'available' as const }
  const changes = contactChanges({ ...domain, outbox })
  const eve = await changes.domain.store.read.accounts.findByUsernameKey('eve')
  if (!eve) throw new Error('eve is gone')
  const undo = (await changes.change(eve, 'email', 'thief@evil.example')).get('eve@hufu.example')
  expect(undo).toBeTruthy()

  await backUp()
  await enrol('zoe')
  const late = await run(['passwd', '--verify', 'password'], { HUFU_NEW_PASSWORD: 'newer than the back-up' })
  expect(late.exitCode, late.stderr).toBe(0)

  await restore(async verb => {
    if (verb === 'stop') {
      await server?.close()
      server = undefined
    } else server = await startSeveralHufud(given, 1)
  })

  // Sessions have ended, and what came after the back-up is not there.
  expect((await run(['status'])).last.code).toBe('not_logged_in')
  expect((await run(['login', 'zoe', '--verify', 'password'])).last.code).toBe('login_failed')
  const bob = await run(['login', 'bob', '--verify', 'password'])
  expect(bob.exitCode, bob.stderr).toBe(0)
  const ada = await run(['login', 'ada', '--verify', 'password', '--verify', 'totp'], { HUFU_CODE: app.code() })
  expect(ada.exitCode, ada.stderr).toBe(0)
  await bindApp('bob', 'later')
  const pressed = await fetch(`${origin}/undo/${undo}`, {
    method: 'POST',
    body: new URLSearchParams({ action: 'undo' }),
  })
  expect(pressed.status).toBe(200)
  const undone = await running().services.domain.store.read.accounts.find(eve.id)
  expect(undone?.email_address).toBe('eve@hufu.example')
}

describe.skipIf(lacksSqlite3())('SQLite', () => {
  it('is backed up while it serves, and restored', async () => {
    await rehearse(
      `sqlite:${join(folder, 'lib', 'hufud.db')}`,
      () => follow('sqlite back-up'),
      onSystemctl => follow('sqlite restore', { onSystemctl }),
    )
  }, 60_000)
})

describe.skipIf(lacksPostgres())('PostgreSQL', () => {
  it('is backed up while it serves, and restored beside itself', async () => {
    const cluster = await startPostgres({ settings: { max_wal_senders: 4 } })
    closing.push(cluster.close)
    const url = new URL(cluster.url('postgres', 'postgres'))
    const env = {
      PATH: `${postgresBinaries}${delimiter}${process.env.PATH}`,
      PGHOST: url.searchParams.get('host') ?? '',
      PGPORT: url.port || '5432',
      PGUSER: 'postgres',
    }
    await rehearse(
      cluster.url('hufud'),
      async () => {
        await follow('postgres back-up', { env })
        await follow('postgres base back-up', { env })
      },
      onSystemctl => follow('postgres restore', { env, onSystemctl }),
    )
  }, 60_000)
})
