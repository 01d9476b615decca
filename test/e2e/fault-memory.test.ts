// 42 answers of 10 MB, from each provider, at once where it can be: what hufud needs at its worst grows by a bounded amount.

import { readFileSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { startWeChatSimulator, type WeChatSimulator } from '../../src/simulators/wechat/simulator.ts'
import { type CodeSender, openCodeSender, operatorsView } from '../support/code-sender.ts'
import {
  type ConfiguredHufud,
  type Inbox,
  openInbox,
  startConfiguredHufud,
  wechatSecrets,
  wechatSection,
} from '../support/configured-hufud.ts'
import { type ProviderProxy, startProviderProxy } from '../support/provider-proxy.ts'
import { type RawAnswers, type RawSmtpServer, startRawSmtpServer } from '../support/raw-smtp-server.ts'
import { type SmsName, type SmsProviders, smsNames, startSmsProviders } from '../support/sms-providers.ts'
import { until } from '../support/until.ts'

const answers = 42
/** Fewer than anybody may ask for, and than one source may have sent. */
const perSender = 14
/** Of the pool: one fewer, so that one is used again. */
const connections = 41
/** MB. Without a bound on answers it is over 330; with one it was 4 to 42, most by mail, where 41 connections have buffers. */
const mostGrowth = 80

let inbox: Inbox
let sms: SmsProviders
let wechat: WeChatSimulator
let smtp: RawSmtpServer
let server: ConfiguredHufud
let senders: CodeSender[] = []
const smtpAnswers: RawAnswers = {}
const proxies = new Map<SmsName | 'wechat', ProviderProxy>()
const proxyOf = (name: SmsName | 'wechat'): ProviderProxy => {
  const proxy = proxies.get(name)
  if (!proxy) throw new Error(`no proxy for ${name}`)
  return proxy
}

beforeAll(async () => {
  inbox = await openInbox()
  sms = await startSmsProviders()
  wechat = await startWeChatSimulator({ clock: systemClock, random: systemRandom })
  for (const name of smsNames) proxies.set(name, await startProviderProxy(sms[name].baseUrl))
  proxies.set('wechat', await startProviderProxy(wechat.baseUrl))
  smtp = await startRawSmtpServer(smtpAnswers)
  const [aliyun = '', tencent = '', twilio = ''] = smsNames.map(name => proxyOf(name).baseUrl)
  server = await startConfiguredHufud({
    sections: () => [
      `email: { from: a@hufu.example, smtp: { host: 127.0.0.1, port: ${smtp.port}, security: none, connections: ${connections}, timeout_seconds: 20 } }`,
      sms.section(
        "[{ countries: ['+86'], providers: [aliyun] }, { countries: ['+81'], providers: [tencent] }, { providers: [twilio] }]",
        { timeout: 20, baseUrls: { aliyun, tencent, twilio } },
      ),
      wechatSection(wechat.credentials.appId, proxyOf('wechat').baseUrl).replace(' }', ', timeout_seconds: 20 }'),
    ],
    secrets: { ...sms.secrets, ...wechatSecrets(wechat.credentials) },
    outbox: inbox,
  })
  await until('all providers', async () => {
    const ready = await server.logged('message provider is ready')
    return ready.length === 4 ? ready : undefined
  })
})
afterAll(async () => {
  for (const { api } of senders) await api.close()
  await server.close()
  for (const proxy of proxies.values()) await proxy.close()
  await Promise.all([smtp.close(), sms.close(), wechat.close(), inbox.close()])
})

/** In MB: what stands in `/proc/PID/status` as `name`. */
function memory(name: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
}

/** By how many MB the most that hufud ever needed during `work` is over what it needed before. */
async function growthDuring(work: () => Promise<void>): Promise<number> {
  // proc(5), clear_refs: the peak begins anew.
  writeFileSync(`/proc/${server.pid}/clear_refs`, '5')
  const before = memory('VmRSS')
  await work()
  return memory('VmHWM') - before
}

let count = 0
const serial = () => String(++count).padStart(4, '0')
const destinationOf: Readonly<Record<SmsName | 'smtp', () => string>> = {
  aliyun: () => `+861380013${serial()}`,
  tencent: () => `+81901234${serial()}`,
  twilio: () => `+44740012${serial()}`,
  smtp: () => `person-${serial()}@hufu.example`,
}

/** Calls `work` as often as there are to be answers, by turns for all senders. */
const often = (work: (sender: CodeSender) => Promise<unknown>) =>
  Promise.all(senders.flatMap(sender => Array.from({ length: perSender }, () => work(sender))))

/** Sends as many codes as there are to be answers; done when nobody knows of any whether it was sent. */
async function sendMany(destination: () => string): Promise<void> {
  const ids = (await often(sender => sender.send(destination()))) as string[]
  await until(`${answers} attempts`, async () => {
    const { messages } = await operatorsView(server)
    return ids.every(id => messages.get(id)?.failure === 'uncertain') ? true : undefined
  })
}

describe.skipIf(process.platform !== 'linux')('42 answers of 10 MB', () => {
  beforeEach(async () => {
    for (const { api } of senders) await api.close()
    senders = await Promise.all(Array.from({ length: answers / perSender }, () => openCodeSender(server)))
  })
  /** What is loaded and made only once is no growth. */
  const warmUp = (work: (sender: CodeSender) => Promise<unknown>) => Promise.all(senders.map(work))

  it.each(smsNames)('from %s', async name => {
    await warmUp(sender => sender.send(destinationOf[name]()))
    await until('their messages', () =>
      sms.arrived.filter(({ by }) => by === name).length === senders.length ? true : undefined,
    )
    proxyOf(name).answerTogether(answers)
    expect(await growthDuring(() => sendMany(destinationOf[name]))).toBeLessThan(mostGrowth)
  })

  it('from smtp', async () => {
    await warmUp(sender => sender.send(destinationOf.smtp()))
    await until('their mails', () => (smtp.mails.length === senders.length ? true : undefined))
    const waiting: Socket[] = []
    smtpAnswers.dot = socket => {
      waiting.push(socket)
      if (waiting.length >= connections) for (const each of waiting.splice(0)) each.write('2'.repeat(10_000_000))
      if (waiting.length === 0) smtpAnswers.dot = each => each.write('2'.repeat(10_000_000))
    }
    expect(await growthDuring(() => sendMany(destinationOf.smtp))).toBeLessThan(mostGrowth)
  })

  it('from wechat', async () => {
    await warmUp(sender => sender.beginWeChat())
    // Each person waits for one QR code before the next.
    for (let left = answers; left > 0; left -= 1) proxyOf('wechat').failNext('huge')
    const refused = (sender: CodeSender) =>
      expect(sender.beginWeChat()).rejects.toMatchObject({ code: 'wechat_unavailable' })
    expect(await growthDuring(async () => void (await often(refused)))).toBeLessThan(mostGrowth)
  })
})
