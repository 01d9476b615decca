import { afterEach, describe, expect, it } from 'vitest'
import { operatorsView } from '../support/code-sender.ts'
import { type ConfiguredHufud, type Inbox, openInbox, startConfiguredHufud } from '../support/configured-hufud.ts'
import { freshNumber, Person } from '../support/person.ts'
import { type SmsProviders, startSmsProviders } from '../support/sms-providers.ts'
import { startSmtpSink } from '../support/smtp-sink.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function around(): Promise<{ inbox: Inbox; sms: SmsProviders }> {
  const inbox = await openInbox()
  closing.push(inbox.close)
  const sms = await startSmsProviders(text => inbox.deliver({ channel: 'phone', ...text }))
  closing.push(sms.close)
  return { inbox, sms }
}

/** What a step-up of `person` is offered, but for the recovery codes that asking leaves behind. */
async function offered(person: Person): Promise<unknown[]> {
  const { args, env } = await person.answering('password')
  const run = await person.hufu(['recovery-codes', ...args], { env })
  const [stepUp] = run.events
  if (stepUp?.event !== 'step_up' || !Array.isArray(stepUp.methods)) throw new Error(run.stderr)
  return stepUp.methods.map(({ method }: { method: string }) => method).filter(method => method !== 'recovery')
}

async function start(
  options: Parameters<typeof startConfiguredHufud>[0],
): Promise<{ server: ConfiguredHufud; person: Person }> {
  const server = await startConfiguredHufud(options)
  closing.push(server.close)
  const person = await Person.loggedIn(server, { email: 'guan@example.org', phone: freshNumber() })
  return { server, person }
}

describe('credentials', () => {
  it('that are missing: hufud starts, says what is off, and offers what works', async () => {
    const { inbox, sms } = await around()
    const { server, person } = await start({
      sections: () => [
        'email: { from: a@hufu.example, smtp: { host: localhost, username: relay } }',
        sms.section('[{ providers: [aliyun] }]'),
        'wechat: { app_id: wx0123456789abcdef }',
      ],
      secrets: { HUFUD_ALIYUN_ACCESS_KEY_SECRET: sms.secrets.HUFUD_ALIYUN_ACCESS_KEY_SECRET ?? '' },
      outbox: inbox,
    })
    const off = (await server.logged('configured, but off')).map(({ method, provider }) => [method, provider])
    expect(off.sort()).toEqual([
      ['email', 'smtp'],
      ['phone', 'tencent'],
      ['phone', 'twilio'],
      ['wechat', 'wechat'],
    ])
    expect(await offered(person)).toEqual(['password', 'phone'])
    const { exitCode, stdout } = await server.checkConfig()
    expect([exitCode, stdout]).toEqual([5, expect.stringContaining('HUFUD_SMTP_PASSWORD')])
  })

  it('that are wrong: hufud starts, and soon no longer offers what does not work', async () => {
    const { inbox, sms } = await around()
    const sink = await startSmtpSink({
      faults: { login: () => '535 5.7.8 no' },
      server: { authOptional: false, authMethods: ['PLAIN'] },
    })
    closing.push(sink.close)
    const { server, person } = await start({
      sections: () => [
        `email: { from: a@hufu.example, smtp: { host: 127.0.0.1, port: ${sink.port}, security: none, username: relay } }`,
        sms.section('[{ providers: [aliyun] }]'),
      ],
      secrets: { ...sms.secrets, HUFUD_SMTP_PASSWORD: 'wrong', HUFUD_ALIYUN_ACCESS_KEY_SECRET: 'wrong-wrong-wrong' },
      outbox: inbox,
    })
    await expect.poll(() => offered(person), { timeout: 15_000 }).toEqual(['password'])
    const { providers } = await operatorsView(server)
    expect(providers.map(({ provider, failure }) => [provider, failure]).sort()).toEqual([
      ['aliyun', 'misconfigured'],
      ['smtp', 'misconfigured'],
    ])
    expect(server.log()).not.toContain('wrong-wrong-wrong')
  })
})
