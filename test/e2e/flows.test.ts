import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type VerificationMethod, verificationMethods } from '../../src/contract/schemas.ts'
import { maskEmail, maskPhone } from '../../src/server/domain/masks.ts'
import { AuthenticatorApp } from '../support/authenticator-app.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import type { HufuRun } from '../support/hufu.ts'
import { type CodesGiven, freshAddress, freshNumber, Person } from '../support/person.ts'
import { type Pocket, startPocket } from '../support/pocket.ts'

let server: EphemeralServer
beforeAll(async () => {
  server = await startEphemeral()
})
afterAll(async () => {
  expect(await server.stop()).toBe(0)
})

/** What a step-up by each method says before the flow goes on. */
const stepUpEvents: Readonly<Record<VerificationMethod, readonly string[]>> = {
  password: ['step_up'],
  email: ['step_up', 'code_sent'],
  phone: ['step_up', 'code_sent'],
  totp: ['step_up'],
  webauthn: ['step_up', 'touch'],
  recovery: ['step_up'],
}

/** Somebody with everything that can be bound, so that every method is on offer. */
async function somebodyWithEverything(pocket: Pocket): Promise<Person> {
  const person = await Person.loggedIn(server, { email: freshAddress(), phone: freshNumber() })
  await person.bindKey('Tiger', pocket.address)
  await person.makeRecoveryCodes()
  await person.bindApp()
  return person
}

/** Every flow proves itself alike: the methods on offer, one result, and one line in the log. */
async function expectDone(
  person: Person,
  run: HufuRun,
  flow: { action: string; method: VerificationMethod; after: readonly string[]; result: Record<string, unknown> },
): Promise<void> {
  expect(run.exitCode, run.stderr).toBe(0)
  expect(run.last).toMatchObject({ event: 'result', ok: true, ...flow.result })
  expect(run.sequence).toEqual([...stepUpEvents[flow.method], ...flow.after, 'result'])
  const [stepUp] = run.events
  expect(stepUp).toMatchObject({ operation: flow.action })
  expect(stepUp?.methods).toMatchObject(verificationMethods.map(method => ({ method })))
  const [newest] = await person.logged(flow.action)
  expect(newest).toMatchObject({ action: flow.action, method: flow.method })
}

describe.each(verificationMethods)('confirmed by %s', method => {
  let pocket: Pocket
  let person: Person
  beforeAll(async () => {
    pocket = await startPocket()
    person = await somebodyWithEverything(pocket)
  })
  afterAll(() => pocket.close())

  /** As `Person.answering`. An app's codes work once, so it gets a new secret before. */
  async function answering(codes?: CodesGiven) {
    if (method === 'totp') await person.bindApp()
    pocket.plugInOwn()
    return person.answering(method, codes, pocket.address)
  }

  it('changes the password', async () => {
    const { args, env } = await answering()
    const earlier = person.password
    const newPassword = `Tiger tally by ${method}`
    const file = person.file('new-password', `${newPassword}\n`)
    const run = await person.hufu(['passwd', ...args, '--new-password-file', file], { env })
    await expectDone(person, run, {
      action: 'password.change',
      method,
      after: [],
      result: { sessions_revoked: 0, short_password: false },
    })
    expect(run.stdout + run.stderr).not.toContain(newPassword)
    person.password = newPassword
    const old = await person.hufu(['recovery-codes', '--verify', 'password'], { env: { HUFU_PASSWORD: earlier } })
    expect(old.last).toMatchObject({ event: 'error', code: 'password_incorrect' })
    const wrongCase = newPassword.toUpperCase()
    const other = await person.hufu(['recovery-codes', '--verify', 'password'], { env: { HUFU_PASSWORD: wrongCase } })
    expect(other.last).toMatchObject({ event: 'error', code: 'password_incorrect' })
  })

  it('binds a phone', async () => {
    const number = freshNumber()
    const { args, env } = await answering({ bindTo: number })
    const run = await person.hufu(['bind', 'phone', number, ...args], { env })
    await expectDone(person, run, {
      action: 'phone.bind',
      method,
      after: ['code_sent'],
      result: { item: 'phone', value: maskPhone(number), replaced: true },
    })
    person.phone = number
    expect(await person.item('phone')).toMatchObject({ set: true, value: maskPhone(number) })
  })

  it('binds an email address', async () => {
    const address = freshAddress()
    const { args, env } = await answering({ bindTo: address })
    const run = await person.hufu(['bind', 'email', address, ...args], { env })
    await expectDone(person, run, {
      action: 'email.bind',
      method,
      after: ['code_sent'],
      result: { item: 'email', value: maskEmail(address), replaced: true },
    })
    person.email = address
    expect(await person.item('email')).toMatchObject({ set: true, value: maskEmail(address) })
  })

  it('binds an app', async () => {
    const { args, env } = await answering({ bindFile: person.path('new-code') })
    const earlier = await person.item('totp')
    const running = person.start(['bind', 'totp', ...args], { env })
    const qr = await running.seen('qr')
    expect(qr).toMatchObject({ item: 'totp' })
    const uri = new URL(String(qr.payload))
    expect(uri.searchParams.get('secret')).toBe(qr.secret)
    const app = new AuthenticatorApp(String(qr.secret))
    person.file('new-code', app.code())
    const run = await running.finished
    await expectDone(person, run, {
      action: 'totp.bind',
      method,
      after: ['qr'],
      result: { item: 'totp', value: null, replaced: true },
    })
    person.app = app
    const page = await person.item('totp')
    expect(page.set).toBe(true)
    expect(page.bound_at).not.toBe(earlier.bound_at)
    const again = await person.hufu(['recovery-codes', '--verify', 'totp'], { env: { HUFU_CODE: app.code() } })
    expect(again.exitCode, again.stderr).toBe(0)
    person.recoveryCodes = again.last.codes as string[]
  })

  it('binds WeChat', async () => {
    const { args, env } = await answering()
    const openid = `o${method}-${'x'.repeat(20)}`
    const running = person.start(['bind', 'wechat', ...args], { env })
    const qr = await running.seen('qr')
    expect(qr).toMatchObject({ item: 'wechat' })
    expect(await server.scan(String(qr.payload), openid)).toBe(200)
    const run = await running.finished
    const value = `${openid.slice(0, 4)}***${openid.slice(-4)}`
    await expectDone(person, run, {
      action: 'wechat.bind',
      method,
      after: ['qr', 'scanned'],
      result: { item: 'wechat', value, replaced: false },
    })
    expect(await person.item('wechat')).toMatchObject({ set: true, value })
  })
  it('binds another security key', async () => {
    const { args, env } = await answering()
    if (method !== 'webauthn') {
      pocket.plugInNew()
      args.push('--device', pocket.address)
    }
    const name = `Key by ${method}`
    const run = await person.hufu(['bind', 'webauthn', '--name', name, ...args], { env })
    await expectDone(person, run, {
      action: 'webauthn.bind',
      method,
      after: ['touch'],
      result: { item: 'webauthn', value: name, replaced: false },
    })
    const { keys } = await person.item('webauthn')
    expect(keys.map(key => key.name)).toEqual(['Tiger', name])
  })
})
