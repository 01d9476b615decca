import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, expect, it } from 'vitest'
import { databaseEnvironment, testDatabase } from '../support/database.ts'
import { type RunningHufud, startHufud } from '../support/ephemeral-server.ts'
import { environment, eventsIn, freshHome, hufu, hufudExecutable } from '../support/hufu.ts'

const running: RunningHufud<unknown>[] = []
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop()
})

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise(resolve => probe.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}

/** A hufud of one's own: one file, zero set-up. */
async function newServer() {
  const folder = freshHome()
  const port = await freePort()
  const env = {
    HUFUD_DATABASE: await testDatabase(join(folder, 'data')),
    ...databaseEnvironment,
    HUFUD_LISTEN: `127.0.0.1:${port}`,
    HUFUD_ORIGIN: `http://localhost:${port}`,
    HUFUD_LOG_LEVEL: 'warn',
  }
  mkdirSync(join(folder, 'data'))
  return {
    folder,
    url: env.HUFUD_ORIGIN,
    async serve() {
      const server = await startHufud<{ event: string; url: string }>(['serve', '--json'], env, folder)
      running.push(server)
      return server
    },
    hufud: (...args: string[]) =>
      execa(process.execPath, [hufudExecutable, ...args], {
        env: environment(folder, env),
        extendEnv: false,
        reject: false,
        stripFinalNewline: false,
      }),
  }
}

const password = 'the first password of all'

it('a server of one’s own: bootstrap, first password, login; and it is all still there after a restart', async () => {
  const { folder, url, serve, hufud } = await newServer()
  const server = await serve()
  expect(server.listening).toMatchObject({ event: 'listening', url })
  const bootstrap = await hufud('bootstrap', 'root', '--json')
  expect(bootstrap.exitCode, bootstrap.stderr).toBe(0)
  const [made] = eventsIn(bootstrap.stdout)
  expect(made).toMatchObject({ event: 'result', ok: true, username: 'root' })
  const linkFile = join(folder, 'link')
  writeFileSync(linkFile, `${made?.link}\n`, { mode: 0o600 })

  const home = freshHome()
  const at = ['--server', url]
  const first = (text: string) =>
    hufu(['passwd', '--link-file', linkFile, ...at], { home, env: { HUFU_NEW_PASSWORD: text } })
  const short = await first('five5')
  expect([short.exitCode, short.last.code]).toEqual([5, 'password_too_short'])
  const run = await first(password)
  expect(run.exitCode, run.stderr).toBe(0)
  expect(run.last).toMatchObject({ ok: true, username: 'root' })
  const again = await first('yet another password')
  expect([again.exitCode, again.last.code]).toEqual([4, 'link_invalid'])

  const env = { HUFU_PASSWORD: password }
  const login = await hufu(['login', 'root', '--verify', 'password', ...at], { home, env })
  expect(login.exitCode, login.stderr).toBe(0)
  const codes = await hufu(['recovery-codes'], { home, env })
  expect(codes.exitCode, codes.stderr).toBe(0)

  expect(await server.stop()).toBe(0)
  const gone = await hufu(['status'], { home })
  expect([gone.exitCode, gone.last.code]).toEqual([7, 'server_unreachable'])
  await serve()
  const status = await hufu(['status'], { home })
  expect(status.last).toMatchObject({ ok: true, username: 'root', recovery_codes_left: 10 })

  // Neither in the clear, nor for others to read.
  const secrets = [password, String(made?.link).slice(-43), ...(codes.last.codes as string[])]
  for (const name of readdirSync(join(folder, 'data'))) {
    const path = join(folder, 'data', name)
    const text = readFileSync(path, 'latin1')
    for (const secret of secrets) expect(text.includes(secret), `${secret} in ${name}`).toBe(false)
    expect(statSync(path).mode & 0o077, name).toBe(0)
  }
  const logins = join(home, 'config', 'hufu', 'logins.json')
  expect(statSync(logins).mode & 0o077).toBe(0)
  expect(readFileSync(logins, 'utf8')).not.toContain(password)
})

it('a second link ends the first', async () => {
  const { folder, url, serve, hufud } = await newServer()
  await serve()
  const links: string[] = []
  for (const name of ['one', 'two']) {
    const { stdout } = await hufud('bootstrap', 'root')
    expect(stdout.trim()).toMatch(/^http:\/\/localhost:\d+\/enrol#[\w-]{43}$/)
    const path = join(folder, name)
    writeFileSync(path, stdout, { mode: 0o600 })
    links.push(path)
  }
  const [older = '', newer = ''] = links
  const first = (file: string) =>
    hufu(['passwd', '--link-file', file, '--server', url], { env: { HUFU_NEW_PASSWORD: password } })
  const refused = await first(older)
  expect([refused.exitCode, refused.last.code]).toEqual([4, 'link_invalid'])
  expect((await first(newer)).exitCode).toBe(0)
})

it('what nobody delivers cannot be bound, and the words say so', async () => {
  const { folder, url, serve, hufud } = await newServer()
  await serve()
  const { stdout } = await hufud('bootstrap', 'root')
  const linkFile = join(folder, 'link')
  writeFileSync(linkFile, stdout, { mode: 0o600 })
  const home = freshHome()
  const env = { HUFU_SERVER: url, HUFU_PASSWORD: password, HUFU_NEW_PASSWORD: password }
  await hufu(['passwd', '--link-file', linkFile], { home, env })
  await hufu(['login', 'root', '--verify', 'password'], { home, env })
  const phone = await hufu(['bind', 'phone', '+8613800138000', '--verify', 'password'], { home, env })
  expect([phone.exitCode, phone.last.code]).toEqual([5, 'channel_off'])
  const wechat = await hufu(['bind', 'wechat', '--verify', 'password'], { home, env })
  expect([wechat.exitCode, wechat.last.code]).toEqual([5, 'wechat_not_configured'])
})
