import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { freePort } from '../../src/server/free-port.ts'
import type { WeChatPerson } from '../../src/simulators/wechat/authorisation.ts'
import { startWeChatSimulator } from '../../src/simulators/wechat/simulator.ts'
import { databaseEnvironment, dropTestDatabase, testDatabase } from './database.ts'
import { startHufud } from './ephemeral-server.ts'
import { environment, eventsIn, freshHome, hufu, hufudExecutable } from './hufu.ts'
import { password } from './server-world.ts'
import type { WeChatHufud } from './wechat-hufud.ts'

/** The built hufud as an operator sets it up: a file, secrets by the environment; WeChat in mode oauth. */
export async function startOauthHufud(options: { confirmByCode: boolean }): Promise<WeChatHufud & { log(): string }> {
  const folder = mkdtempSync(join(tmpdir(), 'hufud-oauth-'))
  const wechat = await startWeChatSimulator({ clock: systemClock, random: systemRandom })
  const port = await freePort()
  const url = `http://localhost:${port}`
  wechat.authorisation.setDomain(`localhost:${port}`)
  const database = await testDatabase(folder)
  const file = join(folder, 'hufud.yaml')
  writeFileSync(
    file,
    `origin: ${url}
listen: { host: localhost, port: ${port} }
database: '${database}'
wechat:
  app_id: ${wechat.credentials.appId}
  mode: oauth
  confirm_by_code: ${options.confirmByCode}
  base_url: ${wechat.baseUrl}
  authorize_url: ${wechat.baseUrl}
`,
    { mode: 0o600 },
  )
  const env = {
    ...databaseEnvironment,
    HUFUD_WECHAT_APP_SECRET: wechat.credentials.appSecret,
    HUFUD_LOG_LEVEL: 'info',
  }
  const server = await startHufud(['serve', '--config', file, '--json'], env, folder)
  return {
    url,
    wechat,
    log: server.log,
    async person(username) {
      const bootstrap = ['bootstrap', username, '--config', file, '--json']
      const { stdout } = await execa(process.execPath, [hufudExecutable, ...bootstrap], {
        env: environment(folder, env),
        extendEnv: false,
        stripFinalNewline: false,
      })
      const home = freshHome()
      const link = join(home, 'link')
      writeFileSync(link, `${eventsIn(stdout)[0]?.link}\n`, { mode: 0o600 })
      const first = { HUFU_SERVER: url, HUFU_NEW_PASSWORD: password }
      const runs = [await hufu(['passwd', '--link-file', link], { home, env: first })]
      const later = { HUFU_SERVER: url, HUFU_PASSWORD: password }
      runs.push(await hufu(['login', username, '--verify', 'password'], { home, env: later }))
      for (const run of runs) if (run.exitCode !== 0) throw new Error(run.stderr)
      return { home, password, server: { url } }
    },
    async close() {
      await server.stop()
      await wechat.close()
      await dropTestDatabase(database)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A person who has agreed and is on the way through WeChat; nothing of theirs has come back yet. */
export interface UnderWay {
  /** Comes back from WeChat: the page that they see. */
  comeBack(): Promise<{ status: number; html: string }>
}

/** Scans the QR code with the phone of `person`, reads the page and goes on, as far as WeChat. */
export async function agree(payload: string, person: WeChatPerson, language = 'en'): Promise<UnderWay> {
  const headers = { 'accept-language': language, 'user-agent': 'MicroMessenger/8.0.50' }
  const { origin } = new URL(payload)
  const sent = await fetch(payload, {
    method: 'POST',
    redirect: 'manual',
    body: 'answer=agree',
    headers: { ...headers, origin, 'content-type': 'application/x-www-form-urlencoded' },
  })
  const address = sent.headers.get('location')
  if (sent.status !== 303 || address === null) throw new Error(`not agreed: ${sent.status}`)
  const cookie = sent.headers.get('set-cookie')?.split(';')[0] ?? ''
  const wechatCookie = `wechat_person=${Buffer.from(JSON.stringify(person)).toString('base64url')}`
  return {
    async comeBack() {
      const asked = await fetch(address, { redirect: 'manual', headers: { cookie: wechatCookie } })
      const page = await fetch(asked.headers.get('location') ?? '', { headers: { ...headers, cookie } })
      return { status: page.status, html: await page.text() }
    },
  }
}
