import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readMessage } from '../../src/contract/messages.ts'
import { apiClient } from '../support/api-member.ts'
import {
  type ConfiguredHufud,
  type Inbox,
  openInbox,
  startConfiguredHufud,
  textsThatTell,
} from '../support/configured-hufud.ts'
import { freshNumber, Person } from '../support/person.ts'
import { type ArrivedText, type SmsName, type SmsProviders, startSmsProviders } from '../support/sms-providers.ts'
import { until } from '../support/until.ts'

const receiptSecret = 'receipt-secret-of-22-or-more'

let inbox: Inbox
let sms: SmsProviders
let server: ConfiguredHufud
beforeAll(async () => {
  inbox = await openInbox()
  sms = await startSmsProviders(text => inbox.deliver({ channel: 'phone', ...text }))
  server = await startConfiguredHufud({
    sections: () => [
      sms.section(
        "[{ countries: ['+86'], providers: [aliyun] }, { countries: ['+81'], providers: [tencent] }, { providers: [twilio] }]",
      ),
    ],
    secrets: { HUFUD_SMS_RECEIPT_SECRET: receiptSecret },
    secretFiles: sms.secrets,
    outbox: inbox,
  })
})
afterAll(async () => {
  await server.close()
  await sms.close()
  await inbox.close()
})

let numbers = 0
const next = () => String(++numbers).padStart(4, '0')
const numberOf: Readonly<Record<SmsName, () => string>> = {
  aliyun: freshNumber,
  tencent: () => `+819012340${next().slice(1)}`,
  twilio: () => `+44740012${next()}`,
}

const report: Readonly<Record<SmsName, (id: string, delivered: boolean) => Promise<unknown>>> = {
  aliyun: (providerMessageId, delivered) =>
    sms.aliyun.pushReports(`${server.url}/receipts/aliyun/${receiptSecret}`, [{ providerMessageId, delivered }]),
  tencent: (providerMessageId, delivered) =>
    sms.tencent.pushReports(`${server.url}/receipts/tencent/${receiptSecret}`, [{ providerMessageId, delivered }]),
  twilio: async (sid, delivered) =>
    (await sms.twilio.report(sid, delivered ? 'delivered' : 'undelivered')).status < 300,
}

const arrivedAt = (number: string, isIt: (text: ArrivedText) => boolean = () => true): Promise<ArrivedText> =>
  until(`a text message to ${number}`, () => sms.arrived.find(text => text.to === number && isIt(text)))
const isNotice = ({ code }: ArrivedText) => code === null

async function stateOf(message_id: string) {
  const api = apiClient(server.url)
  try {
    return await api.call(readMessage, { params: { message_id } })
  } finally {
    await api.close()
  }
}

/** Starts to bind `number`, as far as its code has arrived. */
async function begin(person: Person, number: string) {
  const running = person.start([
    ...['bind', 'phone', number, '--verify', 'password'],
    ...['--code-command', person.commandAwaiting('code')],
  ])
  const { message_id } = await running.seen('code_sent')
  return { running, messageId: String(message_id), text: await arrivedAt(number) }
}

describe.each<SmsName>(['aliyun', 'tencent', 'twilio'])('through %s', name => {
  let person: Person
  let number: string

  it('a number is bound, and its receipt is seen', async () => {
    person = await Person.loggedIn(server)
    number = numberOf[name]()
    const { running, messageId, text } = await begin(person, number)
    expect(text.by).toBe(name)
    await expect.poll(() => stateOf(messageId)).toEqual({ state: 'sent', failure: null })
    expect(await report[name](text.providerMessageId, true)).toBe(true)
    expect(await stateOf(messageId)).toEqual({ state: 'delivered', failure: null })
    await running.seen('message')
    person.file('code', text.code ?? '')
    const run = await running.finished
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.sequence).toEqual(['step_up', 'code_sent', 'message', 'result'])
    expect(run.events[2]).toMatchObject({ message_id: messageId, state: 'delivered' })
    person.phone = number
    expect((await arrivedAt(number, isNotice)).by).toBe(name)
  })

  it('its code confirms that another takes its place; the link at the old one undoes that', async () => {
    const thiefs = numberOf[name]()
    const { args, env } = await person.answering('phone', { bindTo: thiefs })
    const run = await person.hufu(['bind', 'phone', thiefs, ...args], { env })
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.sequence).toEqual(['step_up', 'code_sent', 'code_sent', 'result'])

    // What a template takes is the last part of the address alone.
    const form = name === 'twilio' ? new RegExp(`${server.url}/undo/([\\w-]{22})(?![\\w-])`) : /(?<!\S)([\w-]{22})$/
    const { text } = await arrivedAt(number, each => form.test(each.text))
    const secret = form.exec(text)?.[1] ?? ''
    expect((await arrivedAt(thiefs, isNotice)).text).not.toContain(secret)
    const url = `${server.url}/undo/${secret}`
    expect((await fetch(url)).status).toBe(200)
    expect((await person.hufu(['status'])).exitCode).toBe(0)
    const done = await fetch(url, { method: 'POST', body: new URLSearchParams({ action: 'undo' }) })
    expect(done.status).toBe(200)
    expect((await person.hufu(['status'])).exitCode).toBe(3)
    const again = await person.answering('phone')
    const login = await person.hufu(['login', person.username, ...again.args], { env: again.env })
    expect(login.exitCode, login.stderr).toBe(0)
  })

  it('that its phone was not reached is told whoever waits', async () => {
    const waiting = await Person.loggedIn(server)
    const { running, messageId, text } = await begin(waiting, numberOf[name]())
    await expect.poll(() => stateOf(messageId)).toMatchObject({ state: 'sent' })
    expect(await report[name](text.providerMessageId, false)).toBe(true)
    const run = await running.finished
    expect(run.exitCode).toBe(7)
    expect(run.events.at(-2)).toMatchObject({ event: 'message', state: 'failed', failure: 'refused' })
    expect(run.last).toMatchObject({ code: 'message_failed' })
  })
})

it('its log has no number, no code and no secret', () => {
  const told = [
    ...sms.arrived.flatMap(({ to, code, text }) => [to, to.slice(3), code ?? '', text]),
    ...Object.values(sms.secrets),
    receiptSecret,
  ]
  expect(sms.arrived.length).toBeGreaterThan(10)
  expect(textsThatTell(server.log(), told)).toEqual([])
})
