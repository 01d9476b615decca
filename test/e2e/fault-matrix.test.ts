// Provider × fault: the built hufud, and providers that fail in every way. Of each cell: whether the request that asked
// for a message had its answer before the provider gave one, what the person who waits is told, how often who was asked.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readOverview } from '../../src/contract/account.ts'
import { readMessage } from '../../src/contract/messages.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { startWeChatSimulator, type WeChatSimulator } from '../../src/simulators/wechat/simulator.ts'
import { type CodeSender, openCodeSender, operatorsView } from '../support/code-sender.ts'
import {
  type ConfiguredHufud,
  type Inbox,
  openInbox,
  startConfiguredHufud,
  textsThatTell,
  wechatSecrets,
  wechatSection,
} from '../support/configured-hufud.ts'
import { type ProviderFault, type ProviderProxy, startProviderProxy } from '../support/provider-proxy.ts'
import { type RawAnswers, type RawSmtpServer, type SmtpStep, startRawSmtpServer } from '../support/raw-smtp-server.ts'
import { type SmsName, type SmsProviders, smsNames, startSmsProviders } from '../support/sms-providers.ts'
import { until } from '../support/until.ts'

let inbox: Inbox
let sms: SmsProviders
let wechat: WeChatSimulator
let smtp: RawSmtpServer
let server: ConfiguredHufud
const smtpAnswers: RawAnswers = {}
const proxies = new Map<SmsName | 'wechat', ProviderProxy>()
/** All that no log may show. */
const told = new Set<string>()

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
  const [aliyun, tencent, twilio] = smsNames.map(name => proxyOf(name).baseUrl)
  const baseUrls = { aliyun: aliyun ?? '', tencent: tencent ?? '', twilio: twilio ?? '' }
  server = await startConfiguredHufud({
    sections: () => [
      `email: { from: a@hufu.example, smtp: { host: 127.0.0.1, port: ${smtp.port}, security: none, timeout_seconds: 2 } }`,
      sms.section(
        "[{ countries: ['+86'], providers: [aliyun, twilio] }, { countries: ['+81'], providers: [tencent, twilio] }, { providers: [twilio, tencent] }]",
        { timeout: 2, baseUrls },
      ),
      wechatSection(wechat.credentials.appId, proxyOf('wechat').baseUrl).replace(' }', ', timeout_seconds: 2 }'),
    ],
    secrets: { ...sms.secrets, ...wechatSecrets(wechat.credentials) },
    outbox: inbox,
  })
  await until('all providers', async () => {
    const ready = await server.logged('message provider is ready')
    return ready.length === 4 ? ready : undefined
  })
  for (const secret of Object.values({ ...sms.secrets, ...wechatSecrets(wechat.credentials) })) told.add(secret)
})
afterAll(async () => {
  await server.close()
  for (const proxy of proxies.values()) await proxy.close()
  await Promise.all([smtp.close(), sms.close(), wechat.close(), inbox.close()])
})

let count = 0
const serial = () => String(++count).padStart(4, '0')
const destinationOf: Readonly<Record<SmsName | 'smtp', () => string>> = {
  aliyun: () => `+861380013${serial()}`,
  tencent: () => `+81901234${serial()}`,
  twilio: () => `+44740012${serial()}`,
  smtp: () => `person-${serial()}@hufu.example`,
}

const stateOf = (sender: CodeSender, message_id: string) => sender.api.call(readMessage, { params: { message_id } })
const final = async (sender: CodeSender, id: string, state: string) => {
  await expect.poll(() => stateOf(sender, id).then(status => status.state), { timeout: 10_000 }).toBe(state)
  return stateOf(sender, id)
}

/** How a provider is broken, and what comes of a message then. */
interface Cell {
  readonly fault: string
  readonly failNext: (name: SmsName) => void
  /** What whoever waits is told in the end. */
  readonly state: 'sent' | 'failed' | 'queued'
  /** What the operator is told. */
  readonly failure: string | null
  /** How often the provider was asked. */
  readonly asked: number
  /** How many messages reached the phone. */
  readonly arrived: number
}

const spoiled = (fault: ProviderFault, words: string, arrived = 1): Cell => ({
  fault: words,
  failNext: name => proxyOf(name).failNext(fault),
  state: 'sent',
  failure: 'uncertain',
  asked: 1,
  arrived,
})

/** Where the first may have gone out, there is no second. */
const everywhere = [
  spoiled('status500', 'answers 500', 0),
  spoiled('cut', 'cuts the connection in mid-answer'),
  spoiled('garbage', 'answers garbage'),
  spoiled('huge', 'answers 10 MB'),
]
const refused = { fault: 'refuses the destination', state: 'failed', failure: 'refused', asked: 1, arrived: 0 } as const
const throttled = { fault: 'throttles', state: 'queued', failure: 'throttled', asked: 1, arrived: 0 } as const

