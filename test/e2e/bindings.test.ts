import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AuthenticatorApp } from '../support/authenticator-app.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'
import { type Pocket, startPocket } from '../support/pocket.ts'

let server: EphemeralServer
beforeAll(async () => {
  server = await startEphemeral()
})
afterAll(() => server.stop())

const openidOf = (name: string) => `o${name}${'x'.repeat(27 - name.length)}`

async function bindWeChat(person: Person, openid: string) {
  const running = person.start(['bind', 'wechat', '--verify', 'password'])
  const { payload } = await running.seen('qr')
  expect(await server.scan(String(payload), openid)).toBe(200)
  return running.finished
}

describe('a new binding', () => {
  it('of a number is the first, and then replaces; the old one works until the new one is proven', async () => {
    const person = await Person.loggedIn(server, { email: freshAddress() })
    const [first, second] = [freshNumber(), freshNumber()]
    const bind = async (number: string) => {
      const { args, env } = await person.answering('password', { bindTo: number })
      return person.hufu(['bind', 'phone', number, ...args], { env })
    }
    expect((await bind(first)).last).toMatchObject({ ok: true, replaced: false })
    person.phone = first
    expect((await person.hufu(['bind', 'phone', second], { env: { HUFU_CODE: '000000' } })).exitCode).toBe(4)
    const steppedUp = async () => {
      const { args, env } = await person.answering('phone')
      return person.hufu(['recovery-codes', ...args], { env })
    }
    expect((await steppedUp()).exitCode).toBe(0)
    expect((await bind(second)).last).toMatchObject({ ok: true, replaced: true })
    // The code now goes to the new number alone.
    const sentToFirst = await server.outbox.codeCount(first)
    person.phone = second
    expect((await steppedUp()).exitCode).toBe(0)
    expect(await server.outbox.codeCount(first)).toBe(sentToFirst)
    // Both were told.
    const told = async (to: string) => (await server.outbox.messages(to)).filter(({ code }) => code === null).length
    expect(await told(first)).toBeGreaterThan(0)
    expect(await told(second)).toBeGreaterThan(0)
    expect(await told(person.email ?? '')).toBeGreaterThan(0)
    const [newest] = await person.logged('phone.bind')
    expect(newest?.details).toMatchObject({ old: expect.any(String), new: expect.any(String) })
  })

  it('of an address replaces; a code that was sent to the old one before opens nothing after', async () => {
    const person = await Person.loggedIn(server, { email: freshAddress() })
    const [old, address] = [person.email ?? '', freshAddress()]
    const running = person.start([
      'recovery-codes',
      '--verify',
      'email',
      '--code-command',
      person.commandAwaiting('late'),
    ])
    await running.seen('code_sent')
    const oldCode = await server.outbox.latestCode(old)
    await person.bindEmail(address)
    person.file('late', oldCode)
    const run = await running.finished
    expect(run.exitCode).toBe(4)
    expect(await person.logged('recovery_codes.create')).toEqual([])
  })

  it('of an app replaces; codes of the old one end', async () => {
    const person = await Person.loggedIn(server)
    const old = await person.bindApp()
    const running = person.start([
      'bind',
      'totp',
      '--verify',
      'password',
      '--code-command',
      person.commandAwaiting('code'),
    ])
    const { secret } = await running.seen('qr')
    // Not yet proven: the old one still answers.
    const before = await person.hufu(['recovery-codes', '--verify', 'totp'], { env: { HUFU_CODE: old.code() } })
    expect(before.exitCode, before.stderr).toBe(0)
    const app = new AuthenticatorApp(String(secret))
    person.file('code', app.code())
    expect((await running.finished).last).toMatchObject({ ok: true, replaced: true })
    const stale = new AuthenticatorApp(old.secret)
    const after = await person.hufu(['recovery-codes', '--verify', 'totp'], { env: { HUFU_CODE: stale.code() } })
    expect([after.exitCode, after.last.code]).toEqual([4, 'totp_incorrect'])
  })

  it('of WeChat replaces', async () => {
    const person = await Person.loggedIn(server)
    expect((await bindWeChat(person, openidOf('Old'))).last).toMatchObject({ ok: true, replaced: false })
    expect((await bindWeChat(person, openidOf('New'))).last).toMatchObject({ ok: true, replaced: true })
    expect((await person.item('wechat')).value).toBe('oNew***xxxx')
    // The old one is free again.
    const other = await Person.loggedIn(server)
    expect((await bindWeChat(other, openidOf('Old'))).last).toMatchObject({ ok: true, replaced: false })
  })
})

