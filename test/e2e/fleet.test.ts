// Three built hufuds on one database, and each request goes to the next of them: nothing is kept in a process. A flow
// begun on one goes on at another and ends at the third, and whoever claims a message first delivers it.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ApiClient } from '../../src/api/client.ts'
import { beginPhoneBinding, finishCodeBinding, resendBindingCode } from '../../src/contract/bindings.ts'
import { createRecoveryCodes } from '../../src/contract/credentials.ts'
import { beginLogin, finishLoginVerification } from '../../src/contract/logins.ts'
import { beginVerification, createChallenge, finishVerification } from '../../src/contract/step-up.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { wechatCallbackPath } from '../../src/server/routes/wechat-callback.ts'
import { startWeChatSimulator, type WeChatSimulator } from '../../src/simulators/wechat/simulator.ts'
import { apiClient } from '../support/api-member.ts'
import { AuthenticatorApp } from '../support/authenticator-app.ts'
import { type Inbox, openInbox, wechatSecrets, wechatSection } from '../support/configured-hufud.ts'
import { type Fleet, startFleet } from '../support/fleet.ts'
import type { HufuRun } from '../support/hufu.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'
import { type Pocket, startPocket } from '../support/pocket.ts'
import { race, refusalOf } from '../support/race.ts'
import { type SmsProviders, startSmsProviders } from '../support/sms-providers.ts'
import { inboxFaults, type SmtpSink, startSmtpSink } from '../support/smtp-sink.ts'

const processes = 3
const racers = 16

let inbox: Inbox
let sms: SmsProviders
let sink: SmtpSink
let wechat: WeChatSimulator
let pocket: Pocket
let fleet: Fleet
beforeAll(async () => {
  inbox = await openInbox()
  sms = await startSmsProviders(text => inbox.deliver({ channel: 'phone', ...text }))
  sink = await startSmtpSink({ faults: inboxFaults(inbox) })
  wechat = await startWeChatSimulator({ clock: systemClock, random: systemRandom })
  pocket = await startPocket()
  fleet = await startFleet({
    processes,
    sections: [
      sms.section('[{ providers: [aliyun] }]'),
      `email: { from: a@hufu.example, smtp: { host: 127.0.0.1, port: ${sink.port}, security: none } }`,
      wechatSection(wechat.credentials.appId, wechat.baseUrl, 'qr, confirm_by_code: true'),
    ],
    secrets: { ...sms.secrets, ...wechatSecrets(wechat.credentials) },
    outbox: inbox,
    securityKey: pocket.address,
  })
  wechat.setCallbackUrl(`${fleet.url}${wechatCallbackPath}`)
})
afterAll(async () => {
  await fleet.close()
  for (const part of [pocket, wechat, sink, sms, inbox]) await part.close()
})

let before: readonly number[]
beforeEach(() => {
  before = [...fleet.answered]
})
/** That each process has had its turn since the test began. */
function expectAllAsked(): void {
  const since = fleet.answered.map((count, index) => count - (before[index] ?? 0))
  for (const count of since) expect(count, since.join()).toBeGreaterThan(0)
}

function expectDone(run: HufuRun): void {
  expect(run.exitCode, run.stdout + run.stderr).toBe(0)
  expect(run.last).toMatchObject({ event: 'result', ok: true })
  expectAllAsked()
}

/** A client of one process alone, with the session of `person`. */
const clientOf = (person: Person, index: number): ApiClient =>
  apiClient(fleet.urls[index % processes] ?? '', { sessionSecret: person.sessionSecret() })

