import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAccount } from '../../src/contract/admin.ts'
import { createChallenge, finishVerification } from '../../src/contract/step-up.ts'
import { apiClient } from '../support/api-member.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { type HufuRun, hufu } from '../support/hufu.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'
import { startPocket } from '../support/pocket.ts'
import { refusalOf } from '../support/race.ts'
import { until } from '../support/until.ts'

let server: EphemeralServer
beforeAll(async () => {
  server = await startEphemeral()
})
afterAll(() => server.stop())

const expectRefused = (run: HufuRun, exitCode: number, code: string) =>
  expect([run.exitCode, run.last.event, run.last.code, run.last.exit_code], run.stderr).toEqual([
    exitCode,
    'error',
    code,
    exitCode,
  ])

/** A code of six digits that is not this one. */
const otherThan = (code: string): string => String((Number(code) + 1) % 1_000_000).padStart(6, '0')

/** Runs a command that waits for a code, and gives it what `answer` makes of the code that was sent to `to`. */
async function answeringCode(person: Person, args: string[], to: string, answer: (sent: string) => string) {
  const before = await server.outbox.codeCount(to)
  const name = `code-${before}-${args.length}`
  const running = person.start([...args, '--code-command', person.commandAwaiting(name)])
  await running.seen('code_sent')
  person.file(name, answer(await server.outbox.latestCode(to, before)))
  return running.finished
}

describe('a login', () => {
  it('tells nobody whether the user name exists', async () => {
    const person = await Person.enrol(server)
    const args = ['--verify', 'password']
    const wrong = await person.hufu(['login', person.username, ...args], { env: { HUFU_PASSWORD: 'not the password' } })
    const unknown = await person.hufu(['login', 'nobody-of-this-name', ...args])
    expectRefused(wrong, 4, 'login_failed')
    expect(unknown.exitCode).toBe(wrong.exitCode)
    expect(unknown.events).toEqual(wrong.events)
    expect(unknown.stderr).toBe(wrong.stderr)
  })

  it('by a code or a key of a user name that nobody has goes its usual way, and fails', async () => {
    const person = await Person.enrol(server, { email: freshAddress() })
    const by = (username: string, ...args: string[]) =>
      hufu(['login', username, ...args], { env: { HUFU_SERVER: server.url, HUFU_CODE: '000000' } })
    const known = await by(person.username, '--verify', 'email')
    const unknown = await by('nobody-of-this-name', '--verify', 'email')
    expectRefused(known, 4, 'login_failed')
    expect(unknown.sequence).toEqual(known.sequence)
    expect(unknown.last).toEqual(known.last)
    const keyless = await by(person.username, '--verify', 'webauthn', '--device', server.securityKey)
    const nobody = await by('nobody-of-this-name', '--verify', 'webauthn', '--device', server.securityKey)
    expect(nobody.events).toEqual(keyless.events)
    expectRefused(nobody, 4, 'key_no_credentials')
  })
})