describe('security keys', () => {
  let pocket: Pocket
  beforeAll(async () => {
    pocket = await startPocket()
  })
  afterAll(() => pocket.close())

  it('may be several, each with its name, and are unbound one by one', async () => {
    const person = await Person.loggedIn(server)
    const bind = (...name: string[]) => {
      pocket.plugInNew()
      return person.hufu(['bind', 'webauthn', ...name, '--device', pocket.address])
    }
    expect((await bind('--name', '虎符 左')).last).toMatchObject({ ok: true, value: '虎符 左', replaced: false })
    expect((await bind('--name', 'Spare')).last).toMatchObject({ ok: true, value: 'Spare' })
    expect((await bind()).last).toMatchObject({ ok: true, value: 'Security key 1' })
    const { keys } = await person.item('webauthn')
    expect(keys.map(({ name }) => name).sort()).toEqual(['Security key 1', 'Spare', '虎符 左'])

    const which = await person.hufu(['unbind', 'webauthn'])
    expect([which.exitCode, which.last.code, which.last.options]).toEqual([2, 'input_required', ['ID']])
    const unknown = await person.hufu(['unbind', 'webauthn', 'Nobody'])
    expect([unknown.exitCode, unknown.last.code]).toEqual([2, 'key_unknown'])
    expect((await person.hufu(['unbind', 'webauthn', 'Spare'])).last).toMatchObject({ ok: true, value: 'Spare' })
    const byId = keys.find(({ name }) => name === '虎符 左')?.id ?? ''
    expect((await person.hufu(['unbind', 'webauthn', byId])).last).toMatchObject({ ok: true, value: '虎符 左' })
    expect((await person.hufu(['unbind', 'webauthn'])).last).toMatchObject({ ok: true, value: 'Security key 1' })
    expect(await person.item('webauthn')).toMatchObject({ set: false, keys: [] })
  })

  it('that were unbound verify nobody', async () => {
    const person = await Person.loggedIn(server)
    await person.bindKey('Tiger')
    await person.bindKey('Dragon', pocket.address)
    expect((await person.hufu(['unbind', 'webauthn', 'Tiger'])).exitCode).toBe(0)
    const args = ['recovery-codes', '--verify', 'webauthn', '--device', server.securityKey]
    const run = await person.hufu(args)
    expect([run.exitCode, run.last.code]).toEqual([4, 'key_no_credentials'])
  })
})

describe('unbinding', () => {
  it('takes each item away, and says when there is nothing to take', async () => {
    const person = await Person.loggedIn(server, { email: freshAddress(), phone: freshNumber() })
    await person.bindKey('Tiger')
    await person.bindApp()
    await bindWeChat(person, openidOf('Mine'))
    for (const item of ['phone', 'email', 'totp', 'wechat', 'webauthn']) {
      const run = await person.hufu(['unbind', item])
      expect(run.exitCode, run.stderr).toBe(0)
      expect(run.sequence).toEqual(['step_up', 'result'])
      expect(run.last).toMatchObject({ ok: true, item })
      expect(await person.item(item)).toMatchObject({ set: false, value: null })
      expect(await person.logged(`${item}.unbind`)).toHaveLength(1)
      const again = await person.hufu(['unbind', item])
      expect([again.exitCode, again.last.code]).toEqual([5, 'not_bound'])
    }
    const { items } = await person.status()
    expect(items.filter(({ set }) => set).map(({ item }) => item)).toEqual(['password'])
  })
})

describe('recovery codes', () => {
  it('are ten, shown once, and replace the earlier ones', async () => {
    const person = await Person.loggedIn(server)
    const make = () => person.hufu(['recovery-codes', '--verify', 'password'])
    const first = (await make()).last.codes as string[]
    expect(new Set(first).size).toBe(10)
    const second = (await make()).last.codes as string[]
    expect(second.filter(code => first.includes(code))).toEqual([])
    const by = (code = '') =>
      person.hufu(['passwd', '--verify', 'recovery'], { env: { HUFU_CODE: code, ...newPassword } })
    const newPassword = { HUFU_NEW_PASSWORD: 'both halves of a tally' }
    const stale = await by(first[0])
    expect([stale.exitCode, stale.last.code]).toEqual([4, 'recovery_code_incorrect'])
    const run = await by(second[0])
    expect(run.exitCode, run.stderr).toBe(0)
    expect((await person.status()).recovery_codes_left).toBe(9)
  })
})