const cells: Readonly<Record<SmsName, readonly Cell[]>> = {
  aliyun: [
    ...everywhere,
    { ...throttled, failNext: () => sms.aliyun.failNext('throttle') },
    { ...refused, failNext: () => sms.aliyun.failNext({ code: 'isv.MOBILE_NUMBER_ILLEGAL' }) },
  ],
  tencent: [
    ...everywhere,
    // For a second: it is asked again, and then it is sent.
    {
      ...throttled,
      failNext: () => sms.tencent.failNext('throttle'),
      ...{ state: 'sent', failure: null, asked: 2, arrived: 1 },
    },
    { ...refused, failNext: () => sms.tencent.refuseNext('InvalidParameterValue.IncorrectPhoneNumber') },
  ],
  twilio: [
    ...everywhere,
    { ...throttled, failNext: () => sms.twilio.failNext('throttle', { retryAfter: 60 }) },
    { ...refused, failNext: () => sms.twilio.failNext(21211) },
  ],
}
const fallbackOf: Readonly<Record<SmsName, SmsName>> = { aliyun: 'twilio', tencent: 'twilio', twilio: 'tencent' }
const refuseCredentials: Readonly<Record<SmsName, () => void>> = {
  aliyun: () => sms.aliyun.failNext({ code: 'SignatureDoesNotMatch' }),
  tencent: () => sms.tencent.failNext({ code: 'AuthFailure.SignatureFailure' }),
  twilio: () => sms.twilio.failNext(20003),
}

const arrivedAt = (to: string) => sms.arrived.filter(text => text.to === to)

describe.each<SmsName>(['aliyun', 'tencent', 'twilio'])('%s', name => {
  let sender: CodeSender
  beforeAll(async () => {
    sender = await openCodeSender(server)
  })
  afterAll(() => sender.api.close())

  /** The next message goes through, to the same provider. */
  async function goesOn(): Promise<void> {
    const to = destinationOf[name]()
    await final(sender, await sender.send(to), 'sent')
    expect(arrivedAt(to).map(({ by }) => by)).toEqual([name])
  }

  it.each(cells[name])('$fault', async ({ failNext, state, failure, asked, arrived }) => {
    const [proxy, fallback] = [proxyOf(name), proxyOf(fallbackOf[name])]
    const before = [proxy.asked, fallback.asked] as const
    const to = destinationOf[name]()
    failNext(name)
    const id = await sender.send(to)
    await until('an attempt', () => (proxy.asked - before[0] >= asked ? true : undefined))
    await final(sender, id, state)
    const { messages } = await until('the attempt’s outcome', async () => {
      const view = await operatorsView(server)
      return view.messages.get(id)?.failure === failure ? view : undefined
    })
    expect(messages.get(id)).toMatchObject({ state, failure, attempts: asked })
    expect(await stateOf(sender, id)).toEqual({ state, failure: state === 'failed' ? failure : null })
    expect([proxy.asked - before[0], fallback.asked - before[1]]).toEqual([asked, 0])
    expect(arrivedAt(to)).toHaveLength(arrived)
    await goesOn()
  })

  it('hangs', async () => {
    const proxy = proxyOf(name)
    const asked = proxy.asked
    const to = destinationOf[name]()
    const events: string[] = []
    proxy.failNext('hang')
    const id = await sender.send(to)
    events.push('answered')
    await until('a hanging call', () => (proxy.hanging === 1 ? true : undefined))
    const left = until('the end of the call', () => (proxy.hanging === 0 ? true : undefined)).then(() =>
      events.push('given up'),
    )
    expect(await stateOf(sender, id)).toEqual({ state: 'queued', failure: null })
    await sender.api.call(readOverview, {})
    events.push('overview')
    await goesOn()
    events.push('another number')
    const address = destinationOf.smtp()
    await final(sender, await sender.send(address), 'sent')
    events.push('mail')
    await left
    expect(events).toEqual(['answered', 'overview', 'another number', 'mail', 'given up'])
    await final(sender, id, 'sent')
    expect((await operatorsView(server)).messages.get(id)).toMatchObject({ state: 'sent', failure: 'uncertain' })
    expect(proxy.asked - asked).toBe(2)
    expect(arrivedAt(to)).toHaveLength(1)
  })

  it('is not there: the next provider is asked', async () => {
    const [proxy, fallback] = [proxyOf(name), proxyOf(fallbackOf[name])]
    const before = [proxy.asked, fallback.asked] as const
    await proxy.shut()
    const to = destinationOf[name]()
    const id = await sender.send(to)
    await final(sender, id, 'sent')
    await proxy.open()
    expect([proxy.asked - before[0], fallback.asked - before[1]]).toEqual([0, 1])
    expect(arrivedAt(to).map(({ by }) => by)).toEqual([fallbackOf[name]])
    expect((await operatorsView(server)).messages.get(id)).toMatchObject({ provider: fallbackOf[name], attempts: 1 })
    await goesOn()
  })
})