describe('a step-up by', () => {
  it('a wrong password, three times over, says so each time and changes nothing', async () => {
    const person = await Person.loggedIn(server)
    for (const wrong of ['first guess', 'second guess', 'third guess']) {
      const env = { HUFU_PASSWORD: wrong, HUFU_NEW_PASSWORD: 'both halves of a tally' }
      const run = await person.hufu(['passwd'], { env })
      expectRefused(run, 4, 'password_incorrect')
      expect(run.stdout + run.stderr).not.toContain(wrong)
    }
    expect((await person.hufu(['recovery-codes'])).exitCode).toBe(0)
  })

  it('guesses is stopped, and says when to try again', async () => {
    const person = await Person.loggedIn(server)
    await person.calling(async api => {
      const { challenge_id } = await api.call(createChallenge, { body: { operation: 'password.change' } })
      const body = { method: 'password', password: 'a guess' } as const
      const guess = () => refusalOf(api.call(finishVerification, { params: { challenge_id }, body }))
      for (let guesses = 0; (await guess()).code !== 'throttled'; guesses++) expect(guesses).toBeLessThan(10)
      // The wait grows with each guess, until it is long enough to be still there for the next command.
      await until('a wait of some seconds', async () => ((await guess()).retryAfterSeconds ?? 0) >= 4 || undefined)
    })
    const run = await person.hufu(['recovery-codes'])
    expectRefused(run, 6, 'throttled')
    expect(run.last.retry_after_seconds).toBeGreaterThan(0)
    expect(run.stderr).toMatch(/\d+ seconds/)
  })

  it('a wrong code', async () => {
    const person = await Person.loggedIn(server, { email: freshAddress() })
    const to = person.email ?? ''
    const run = await answeringCode(person, ['recovery-codes', '--verify', 'email'], to, otherThan)
    expectRefused(run, 4, 'code_incorrect')
  })

  it('a code that has been used', async () => {
    const person = await Person.loggedIn(server, { email: freshAddress() })
    const to = person.email ?? ''
    const args = ['recovery-codes', '--verify', 'email']
    const first = await answeringCode(person, args, to, code => code)
    expect(first.exitCode, first.stderr).toBe(0)
    const used = await server.outbox.latestCode(to)
    expectRefused(await answeringCode(person, args, to, () => used), 4, 'code_incorrect')
    const app = await person.bindApp()
    const code = app.code()
    const byApp = () => person.hufu(['recovery-codes', '--verify', 'totp'], { env: { HUFU_CODE: code } })
    expect((await byApp()).exitCode).toBe(0)
    expectRefused(await byApp(), 4, 'totp_used')
    const wrong = { HUFU_CODE: app.wrongCode() }
    expectRefused(await person.hufu(['recovery-codes', '--verify', 'totp'], { env: wrong }), 4, 'totp_incorrect')
  })

  it('a code that was sent for something else', async () => {
    const person = await Person.loggedIn(server, { email: freshAddress() })
    const to = person.email ?? ''
    const waiting = person.start(['recovery-codes', '--verify', 'email', '--code-command', person.commandAwaiting('a')])
    await waiting.seen('code_sent')
    const forStepUp = await server.outbox.latestCode(to)
    const number = freshNumber()
    const bind = ['bind', 'phone', number, '--verify', 'password']
    expectRefused(await answeringCode(person, bind, number, () => forStepUp), 4, 'code_other_purpose')
    person.file('a', forStepUp)
    expect((await waiting.finished).exitCode).toBe(0)
  })

  it('a code that was sent for a login', async () => {
    const person = await Person.loggedIn(server, { email: freshAddress() })
    const to = person.email ?? ''
    const login = person.start([
      'login',
      person.username,
      '--verify',
      'email',
      '--code-command',
      person.commandAwaiting('a'),
    ])
    await login.seen('code_sent')
    const forLogin = await server.outbox.latestCode(to)
    const args = ['recovery-codes', '--verify', 'email']
    expectRefused(await answeringCode(person, args, to, () => forLogin), 4, 'code_other_purpose')
    person.file('a', forLogin)
    expect((await login.finished).exitCode).toBe(0)
  })

  it('a method that the account does not have', async () => {
    const person = await Person.loggedIn(server, { email: freshAddress() })
    for (const method of ['phone', 'totp', 'webauthn', 'recovery']) {
      const run = await person.hufu(['passwd', '--verify', method], { env: { HUFU_CODE: '123456' } })
      expectRefused(run, 4, 'method_not_available')
      expect(run.stderr).toContain('password, email')
    }
  })

  it('a key of somebody else', async () => {
    const person = await Person.loggedIn(server)
    const other = await Person.loggedIn(server)
    const pocket = await startPocket()
    try {
      await person.bindKey('Mine')
      await other.bindKey('Theirs', pocket.address)
      pocket.plugInOwn()
      const run = await person.hufu(['passwd', '--verify', 'webauthn', '--device', pocket.address])
      expectRefused(run, 4, 'key_no_credentials')
    } finally {
      await pocket.close()
    }
  })
})

