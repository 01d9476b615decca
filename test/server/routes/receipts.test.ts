import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemRandom } from '../../../src/lib/random.ts'
import { ReceiptRefused } from '../../../src/server/domain/ports/receipt-refused.ts'
import type { ReceiptReader } from '../../../src/server/domain/ports/receipts.ts'
import { throttlePolicies } from '../../../src/server/domain/throttle.ts'
import { freePort } from '../../../src/server/free-port.ts'
import { twilioReceiptReader } from '../../../src/server/providers/sms/twilio/receipt.ts'
import { openTwilio } from '../../../src/server/providers/sms/twilio/twilio.ts'
import { createHttpServer } from '../../../src/server/routes/http-server.ts'
import { startTwilioSimulator, type TwilioSimulator } from '../../../src/simulators/sms/twilio/simulator.ts'
import { pushBody, signPush } from '../../../src/simulators/sms/twilio/status-callback.ts'
import { countedHere } from '../../support/counted.ts'
import { insertSentMessage, receiptOf } from '../../support/outbox-rows.ts'
import { openServerWorld, type ServerWorld } from '../../support/server-world.ts'
import { messageTo } from '../providers/sms/scripted-providers.ts'

const secret = 'secret-in-the-address-of-22'
const number = '+14155552671'
const { free } = throttlePolicies.push

/** Stands for a provider that signs nothing. */
const bySecret: ReceiptReader = {
  provider: 'aliyun',
  accepted: { contentType: 'application/json', body: '{"code":0,"msg":"OK"}' },
  read({ params, body }) {
    if (params.secret !== secret) throw new ReceiptRefused('secret')
    if (!body.startsWith('[')) throw new ReceiptRefused('format')
    const reports: { biz_id: string }[] = JSON.parse(body)
    return reports.map(({ biz_id }) => ({ provider: 'aliyun', providerMessageId: biz_id, receipt: 'undelivered' }))
  },
}

let world: ServerWorld
let app: FastifyInstance
let simulator: TwilioSimulator
let counted: ReturnType<typeof countedHere>
let logged: string[]
let url: string
let statusCallback: string
let sid: string

beforeEach(async () => {
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  statusCallback = `${url}/receipts/twilio`
  counted = countedHere()
  logged = []
  simulator = await startTwilioSimulator({ clock: { now: () => 0, sleep: async () => {} }, random: systemRandom })
  const { accountSid, authToken } = simulator.account
  const receiptReaders = [twilioReceiptReader({ authToken, statusCallback }), bySecret]
  world = await openServerWorld({ receiptReaders, counters: counted })
  const logger = pino({ level: 'info' }, { write: line => void logged.push(line) })
  app = createHttpServer({ services: world.services, version: '1', logger, trustedProxies: [] })
  await app.listen({ host: '127.0.0.1', port })
  const config = { accountSid, authToken, from: '+15005550006', statusCallback, baseUrl: simulator.baseUrl }
  const twilio = openTwilio({ ...config, timeout: 5000 }, { clock: world.clock })
  const sent = await twilio.send(messageTo(number), new AbortController().signal)
  sid = sent.providerMessageId ?? ''
  await insertSentMessage(world, 'twilio', sid)
})
afterEach(async () => {
  await app.close()
  await simulator.close()
  await world.close()
})

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const json = { 'content-type': 'application/json' }

async function post(path: string, body: string, headers: Record<string, string> = form) {
  const answer = await fetch(`${url}${path}`, { method: 'POST', body, headers })
  return { status: answer.status, type: answer.headers.get('content-type'), body: await answer.text() }
}
const forged = (body = pushBody({ MessageSid: sid, MessageStatus: 'failed' })) => post('/receipts/twilio', body)
const refused = { status: 403, type: 'text/plain', body: 'refused' }
const refusals = (path: string, reason: string) => counted.times('pushes_refused', { path, reason })