describe('smtp', () => {
  let sender: CodeSender
  beforeAll(async () => {
    sender = await openCodeSender(server)
  })
  afterAll(() => sender.api.close())

  const mailsTo = (to: string) => smtp.mails.filter(mail => mail.includes(to))
  const attempts = () => smtp.steps.filter(step => step === 'MAIL').length
  const sendHuge = (socket: { write(text: string): unknown }) => socket.write('2'.repeat(10_000_000))
  /** The next message goes through. */
  async function goesOn(): Promise<void> {
    for (const step of Object.keys(smtpAnswers) as SmtpStep[]) delete smtpAnswers[step]
    const to = destinationOf.smtp()
    await final(sender, await sender.send(to), 'sent')
    expect(mailsTo(to)).toHaveLength(1)
  }

  it.each([
    { fault: 'cuts the connection in mid-answer', answers: { dot: 'cut' } },
    { fault: 'answers garbage', answers: { dot: '<html>\r\n' } },
    { fault: 'answers 10 MB', answers: { dot: sendHuge } },
  ] as const)('$fault: no second mail', async ({ answers }) => {
    Object.assign(smtpAnswers, answers)
    const before = attempts()
    const to = destinationOf.smtp()
    const id = await sender.send(to)
    await final(sender, id, 'sent')
    expect((await operatorsView(server)).messages.get(id)).toMatchObject({ failure: 'uncertain', attempts: 1 })
    expect([attempts() - before, mailsTo(to).length]).toEqual([1, 1])
    await goesOn()
    expect(mailsTo(to)).toHaveLength(1)
  })

  it.each([
    { fault: 'answers that it fails (421)', answers: { MAIL: '421 4.3.2 going down\r\n' }, failure: 'unreachable' },
    { fault: 'throttles', answers: { RCPT: '450 4.7.1 too much\r\n' }, failure: 'throttled' },
  ] as const)('$fault: it is tried again', async ({ answers, failure }) => {
    Object.assign(smtpAnswers, answers)
    const to = destinationOf.smtp()
    const id = await sender.send(to)
    await until('word of it', async () => {
      const message = (await operatorsView(server)).messages.get(id)
      return message?.failure === failure ? message : undefined
    })
    expect(await stateOf(sender, id)).toEqual({ state: 'queued', failure: null })
    await goesOn()
    await final(sender, id, 'sent')
    expect(mailsTo(to)).toHaveLength(1)
  })

  it('refuses the destination', async () => {
    smtpAnswers.RCPT = '550 5.1.1 nobody\r\n'
    const before = attempts()
    const id = await sender.send(destinationOf.smtp())
    expect(await final(sender, id, 'failed')).toEqual({ state: 'failed', failure: 'refused' })
    expect(attempts() - before).toBe(1)
    await goesOn()
  })

  it('hangs', async () => {
    smtpAnswers.dot = 'hang'
    const [before, ended] = [attempts(), smtp.ended]
    const to = destinationOf.smtp()
    const events: string[] = []
    const id = await sender.send(to)
    events.push('answered')
    await until('a hanging mail', () => (mailsTo(to).length === 1 ? true : undefined))
    delete smtpAnswers.dot
    const left = until('the end of the connection', () => (smtp.ended > ended ? true : undefined))
    const given = left.then(() => events.push('given up'))
    expect(await stateOf(sender, id)).toEqual({ state: 'queued', failure: null })
    await sender.api.call(readOverview, {})
    events.push('overview')
    await goesOn()
    events.push('another mail')
    await given
    expect(events).toEqual(['answered', 'overview', 'another mail', 'given up'])
    await final(sender, id, 'sent')
    expect((await operatorsView(server)).messages.get(id)).toMatchObject({ failure: 'uncertain', attempts: 1 })
    expect([attempts() - before, mailsTo(to).length]).toEqual([2, 1])
  })

  it('refuses the credentials: mail is no longer offered', async () => {
    smtpAnswers.MAIL = '530 5.7.0 authentication required\r\n'
    const id = await sender.send(destinationOf.smtp())
    const { providers } = await until('word of it', async () => {
      const view = await operatorsView(server)
      return view.messages.get(id)?.failure === 'misconfigured' ? view : undefined
    })
    expect(providers.find(({ provider }) => provider === 'smtp')).toMatchObject({ failure: 'misconfigured' })
    await expect(sender.send(destinationOf.smtp())).rejects.toMatchObject({ code: 'channel_off' })
  })
})

