import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { startServer } from '../../src/server/app.ts'
import { loadConfig } from '../../src/server/config/load-config.ts'
import { freePort } from '../../src/server/free-port.ts'
import { wechatCallbackPath } from '../../src/server/routes/wechat-callback.ts'
import { startWeChatSimulator, type WeChatSimulator } from '../../src/simulators/wechat/simulator.ts'
import { databaseEnvironment, dropTestDatabase, testDatabase } from './database.ts'
import { freshHome, hufu } from './hufu.ts'
import { caller, password, wechatConfig } from './server-world.ts'

export interface WeChatHufud {
  readonly url: string
  readonly wechat: WeChatSimulator
  /** A person whose hufu is logged in, with a home of their own. */
  person(username: string): Promise<{ home: string; password: string; server: { url: string } }>
  close(): Promise<void>
}

/** A hufud in real time with WeChat, in the ways that the ephemeral one is not. @param qrLifetime milliseconds */
export async function startWeChatHufud(options: {
  confirmByCode: boolean
  qrLifetime: number
  mode?: 'qr' | 'oauth'
}): Promise<WeChatHufud> {
  const folder = mkdtempSync(join(tmpdir(), 'hufud-wechat-'))
  const wechat = await startWeChatSimulator({ clock: systemClock, random: systemRandom })
  const port = await freePort()
  const url = `http://localhost:${port}`
  const database = await testDatabase(folder)
  const env = { HOME: folder, ...databaseEnvironment, HUFUD_LISTEN: `localhost:${port}`, HUFUD_ORIGIN: url }
  const base = loadConfig({ database }, env)
  const config = {
    ...base,
    policy: { ...base.policy, qrLifetime: options.qrLifetime },
    wechat: {
      ...wechatConfig(wechat.credentials, wechat.baseUrl),
      confirmByCode: options.confirmByCode,
      mode: options.mode ?? 'qr',
    },
  }
  const server = await startServer(config, {
    clock: systemClock,
    random: systemRandom,
    logger: pino({ level: 'silent' }),
    version: 'test',
    senders: {},
  })
  wechat.authorisation.setDomain(`localhost:${port}`)
  wechat.setCallbackUrl(`${url}${wechatCallbackPath}`)
  return {
    url,
    wechat,
    async person(username) {
      const { accounts, credentials } = server.services
      const link = await accounts.create({ username }, { source: 'test' })
      await credentials.redeemEnrolmentLink(caller, link.link_secret, password)
      const home = freshHome()
      const run = await hufu(['login', username, '--verify', 'password'], {
        home,
        env: { HUFU_SERVER: url, HUFU_PASSWORD: password },
      })
      if (run.exitCode !== 0) throw new Error(run.stderr)
      return { home, password, server: { url } }
    },
    async close() {
      await server.close()
      await wechat.close()
      await dropTestDatabase(database)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
