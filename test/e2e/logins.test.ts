import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { freshHome, hufu } from '../support/hufu.ts'
import { freshAddress, freshNumber, Person } from '../support/person.ts'

let server: EphemeralServer
beforeAll(async () => {
  server = await startEphemeral()
})
afterAll(() => server.stop())

const login = (person: Person, args: string[], env: Record<string, string> = {}) =>
  person.hufu(['login', person.username, ...args], { env })

/** The methods of the session in use, as `hufu sessions` lists them. */
async function methodsOfSession(person: Person): Promise<unknown> {
  const { last } = await person.hufu(['sessions'])
  const sessions = last.sessions as { current: boolean; methods: string[] }[]
  return sessions.find(({ current }) => current)?.methods
}

describe('a login', () => {
  it('by password is kept for the commands after it', async () => {
    const person = await Person.enrol(server, { email: freshAddress() })
    const run = await login(person, ['--verify', 'password'])
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.sequence).toEqual(['result'])
    expect(run.last).toMatchObject({ ok: true, username: person.username, server: server.url })
    // Without --server: the one of the last login.
    const status = await hufu(['status'], { home: person.home })
    expect(status.last).toMatchObject({ ok: true, username: person.username })
    expect(await methodsOfSession(person)).toEqual(['password'])
    expect((await person.logged('login')).map(({ method }) => method)).toEqual(['password'])
  })

  it.each(['email', 'phone'] as const)('by a code sent by %s', async method => {
    const person = await Person.enrol(server, { email: freshAddress(), phone: freshNumber() })
    const { args, env } = await person.answering(method)
    const run = await login(person, args, env)
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.sequence).toEqual(['code_sent', 'result'])
    // Whether there is such an account, and where its messages go, is nobody's business before the login.
    expect(run.events[0]).toMatchObject({ purpose: 'login', channel: method, destination: '***' })
    expect(await methodsOfSession(person)).toEqual([method])
  })

  it('by password asks for the app where one is bound', async () => {
    const person = await Person.loggedIn(server)
    const app = await person.bindApp()
    const both = ['--verify', 'password', '--verify', 'totp']
    const wrong = await login(person, both, { HUFU_CODE: app.wrongCode() })
    expect([wrong.exitCode, wrong.last.code]).toEqual([4, 'totp_incorrect'])
    const alone = await login(person, ['--verify', 'password'])
    expect([alone.exitCode, alone.last.code]).toEqual([2, 'input_required'])
    const code = app.code()
    const run = await login(person, both, { HUFU_CODE: code })
    expect(run.exitCode, run.stderr).toBe(0)
    expect(await methodsOfSession(person)).toEqual(['password', 'totp'])
    const again = await login(person, both, { HUFU_CODE: code })
    expect([again.exitCode, again.last.code]).toEqual([4, 'totp_used'])
  })

  it('by password asks for the key where one is bound', async () => {
    const person = await Person.loggedIn(server)
    await person.bindKey('Tiger')
    const run = await login(person, ['--verify', 'password', '--verify', 'webauthn', '--device', server.securityKey])
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.sequence).toEqual(['touch', 'result'])
    expect(await methodsOfSession(person)).toEqual(['password', 'webauthn'])
    expect((await person.item('webauthn')).keys[0]?.last_used_at).not.toBeNull()
  })

  it('by a key that was only touched asks for something else beside it', async () => {
    const person = await Person.loggedIn(server)
    await person.bindKey('Tiger')
    const device = ['--device', server.securityKey]
    const run = await login(person, ['--verify', 'webauthn', '--verify', 'password', ...device])
    expect(run.exitCode, run.stderr).toBe(0)
    expect(await methodsOfSession(person)).toEqual(['webauthn', 'password'])
    const missing = await login(person, ['--verify', 'webauthn', '--verify', 'password', ...device], {
      HUFU_PASSWORD: '',
    })
    expect([missing.exitCode, missing.last.code]).toEqual([2, 'input_required'])
  })

  it('by a recovery code, once', async () => {
    const person = await Person.loggedIn(server)
    await person.makeRecoveryCodes()
    const HUFU_CODE = person.recoveryCodes[0] ?? ''
    const run = await login(person, ['--verify', 'recovery'], { HUFU_CODE: HUFU_CODE.toLowerCase() })
    expect(run.exitCode, run.stderr).toBe(0)
    expect(await methodsOfSession(person)).toEqual(['recovery'])
    expect((await person.status()).recovery_codes_left).toBe(9)
    const again = await login(person, ['--verify', 'recovery'], { HUFU_CODE })
    expect([again.exitCode, again.last.code]).toEqual([4, 'login_failed'])
  })

  it('by a recovery code asks for more where a second factor is bound', async () => {
    const person = await Person.loggedIn(server)
    await person.makeRecoveryCodes()
    await person.bindApp()
    const HUFU_CODE = person.recoveryCodes[0] ?? ''
    const run = await login(person, ['--verify', 'recovery', '--verify', 'password'], { HUFU_CODE })
    expect(run.exitCode, run.stderr).toBe(0)
    expect(await methodsOfSession(person)).toEqual(['recovery', 'password'])
  })

  it('is one of several, by profile', async () => {
    const person = await Person.loggedIn(server)
    const other = await Person.enrol(server)
    const env = { HUFU_SERVER: server.url, HUFU_PASSWORD: other.password }
    const run = await hufu(['login', other.username, '--profile', 'work', '--verify', 'password'], {
      home: person.home,
      env,
    })
    expect(run.exitCode, run.stderr).toBe(0)
    const names = async (...args: string[]) => (await person.hufu(['status', ...args])).last.username
    expect(await names('--profile', 'work')).toBe(other.username)
    expect(await names()).toBe(person.username)
  })
})