describe('wechat', () => {
  let sender: CodeSender
  beforeAll(async () => {
    sender = await openCodeSender(server)
    told.add(await sender.beginWeChat())
  })
  afterAll(() => sender.api.close())

  const proxy = () => proxyOf('wechat')
  const goesOn = async (who = sender) => expect(await who.beginWeChat()).toMatch(/^http/)

  it.each<{ fault: string; failNext: () => void; code?: string; asked?: number }>([
    { fault: 'answers 500', failNext: () => proxy().failNext('status500') },
    { fault: 'cuts the connection in mid-answer', failNext: () => proxy().failNext('cut') },
    { fault: 'answers garbage', failNext: () => proxy().failNext('garbage') },
    { fault: 'answers 10 MB', failNext: () => proxy().failNext('huge') },
    { fault: 'throttles', failNext: () => wechat.failNext(45009) },
    { fault: 'is busy, and busy again', failNext: () => wechat.failNext(-1, { times: 2 }), asked: 2 },
    {
      fault: 'refuses the credentials',
      failNext: () => {
        wechat.revokeTokens()
        wechat.failNext(40125, { operation: 'stable_token' })
      },
      code: 'wechat_misconfigured',
      asked: 2,
    },
  ])('$fault', async ({ failNext, code = 'wechat_unavailable', asked = 1 }) => {
    const before = proxy().asked
    failNext()
    await expect(sender.beginWeChat()).rejects.toMatchObject({ code })
    expect(proxy().asked - before).toBe(asked)
    await goesOn()
  })

  it('hangs', async () => {
    // On a connection of their own.
    const other = await openCodeSender(server)
    const before = proxy().asked
    const events: string[] = []
    proxy().failNext('hang')
    const begun = expect(sender.beginWeChat())
      .rejects.toMatchObject({ code: 'wechat_unavailable' })
      .then(() => events.push('refused'))
    await until('a hanging call', () => (proxy().hanging === 1 ? true : undefined))
    await other.api.call(readOverview, {})
    events.push('overview')
    await goesOn(other)
    events.push('another QR code')
    await begun
    await other.api.close()
    expect(events).toEqual(['overview', 'another QR code', 'refused'])
    expect(proxy().asked - before).toBe(2)
  })
})

describe('a provider of text messages that refuses the credentials', () => {
  let sender: CodeSender
  beforeAll(async () => {
    sender = await openCodeSender(server)
  })
  afterAll(() => sender.api.close())

  it.each(smsNames)('%s is left out', async name => {
    const [proxy, fallback] = [proxyOf(name), proxyOf(fallbackOf[name])]
    const before = [proxy.asked, fallback.asked] as const
    const first = destinationOf[name]()
    refuseCredentials[name]()
    const id = await sender.send(first)
    const { providers } = await until('word of it', async () => {
      const view = await operatorsView(server)
      return view.messages.get(id)?.failure === 'misconfigured' ? view : undefined
    })
    expect(await stateOf(sender, id)).toEqual({ state: 'queued', failure: null })
    expect(providers.find(({ provider }) => provider === name)).toMatchObject({
      failure: 'misconfigured',
      retry_at: expect.any(String),
    })
    expect([proxy.asked - before[0], fallback.asked - before[1]]).toEqual([1, 0])
    expect(arrivedAt(first)).toEqual([])
    const second = destinationOf[name]()
    if (name === 'twilio') {
      // The other of its route is out by now, too.
      await expect(sender.send(second)).rejects.toMatchObject({ code: 'channel_off' })
      return
    }
    await final(sender, await sender.send(second), 'sent')
    expect(arrivedAt(second).map(({ by }) => by)).toEqual([fallbackOf[name]])
    expect(proxy.asked - before[0]).toBe(1)
  })
})

it('no log has a code, a number, an address or a secret', () => {
  for (const { to, code, text } of sms.arrived) for (const each of [to, to.slice(3), code ?? '', text]) told.add(each)
  for (const mail of smtp.mails) {
    told.add(/^To: <?([^\s>]+)/m.exec(mail)?.[1] ?? '')
    told.add(/^Subject: .*(\d{6})\r?$/m.exec(mail)?.[1] ?? '')
  }
  expect(told.size).toBeGreaterThan(100)
  expect(textsThatTell(server.log(), told)).toEqual([])
})
