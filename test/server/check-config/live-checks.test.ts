import { Readable } from 'node:stream'
import { afterAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/lib/clock.ts'
import { systemRandom } from '../../../src/lib/random.ts'
import { checkConfig } from '../../../src/server/check-config/check-config.ts'
import { DeliveryError } from '../../../src/server/domain/ports/delivery-error.ts'
import type { MessageProvider, OutgoingMessage } from '../../../src/server/domain/ports/messages.ts'
import { concreteProviders, type ProviderOpeners } from '../../../src/server/open-providers.ts'
import { startWeChatSimulator } from '../../../src/simulators/wechat/simulator.ts'
import { lacksAiosmtpd, startAiosmtpd } from '../../support/aiosmtpd.ts'
import { makeTlsCertificate } from '../../support/tls-certificate.ts'
import { openConfigFolder } from '../config/config-file.ts'

const folder = openConfigFolder()
afterAll(() => folder.close())

const yaml = `email: { from: no-reply@example.org, smtp: { host: localhost, security: none } }
sms:
  routes: [{ countries: ['+86'], providers: [twilio] }]
  twilio: { account_sid: AC${'0'.repeat(32)}, from: '+14155550100' }
`

/** A provider that takes everything, or fails as it is told. */
function fakeProvider(name: 'smtp' | 'twilio', sent: OutgoingMessage[], failure?: DeliveryError): MessageProvider {
  return {
    name,
    check: async () => {
      if (failure) throw failure
    },
    async send(message) {
      if (failure) throw failure
      sent.push(message)
      return { provider: name, providerMessageId: name === 'twilio' ? 'SM1' : null }
    },
    close: async () => {},
  }
}

async function run(options: { live?: true; to?: string[] }, openers: Partial<ProviderOpeners>, text = yaml, env = {}) {
  let stdout = ''
  const exitCode = await checkConfig(
    { ...options, json: true, config: folder.write('hufud.yaml', text) },
    {
      clock: systemClock,
      random: systemRandom,
      env: { HOME: folder.path, HUFUD_TWILIO_AUTH_TOKEN: 'zq-twilio-token', ...env },
      stdout: part => {
        stdout += part
      },
      stderr: () => {},
      write: async () => {},
      stdin: Readable.from([]),
      stdoutIsTerminal: false,
      stop: new AbortController().signal,
    },
    openers,
  )
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  return { exitCode, stdout, live: lines.filter(({ section }) => section === 'live'), last: lines.at(-1) }
}

const openersFor = (sent: OutgoingMessage[], failures: { smtp?: DeliveryError; twilio?: DeliveryError } = {}) => {
  const openers: Partial<ProviderOpeners> = {
    smtp: () => fakeProvider('smtp', sent, failures.smtp),
    twilio: async () => fakeProvider('twilio', sent, failures.twilio),
    routeSms: ({ config, providers: { twilio } }) => ({
      reach: to => (config.routes[0]?.countries?.some(code => to?.startsWith(code)) ? 'available' : 'unserved'),
      send: (message, signal) => twilio?.send(message, signal) ?? Promise.reject(new Error('not opened')),
      close: async () => {},
    }),
  }
  return openers
}

describe('check-config --live', () => {
  test('asks every provider that is on, and sends nothing', async () => {
    const sent: OutgoingMessage[] = []
    const { exitCode, live, last } = await run({ live: true }, openersFor(sent))
    expect(exitCode).toBe(0)
    expect(live.map(({ name, state, words }) => [name, state, words])).toEqual([
      ['smtp', 'ok', 'takes our credentials'],
      ['twilio', 'ok', 'takes our credentials'],
    ])
    expect(last).toMatchObject({ event: 'result', ok: true })
    expect(sent).toEqual([])
  })

  test('tells of one that refuses, what to do, and ends with 5', async () => {
    const smtp = new DeliveryError('misconfigured', 'smtp', 'the password is not taken')
    const { exitCode, live, last } = await run({ live: true }, openersFor([], { smtp }))
    expect(exitCode).toBe(5)
    expect(live[0]).toMatchObject({
      name: 'smtp',
      state: 'fail',
      words: 'smtp: the password is not taken',
      fix: ['Look at the credentials, templates and permissions at the provider.'],
    })
    expect(last).toMatchObject({ event: 'error', code: 'config_partly_off', exit_code: 5 })
  })

  // Against a real server, so that what is looked for is what is said.
  describe.skipIf(lacksAiosmtpd())('of a mail server that', () => {
    const certificate = makeTlsCertificate()
    const ca = folder.write('ca.pem', certificate.cert)
    test.each([
      ['has a certificate of nobody’s', { tls: certificate }, 'starttls', /in email\.smtp\.ca_file/],
      ['begins in plain text', { tls: certificate }, `tls, ca_file: ${ca}`, /Set email\.smtp\.security: starttls/],
      ['has no STARTTLS', {}, 'starttls', /Set email\.smtp\.security: tls/],
      ['refuses the login', { tls: certificate }, `starttls, ca_file: ${ca}, username: hufu`, /email\.smtp\.username/],
    ])('%s, says what to do', async (_, options, security, remedy) => {
      const server = await startAiosmtpd(options)
      try {
        const text = `email: { from: a@example.org, smtp: { host: localhost, port: ${server.port}, security: ${security} } }`
        const { exitCode, live } = await run({ live: true }, concreteProviders, text, { HUFUD_SMTP_PASSWORD: 'zq' })
        expect(exitCode).toBe(5)
        expect(live[0]).toMatchObject({ name: 'smtp', state: 'fail', fix: [expect.stringMatching(remedy)] })
      } finally {
        await server.close()
      }
    })
  })

  test('tells nothing of an error that it does not know but its kind', async () => {
    const openers = openersFor([])
    const { stdout, live } = await run(
      { live: true },
      {
        ...openers,
        smtp: () => ({ ...fakeProvider('smtp', []), check: () => Promise.reject(new TypeError('zq-secret')) }),
      },
    )
    expect(live[0]).toMatchObject({ state: 'fail', words: 'failed with TypeError' })
    expect(stdout).not.toContain('zq-')
  })

  test('with --to sends one message that opens nothing, and tells what the provider said', async () => {
    const sent: OutgoingMessage[] = []
    const { exitCode, live } = await run({ to: ['someone@example.org', '13800138000'] }, openersFor(sent))
    expect(exitCode).toBe(0)
    expect(live.slice(2).map(({ name, words }) => [name, words])).toEqual([
      ['email', 'someone@example.org: smtp took the test message over'],
      ['phone', '+8613800138000: twilio took the test message over, as SM1'],
    ])
    expect(sent).toMatchObject([
      { channel: 'email', to: 'someone@example.org', code: '000000', locale: 'en' },
      { channel: 'phone', to: '+8613800138000', code: '000000', locale: 'zh-CN' },
    ])
  })

  test.each([
    ['+14155552671', '+14155552671: its country is in no route'],
    ['nobody@', 'nobody@: this is no address'],
    ['12', '12: this is no number'],
  ])('with --to %s fails in words', async (to, words) => {
    const { exitCode, live } = await run({ to: [to] }, openersFor([]))
    expect(exitCode).toBe(5)
    expect(live.at(-1)).toMatchObject({ state: 'fail', words })
  })
})

describe('check-config --live of WeChat', () => {
  test('asks for a token, with the right secret and with a wrong one', async () => {
    const wechat = await startWeChatSimulator({ clock: systemClock, random: systemRandom })
    const { appId, appSecret, token, encodingAesKey } = wechat.credentials
    const section = `wechat: { app_id: ${appId}, base_url: '${wechat.baseUrl}' }\n`
    const env = { HUFUD_WECHAT_APP_SECRET: appSecret, HUFUD_WECHAT_TOKEN: token, HUFUD_WECHAT_AES_KEY: encodingAesKey }
    const { concreteProviders } = await import('../../../src/server/open-providers.ts')
    try {
      const right = await run({ live: true }, concreteProviders, section, env)
      expect(right.live).toMatchObject([{ name: 'wechat', state: 'ok' }])
      const wrong = await run({ live: true }, concreteProviders, section, {
        ...env,
        HUFUD_WECHAT_APP_SECRET: '0'.repeat(32),
      })
      expect(wrong.exitCode).toBe(5)
      expect(wrong.live).toMatchObject([
        {
          state: 'fail',
          words: expect.stringMatching(/errcode \d+/),
          fix: [expect.stringMatching(/HUFUD_WECHAT_APP_SECRET/)],
        },
      ])
      expect(right.stdout + wrong.stdout).not.toContain(appSecret)
    } finally {
      await wechat.close()
    }
  })
})