describe('a push of Twilio', () => {
  test('is taken and answered as Twilio wants it, in any order and again', async () => {
    const answers = []
    for (const status of ['sent', 'undelivered', 'delivered', 'delivered', 'failed'] as const) {
      answers.push(await simulator.report(sid, status, { ErrorCode: '30008' }))
    }
    for (const answer of answers) {
      expect(answer).toEqual({ status: 200, contentType: expect.stringMatching('^text/xml'), body: '<Response/>' })
    }
    expect(await receiptOf(world, 'twilio', sid)).toMatchObject({ receipt: 'delivered' })
    const times = (receipt: string) => counted.times('receipts', { provider: 'twilio', receipt })
    expect([times('undelivered'), times('delivered'), times('ignored')]).toEqual([1, 1, 2])
  })

  test('of an unknown message is answered like any other', async () => {
    const parameters = { MessageSid: `SM${'0'.repeat(32)}`, MessageStatus: 'delivered' }
    const signature = signPush(simulator.account.authToken, statusCallback, parameters)
    const answer = await post('/receipts/twilio', pushBody(parameters), { ...form, 'x-twilio-signature': signature })
    expect([answer.status, answer.body]).toEqual([200, '<Response/>'])
  })

  test('that is not signed changes nothing, learns nothing, is counted, and logged without what it said', async () => {
    const parameters = { MessageSid: sid, MessageStatus: 'failed', To: number }
    const signature = signPush('another token', statusCallback, parameters)
    const answers = [
      await forged(),
      await forged(''),
      await post('/receipts/twilio', pushBody(parameters), { ...form, 'x-twilio-signature': signature }),
      await post('/receipts/twilio', '{"MessageSid":1}', json),
    ]
    for (const answer of answers) expect(answer).toEqual(refused)
    expect(await receiptOf(world, 'twilio', sid)).toEqual({ receipt: null, at: null })
    expect(refusals('/receipts/twilio', 'signature')).toBe(4)
    const lines = logged.filter(line => line.includes('push refused')).map(line => JSON.parse(line))
    expect(lines).toHaveLength(4)
    for (const line of lines) expect(line).toMatchObject({ level: 40, path: '/receipts/twilio', reason: 'signature' })
    for (const unsaid of [number, sid, signature, 'failed']) expect(logged.join()).not.toContain(unsaid)
  })

  test('that is signed and is none is refused like an unsigned one', async () => {
    const signature = signPush(simulator.account.authToken, statusCallback, { a: 'b' })
    expect(await post('/receipts/twilio', 'a=b', { ...form, 'x-twilio-signature': signature })).toEqual(refused)
    expect(refusals('/receipts/twilio', 'format')).toBe(1)
  })

  test.each([
    ['1 MB', form, 'x'.repeat(1_000_000), 'size'],
    ['one byte too many', form, `a=${'x'.repeat(64 * 1024 - 1)}`, 'size'],
    ['XML', { 'content-type': 'application/xml' }, '<a/>', 'format'],
    ['no media type', { 'content-type': '' }, 'a', 'format'],
  ])('of %s is refused like an unsigned one', async (_what, headers, body, reason) => {
    expect(await post('/receipts/twilio', body, headers)).toEqual(refused)
    expect(refusals('/receipts/twilio', reason)).toBe(1)
    expect((await simulator.report(sid, 'delivered')).status).toBe(200)
  })

  test('is not asked for with another method, and changes nothing for the rest of the API', async () => {
    expect((await fetch(statusCallback)).status).toBe(404)
    expect((await post('/v1/logins', '{"username":"a"}', json)).status).toBe(201)
    expect((await post('/v1/logins', 'username=a')).status).toBe(415)
  })
})

describe('a push that a secret opens', () => {
  test('is taken, with many receipts at once', async () => {
    const ids = Array.from({ length: 200 }, (_, index) => `report ${index}`)
    await insertSentMessage(world, 'aliyun', 'report 7')
    const body = JSON.stringify(ids.map(biz_id => ({ biz_id, err_msg: 'x'.repeat(280) })))
    const answer = await post(`/receipts/aliyun/${secret}`, body, json)
    expect(answer).toEqual({ status: 200, type: 'application/json; charset=utf-8', body: '{"code":0,"msg":"OK"}' })
    expect(await receiptOf(world, 'aliyun', 'report 7')).toMatchObject({ receipt: 'undelivered' })
    const times = (receipt: string) => counted.times('receipts', { provider: 'aliyun', receipt })
    expect([times('undelivered'), times('ignored')]).toEqual([1, 199])
    expect(logged.join()).not.toContain(secret)
  })

  test('with another secret, or of another form, is refused; the address stays out of the log', async () => {
    expect(await post('/receipts/aliyun/secret-that-is-wrong-22', '[]', json)).toEqual(refused)
    expect(await post(`/receipts/aliyun/${secret}`, 'null', json)).toEqual(refused)
    const path = '/receipts/aliyun/:secret'
    expect([refusals(path, 'secret'), refusals(path, 'format')]).toEqual([1, 1])
    expect(logged.join()).not.toMatch(/secret-(?:that|in)/)
    expect(logged.join()).toContain(path)
  })

  test('may have the longest secret that the configuration takes', async () => {
    expect(await post(`/receipts/aliyun/${'a'.repeat(128)}`, '[]', json)).toEqual(refused)
  })

  test('has no address where the provider is not set up', async () => {
    expect((await post(`/receipts/tencent/${secret}`, '[]', json)).status).toBe(404)
    const bare = await openServerWorld()
    const server = createHttpServer({
      services: bare.services,
      version: '1',
      logger: pino({ level: 'silent' }),
      trustedProxies: [],
    })
    expect((await server.inject({ method: 'POST', url: '/receipts/twilio', headers: form })).statusCode).toBe(404)
    await server.close()
    await bare.close()
  })
})

describe('a flood of forged pushes', () => {
  test('is answered 429 without a line in the log, while a genuine push from the same source is taken', async () => {
    const statuses: number[] = []
    for (let index = 0; index < free + 50; index += 1) statuses.push((await forged()).status)
    expect(statuses.filter(status => status === 403)).toHaveLength(free)
    expect(statuses.at(-1)).toBe(429)
    const lines = logged.length
    const flood = await Promise.all(Array.from({ length: 100 }, () => forged()))
    for (const answer of flood) expect(answer).toEqual({ ...refused, status: 429 })
    expect((await post('/receipts/twilio', 'x'.repeat(100_000))).status).toBe(429)
    expect(logged).toHaveLength(lines)
    expect(refusals('/receipts/twilio', 'signature')).toBe(free + 150)

    expect((await simulator.report(sid, 'delivered')).status).toBe(200)
    expect(await receiptOf(world, 'twilio', sid)).toMatchObject({ receipt: 'delivered' })
    await expect.poll(() => logged).toHaveLength(lines + 1)
  })
})
