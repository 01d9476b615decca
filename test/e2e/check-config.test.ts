import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { openConfigFolder } from '../server/config/config-file.ts'
import { type RunningHufud, startHufud } from '../support/ephemeral-server.ts'
import { environment, eventsIn, hufudExecutable } from '../support/hufu.ts'

const folder = openConfigFolder()
afterAll(() => folder.close())
const example = new URL('../../docs/hufud.example.yaml', import.meta.url).pathname
copyFileSync(example, join(folder.path, 'hufud.yaml'))

const secrets = {
  HUFUD_SMTP_PASSWORD: 'zq-password',
  HUFUD_ALIYUN_ACCESS_KEY_SECRET: 'zqAliyunSecret',
  HUFUD_TENCENT_SECRET_KEY: 'zqTencentSecret',
  HUFUD_TWILIO_AUTH_TOKEN: 'zqTwilioToken',
  HUFUD_SMS_RECEIPT_SECRET: 'zqReceiptSecretOfTwentyTwo',
  HUFUD_WECHAT_APP_SECRET: 'zqWechatSecret0123456789',
  HUFUD_WECHAT_TOKEN: 'zqToken',
  HUFUD_WECHAT_AES_KEY: `zq${'k'.repeat(41)}`,
}

const hufud = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  execa(process.execPath, [hufudExecutable, ...args], {
    cwd: folder.path,
    env: environment(folder.path, env),
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
  })

const checkConfig = (file: string, env?: Readonly<Record<string, string>>, ...more: string[]) =>
  hufud(['check-config', '--config', file, ...more], env)

describe('hufud check-config', () => {
  it('shows all that is on, without a secret', async () => {
    const { stdout, stderr, exitCode } = await checkConfig('hufud.yaml', secrets)
    expect(exitCode, stderr).toBe(0)
    expect(stdout).not.toContain('zq')
    await expect(stdout).toMatchFileSnapshot('transcripts/check-config-on.txt')
  })

  it('says what is off for want of a secret, and what to set; exit 5', async () => {
    const { HUFUD_WECHAT_APP_SECRET: _, HUFUD_TWILIO_AUTH_TOKEN: _token, ...others } = secrets
    const env = {
      ...others,
      HUFUD_WECHAT_AES_KEY: 'zq',
      HUFUD_SMTP_PASSWORD: '',
      HUFUD_SMTP_PASSWORD_FILE: folder.write('password', 'zq', 0o644),
      HUFUD_TWILO_AUTH_TOKEN: 'zq',
    }
    const { stdout, exitCode } = await checkConfig('hufud.yaml', env)
    expect(exitCode).toBe(5)
    expect(stdout).not.toContain('zq')
    await expect(stdout).toMatchFileSnapshot('transcripts/check-config-off.txt')
  })

  it('says every mistake with its line; exit 2', async () => {
    folder.write(
      'wrong.yaml',
      `orgin: https://accounts.example.org
email:
  from: hufu no-reply
  smtp:
    host: smtp.example.org
    port: 70000
    password: zq-password
sms:
  routes:
    - countries: [+86, '+999']
      providers: [aliyn]
  twilio: { account_sid: AC1, from: '+14155550100' }
wechat: { app_id: wx1, mode: oauth2 }
`,
    )
    const { stdout, exitCode } = await checkConfig('wrong.yaml')
    expect(exitCode).toBe(2)
    expect(stdout).not.toContain('zq')
    await expect(stdout).toMatchFileSnapshot('transcripts/check-config-mistakes.txt')
    const serve = await hufud(['serve', '--config', 'wrong.yaml'])
    expect(serve.exitCode).toBe(2)
    expect(serve.stderr).toContain('wrong.yaml:6:5: email.smtp.port: this is out of range.')
  })

  it('with --json is NDJSON, with one last line', async () => {
    const on = await checkConfig('hufud.yaml', secrets, '--json')
    const events = eventsIn(on.stdout)
    expect(events.at(-1)).toMatchObject({ event: 'result', ok: true })
    for (const { event, ...members } of events.slice(0, -1)) {
      expect(event).toBe('check')
      expect(Object.keys(members)).toEqual(['section', 'name', 'state', 'words', 'fix'])
    }
    const off = eventsIn((await checkConfig('hufud.yaml', {}, '--json')).stdout)
    expect(off.at(-1)).toMatchObject({ event: 'error', code: 'config_partly_off', exit_code: 5 })
    const wrong = await checkConfig('wrong.yaml', {}, '--json')
    expect(eventsIn(wrong.stdout)[0]).toMatchObject({
      event: 'check',
      section: 'file',
      name: 'orgin',
      line: 1,
      column: 1,
    })
    expect(eventsIn(wrong.stdout).at(-1)).toMatchObject({ event: 'error', code: 'config_invalid', exit_code: 2 })
  })

  it('of no file at all looks at defaults', async () => {
    const { stdout, exitCode } = await hufud(['check-config'])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('No configuration file')
    expect(stdout).toContain('plain http, for this machine alone')
  })
})

describe('hufud serve', () => {
  const running: RunningHufud<unknown>[] = []
  afterEach(async () => {
    for (const server of running.splice(0)) await server.stop()
  })

  it('starts without the secrets of what is configured, and logs what is off', async () => {
    folder.write(
      'some.yaml',
      `origin: http://localhost:8420
email: { from: a@example.org, smtp: { host: localhost, username: hufu } }
wechat: { app_id: wx0123456789abcdef }
`,
    )
    const config = join(folder.path, 'some.yaml')
    const server = await startHufud(
      ['serve', '--config', config, '--port', '0', '--json'],
      { HUFUD_WECHAT_AES_KEY: 'zq' },
      folder.path,
    )
    running.push(server)
    await server.stop()
    const lines = server
      .log()
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
    const off = lines.filter(({ msg }) => msg === 'configured, but off')
    expect(off.map(({ level, method, provider }) => [level, method, provider])).toEqual([
      [40, 'email', 'smtp'],
      [40, 'wechat', 'wechat'],
    ])
    expect(off[0]?.reason).toMatch(/^HUFUD_SMTP_PASSWORD is missing\. Set it/)
    expect(server.log()).not.toContain('zq')
  })
})