describe('sessions', () => {
  it('are listed, revoked one by one, and all but this one', async () => {
    const person = await Person.loggedIn(server)
    const elsewhere = freshHome()
    const third = freshHome()
    const env = { HUFU_SERVER: server.url, HUFU_PASSWORD: person.password }
    for (const home of [elsewhere, third]) {
      const { exitCode } = await hufu(['login', person.username, '--verify', 'password'], { home, env })
      expect(exitCode).toBe(0)
    }
    const listed = await hufu(['sessions', 'list'], { home: elsewhere, env })
    const sessions = listed.last.sessions as { id: string; current: boolean; client: string }[]
    expect(sessions).toHaveLength(3)
    expect(sessions.every(({ client }) => client.startsWith('hufu/'))).toBe(true)
    const theirs = sessions.find(({ current }) => current)
    const revoked = await person.hufu(['sessions', 'revoke', theirs?.id ?? ''])
    expect(revoked.last).toMatchObject({ ok: true, revoked: 1 })
    const ended = await hufu(['status'], { home: elsewhere, env })
    expect([ended.exitCode, ended.last.code]).toEqual([3, 'not_logged_in'])
    const again = await person.hufu(['sessions', 'revoke', theirs?.id ?? ''])
    expect([again.exitCode, again.last.code]).toEqual([5, 'session_unknown'])
    const others = await person.hufu(['sessions', 'revoke', '--others'])
    expect(others.last).toMatchObject({ ok: true, revoked: 1 })
    expect((await hufu(['status'], { home: third, env })).exitCode).toBe(3)
    expect((await person.status()).username).toBe(person.username)
  })

  it('of other people cannot be revoked', async () => {
    const person = await Person.loggedIn(server)
    const stranger = await Person.loggedIn(server)
    const { session } = await stranger.status()
    const run = await person.hufu(['sessions', 'revoke', session.id])
    expect([run.exitCode, run.last.code]).toEqual([5, 'session_unknown'])
    expect((await stranger.status()).session.id).toBe(session.id)
  })

  it('end when the password changes, but for this one', async () => {
    const person = await Person.loggedIn(server)
    const elsewhere = freshHome()
    const env = { HUFU_SERVER: server.url, HUFU_PASSWORD: person.password }
    await hufu(['login', person.username, '--verify', 'password'], { home: elsewhere, env })
    const run = await person.hufu(['passwd'], { env: { HUFU_NEW_PASSWORD: 'both halves of a tally' } })
    expect(run.last).toMatchObject({ ok: true, sessions_revoked: 1 })
    expect((await hufu(['status'], { home: elsewhere, env })).exitCode).toBe(3)
    expect((await person.status()).username).toBe(person.username)
  })

  it('end by logout, here or everywhere', async () => {
    const person = await Person.loggedIn(server)
    const secret = person.sessionSecret()
    const run = await person.hufu(['logout'])
    expect(run.last).toMatchObject({ ok: true, revoked: 1 })
    expect(person.sessionSecret()).toBeUndefined()
    expect((await person.hufu(['status'])).last).toMatchObject({ event: 'error', code: 'not_logged_in' })
    const answer = await fetch(`${server.url}/v1/account`, { headers: { authorization: `Bearer ${secret}` } })
    expect(answer.status).toBe(401)
    const elsewhere = freshHome()
    const env = { HUFU_SERVER: server.url, HUFU_PASSWORD: person.password }
    await hufu(['login', person.username, '--verify', 'password'], { home: elsewhere, env })
    await login(person, ['--verify', 'password'])
    expect((await person.hufu(['logout', '--all'])).last).toMatchObject({ ok: true, revoked: 2 })
    expect((await hufu(['status'], { home: elsewhere, env })).exitCode).toBe(3)
  })
})

it('the log tells what happened, page by page', async () => {
  const person = await Person.loggedIn(server, { email: freshAddress() })
  await person.makeRecoveryCodes()
  await person.bindPhone(freshNumber())
  const wrong = await person.hufu(['recovery-codes'], { env: { HUFU_PASSWORD: 'not the password' } })
  expect(wrong.last.code).toBe('password_incorrect')
  const all = (await person.hufu(['log'])).last.events as { id: string; action: string; method: string | null }[]
  expect(all.map(({ action, method }) => [action, method])).toEqual([
    ['phone.bind', 'password'],
    ['recovery_codes.create', 'password'],
    ['login', 'password'],
    ['enrolment.redeem', 'link'],
    ['account.create', 'service'],
  ])
  const first = (await person.hufu(['log', '--limit', '2'])).last
  const rest = (await person.hufu(['log', '--limit', '200', '--before', String(first.next)])).last
  expect([...(first.events as unknown[]), ...(rest.events as unknown[])]).toEqual(all)
  expect(rest.next).toBeNull()
})