describe('a new value', () => {
  it('that is no number, no address, no name', async () => {
    const person = await Person.loggedIn(server)
    for (const number of ['12345', '+86138', 'not a number', '+0000000000', '13800138000x']) {
      expectRefused(await person.hufu(['bind', 'phone', number]), 2, 'phone_number_invalid')
    }
    for (const address of ['nobody', 'a@b', '@example.org', 'a b@example.org', 'a@example.org, b@example.org']) {
      expectRefused(await person.hufu(['bind', 'email', address]), 2, 'email_address_invalid')
    }
    const args = ['bind', 'webauthn', '--device', server.securityKey]
    expectRefused(await person.hufu([...args, '--name', 'a\u001b[2Jb']), 2, 'key_name_invalid')
    expect(await person.item('webauthn')).toMatchObject({ set: false })
  })

  it('that is no good password', async () => {
    const person = await Person.loggedIn(server)
    const change = (HUFU_NEW_PASSWORD: string) => person.hufu(['passwd'], { env: { HUFU_NEW_PASSWORD } })
    expectRefused(await change('five5'), 5, 'password_too_short')
    expectRefused(await change('password1'), 5, 'password_too_common')
    expectRefused(await change(person.password), 5, 'password_unchanged')
    expectRefused(await change('x'.repeat(257)), 5, 'password_too_long')
    const six = await change('Ab!9zQ')
    expect(six.last).toMatchObject({ ok: true, short_password: true })
  })

  it('that is bound to this account already', async () => {
    const person = await Person.loggedIn(server, { email: freshAddress(), phone: freshNumber() })
    expectRefused(await person.hufu(['bind', 'phone', person.phone ?? '']), 5, 'already_bound')
    expectRefused(await person.hufu(['bind', 'email', (person.email ?? '').toUpperCase()]), 5, 'already_bound')
    const key = ['bind', 'webauthn', '--device', server.securityKey]
    expect((await person.hufu(key)).exitCode).toBe(0)
    expectRefused(await person.hufu(key), 5, 'key_excluded')
    expect((await person.item('webauthn')).keys).toHaveLength(1)
    const openid = `oAgain${'x'.repeat(21)}`
    const scan = async () => {
      const running = person.start(['bind', 'wechat'])
      const { payload } = await running.seen('qr')
      await server.scan(String(payload), openid)
      return running.finished
    }
    expect((await scan()).exitCode).toBe(0)
    expectRefused(await scan(), 5, 'already_bound')
  })

  it.each(['phone', 'email'] as const)('that is somebody’s %s: told once it is proven, and never whose', async item => {
    const owner = await Person.loggedIn(server, { email: freshAddress(), phone: freshNumber() })
    const person = await Person.loggedIn(server)
    const value = owner[item] ?? ''
    const wrong = await answeringCode(person, ['bind', item, value], value, otherThan)
    expectRefused(wrong, 4, 'code_incorrect')
    const run = await answeringCode(person, ['bind', item, value], value, code => code)
    expectRefused(run, 5, 'bound_elsewhere')
    expect(run.sequence).toEqual(['step_up', 'code_sent', 'error'])
    expect(run.stdout + run.stderr).not.toContain(owner.username)
    expect((await person.item(item)).set).toBe(false)
    expect((await owner.item(item)).set).toBe(true)
  })

  it('that is somebody’s WeChat, and never whose', async () => {
    const [owner, person] = [await Person.loggedIn(server), await Person.loggedIn(server)]
    const openid = `oTheirs${'x'.repeat(20)}`
    const scan = async (who: Person) => {
      const running = who.start(['bind', 'wechat'])
      const { payload } = await running.seen('qr')
      await server.scan(String(payload), openid)
      return running.finished
    }
    expect((await scan(owner)).exitCode).toBe(0)
    const run = await scan(person)
    expectRefused(run, 5, 'bound_elsewhere')
    expect(run.stdout + run.stderr).not.toContain(owner.username)
    expect((await owner.item('wechat')).set).toBe(true)
    expect((await person.item('wechat')).set).toBe(false)
  })
})

it('the last way into an account is not unbound', async () => {
  const person = new Person(server, `mailed-${Date.now()}`)
  person.email = freshAddress()
  const admin = apiClient(server.url, { serviceCredential: server.adminToken })
  await admin.call(createAccount, { body: { username: person.username, email_address: person.email } })
  await admin.close()
  const by = await person.answering('email')
  expect((await person.hufu(['login', person.username, ...by.args], { env: by.env })).exitCode).toBe(0)
  const again = await person.answering('email')
  expectRefused(await person.hufu(['unbind', 'email', ...again.args], { env: again.env }), 5, 'last_factor')
  expect((await person.item('email')).set).toBe(true)
})