describe('each request is answered by another process', () => {
  let person: Person
  beforeAll(async () => {
    person = await Person.loggedIn(fleet, { email: freshAddress(), phone: freshNumber() })
    await person.makeRecoveryCodes()
  })

  it.each(['password', 'email', 'phone', 'recovery'] as const)('a step-up by %s', async method => {
    const { args, env } = await person.answering(method)
    const run = await person.hufu(['recovery-codes', ...args], { env })
    expectDone(run)
    person.recoveryCodes = run.last.codes as string[]
  })

  it('a phone is bound', async () => {
    const number = freshNumber()
    const { args, env } = await person.answering('password', { bindTo: number })
    expectDone(await person.hufu(['bind', 'phone', number, ...args], { env }))
    person.phone = number
  })

  it('an address is bound, by a code to the old one', async () => {
    const address = freshAddress()
    const { args, env } = await person.answering('email', { bindTo: address })
    expectDone(await person.hufu(['bind', 'email', address, ...args], { env }))
    person.email = address
  })

  it('an app is bound, and confirms', async () => {
    const { args, env } = await person.answering('password', { bindFile: person.path('app-code') })
    const running = person.start(['bind', 'totp', ...args], { env })
    const app = new AuthenticatorApp(String((await running.seen('qr')).secret))
    person.file('app-code', app.code())
    expectDone(await running.finished)
    await person.bindApp()
    const confirming = await person.answering('totp')
    const run = await person.hufu(['recovery-codes', ...confirming.args], { env: confirming.env })
    expectDone(run)
    person.recoveryCodes = run.last.codes as string[]
  })

  it('a security key is bound, and confirms', async () => {
    const { args, env } = await person.answering('password')
    const name = ['--name', 'Tiger', '--device', pocket.address]
    expectDone(await person.hufu(['bind', 'webauthn', ...name, ...args], { env }))
    const confirming = await person.answering('webauthn', {}, pocket.address)
    const run = await person.hufu(['recovery-codes', ...confirming.args], { env: confirming.env })
    expectDone(run)
    person.recoveryCodes = run.last.codes as string[]
  })

  it('WeChat is bound: the scan is pushed to one, the code typed at another', async () => {
    const { args, env } = await person.answering('password', { bindFile: undefined })
    const codes = ['--code-command', person.commandAwaiting('wechat-code')]
    const running = person.start(['bind', 'wechat', ...args.slice(0, 2), ...codes, ...args.slice(4)], { env })
    const { payload } = await running.seen('qr')
    const scan = await wechat.scan(String(payload), { openid: 'oScannedAtTheFleet' })
    const [code = ''] = (scan.outcome === 'scanned' && /\d{6}/.exec(scan.reply ?? '')) || []
    await running.seen('scanned')
    person.file('wechat-code', code)
    expectDone(await running.finished)
  })

  it('the password is changed, and a login takes the new one and a second factor', async () => {
    const { args, env } = await person.answering('password')
    const next = 'the password of a whole fleet'
    const file = person.file('next', `${next}\n`)
    expectDone(await person.hufu(['passwd', ...args, '--new-password-file', file], { env }))
    const old = apiClient(fleet.url)
    const { login_id } = await old.call(beginLogin, { body: { username: person.username } })
    const body = { method: 'password' as const, password: person.password }
    expect((await refusalOf(old.call(finishLoginVerification, { params: { login_id }, body }))).code).toBe(
      'login_failed',
    )
    await old.close()
    person.password = next
    await person.bindApp()
    const both = ['--verify', 'password', '--verify', 'totp']
    const login = await person.hufu(['login', person.username, ...both], {
      env: { HUFU_CODE: person.app?.code() ?? '' },
    })
    expectDone(login)
  })

  it.each(['wechat', 'totp', 'email'])('%s is unbound', async item => {
    const { args, env } = await person.answering('password')
    expectDone(await person.hufu(['unbind', item, ...args], { env }))
    expect((await person.item(item)).set).toBe(false)
  })
})

describe('what one process has counted, all have', () => {
  it('a code is sent again after a minute, whichever process is asked', async () => {
    const person = await Person.loggedIn(fleet, { email: freshAddress() })
    const clients = Array.from({ length: processes }, (_, index) => clientOf(person, index))
    const [first] = clients
    if (!first) throw new Error('no client')
    const proof = await person.provenByPassword(first, 'phone.bind')
    const body = { phone_number: freshNumber() }
    const { binding_id } = await first.call(beginPhoneBinding, { body, proof })
    for (const client of clients) {
      const refusal = await refusalOf(client.call(resendBindingCode, { params: { binding_id } }))
      expect([refusal.status, refusal.code]).toEqual([429, 'throttled'])
    }
    for (const client of clients) await client.close()
  })

  it('wrong guesses at several processes make the owner wait at each of them', async () => {
    const person = await Person.loggedIn(fleet, { email: freshAddress() })
    const clients = Array.from({ length: processes }, (_, index) => clientOf(person, index))
    const guess = async (client: ApiClient) => {
      const { challenge_id } = await client.call(createChallenge, { body: { operation: 'phone.bind' } })
      const answer = { method: 'recovery' as const, code: '0000-0000-0000-0000' }
      return (await refusalOf(client.call(finishVerification, { params: { challenge_id }, body: answer }))).code
    }
    await person.makeRecoveryCodes()
    const codes: string[] = []
    for (let turn = 0; turn < 7; turn += 1) {
      const client = clients[turn % processes]
      if (client) codes.push(await guess(client))
    }
    expect(codes.slice(0, 5)).toEqual(Array(5).fill('recovery_code_incorrect'))
    expect(codes.slice(5)).toContain('throttled')
    for (const client of clients) await client.close()
  })

  it(`of ${racers} who bring one code to ${processes} processes, one is let in`, async () => {
    const person = await Person.loggedIn(fleet, { email: freshAddress() })
    const clients = Array.from({ length: racers }, (_, index) => clientOf(person, index))
    const [first] = clients
    if (!first || !person.email) throw new Error('no client')
    const sent = await fleet.outbox.codeCount(person.email)
    const { challenge_id } = await first.call(createChallenge, { body: { operation: 'recovery_codes.create' } })
    await first.call(beginVerification, { params: { challenge_id }, body: { method: 'email' } })
    const code = await fleet.outbox.latestCode(person.email, sent)
    const { won, codes } = await race(racers, index =>
      (clients[index] ?? first).call(finishVerification, { params: { challenge_id }, body: { method: 'email', code } }),
    )
    expect(won).toHaveLength(1)
    for (const refused of codes) expect(['challenge_expired', 'code_used', 'throttled']).toContain(refused)
    const proof = won[0]?.value.proof ?? ''
    const made = await race(racers, index => (clients[index] ?? first).call(createRecoveryCodes, { proof }))
    expect(made.won).toHaveLength(1)
    expect(made.codes).toEqual(['insufficient_user_authentication'])
    for (const client of clients) await client.close()
  })

  it(`of ${racers} who bring one number’s code to ${processes} processes, one binds it, and it is told once`, async () => {
    const person = await Person.loggedIn(fleet, { email: freshAddress() })
    const clients = Array.from({ length: racers }, (_, index) => clientOf(person, index))
    const [first] = clients
    if (!first) throw new Error('no client')
    const number = freshNumber()
    const proof = await person.provenByPassword(first, 'phone.bind')
    const { binding_id } = await first.call(beginPhoneBinding, { body: { phone_number: number }, proof })
    const code = await fleet.outbox.latestCode(number)
    const { won } = await race(racers, index =>
      (clients[index] ?? first).call(finishCodeBinding, { params: { binding_id }, body: { code } }),
    )
    expect(won).toHaveLength(1)
    expect(await person.logged('phone.bind')).toHaveLength(1)
    await expect.poll(async () => (await fleet.outbox.messages(number)).length).toBe(2)
    for (const client of clients) await client.close()
  })
})

it('none of them logged anything that it did not foresee', () => {
  expect(fleet.log()).not.toMatch(/"level":(50|60)/)
})
