import { readFileSync, statSync } from 'node:fs'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BootstrappedHufud, startBootstrapped } from '../support/bootstrapped-hufud.ts'
import { startEphemeral } from '../support/ephemeral-server.ts'
import { environment, freshHome, hufu, hufuExecutable, startHufu } from '../support/hufu.ts'
import { Person, type PersonServer } from '../support/person.ts'
import { until } from '../support/until.ts'

let server: BootstrappedHufud
let root: Person
/** As people and scripts see the server. */
let world: PersonServer
beforeAll(async () => {
  server = await startBootstrapped()
  root = server.root
  world = { ...root.server, adminToken: server.token }
})
afterAll(async () => {
  expect(await server.stop()).toBe(0)
})

/** Runs hufu with a token, as a script without a login does. */
const script = (args: readonly string[], env: Record<string, string> = {}) =>
  hufu(args, { env: { HUFU_SERVER: server.url, HUFU_TOKEN: server.token, ...env } })
let names = 0
const freshName = () => `bob-${++names}`

describe('who may work as an admin', () => {
  it('is nobody without a login and a token', async () => {
    const run = await hufu(['admin', 'user', 'list'], { env: { HUFU_SERVER: server.url } })
    expect([run.exitCode, run.last.code]).toEqual([3, 'not_logged_in'])
    expect(run.stderr).toMatch(/hufu login[\s\S]*--token-file FILE or HUFU_TOKEN/)
  })

  it('is no person without the role', async () => {
    const person = await Person.loggedIn(world)
    const list = await person.hufu(['admin', 'user', 'list'])
    expect([list.exitCode, list.last.code]).toEqual([5, 'admin_required'])
    const disable = await person.hufu(['admin', 'user', 'disable', root.username])
    expect([disable.exitCode, disable.last.code]).toEqual([5, 'admin_required'])
  })

  it.each([
    ['HUFU_TOKEN', [], { HUFU_TOKEN: 'hunter2' }],
    ['--token-file', ['--token-file', '-'], {}],
  ])('is nothing malformed: %s is not sent, and not repeated', async (_, args, env) => {
    const wrong = await hufu(['admin', 'user', 'list', ...args], {
      env: { HUFU_SERVER: 'http://127.0.0.1:1', ...env },
      input: 'hunter2\n',
    })
    expect([wrong.exitCode, wrong.last.code]).toEqual([2, 'input_malformed'])
    expect(wrong.stdout + wrong.stderr).not.toContain('hunter2')
  })

  it('is a token from a file, from stdin or from the environment; a wrong one ends in exit 3', async () => {
    const file = root.file('token', `${server.token}\n`)
    const env = { HUFU_SERVER: server.url }
    expect((await hufu(['admin', 'user', 'list', '--token-file', file], { env })).exitCode).toBe(0)
    const piped = await hufu(['admin', 'user', 'list', '--token-file', '-'], { env, input: `${server.token}\n` })
    expect(piped.exitCode).toBe(0)
    const wrong = await script(['admin', 'user', 'list'], { HUFU_TOKEN: `hufu_${'x'.repeat(43)}` })
    expect([wrong.exitCode, wrong.last.code]).toEqual([3, 'service_credential_invalid'])
  })
})

describe('accounts', () => {
  it('are made by a person with a step-up; the owner sets the password by the file of the link', async () => {
    const username = freshName()
    const link = root.path(`${username}.link`)
    const made = await root.hufu([
      'admin',
      'user',
      'create',
      username,
      '--email',
      `${username}@example.org`,
      '--output',
      link,
    ])
    expect(made.exitCode, made.stderr).toBe(0)
    expect(made.sequence).toEqual(['step_up', 'result'])
    expect(made.events[0]).toMatchObject({ operation: 'account.create' })
    expect(made.last).toMatchObject({ username, file: link, expires_at: expect.any(String) })
    expect(statSync(link).mode & 0o777).toBe(0o600)
    const text = readFileSync(link, 'utf8')
    expect(text).toMatch(new RegExp(`^${server.url}/enrol#[\\w-]{43}\\n$`))
    expect(made.stdout + made.stderr).not.toContain(text.trim().slice(-43))

    const home = freshHome()
    const env = { HUFU_NEW_PASSWORD: 'a bob of one’s own', HUFU_PASSWORD: 'a bob of one’s own' }
    const first = await hufu(['passwd', '--server', server.url, '--link-file', link], { home, env })
    expect(first.exitCode, first.stderr).toBe(0)
    const login = await hufu(['login', username, '--server', server.url, '--verify', 'password'], { home, env })
    expect(login.exitCode, login.stderr).toBe(0)
  })

  it('are shown, listed, disabled, given a new password and enabled by a script; the owner reads who did it', async () => {
    const bob = await Person.loggedIn(world, { email: 'bob@example.org' })
    const { username } = bob
    const shown = await script(['admin', 'user', 'show', username])
    expect(shown.last).toMatchObject({ username, role: 'person', disabled_at: null, sessions: 1, open_links: [] })
    expect((shown.last.items as unknown[]).length).toBe(6)
    const listed = await script([
      'admin',
      'user',
      'list',
      '--prefix',
      username,
      '--state',
      'enabled',
      '--role',
      'person',
    ])
    expect(listed.last).toMatchObject({ accounts: [{ username }], next: null })

    const disabled = await script(['admin', 'user', 'disable', username])
    expect(disabled.sequence).toEqual(['result'])
    expect(disabled.last).toMatchObject({ username, changed: true, sessions_revoked: 1 })
    expect((await script(['admin', 'user', 'disable', username])).last).toMatchObject({ changed: false })
    const refused = await script(['admin', 'user', 'reset-link', username])
    expect([refused.exitCode, refused.last.code]).toEqual([5, 'account_disabled'])
    expect(refused.last.next).toContain('hufu admin user enable')
    expect((await bob.hufu(['status'])).exitCode).toBe(3)

    expect((await script(['admin', 'user', 'enable', username])).last).toMatchObject({ username, changed: true })
    const link = await script(['admin', 'user', 'reset-link', username])
    const file = bob.file('link', `${link.last.link}\n`)
    bob.password = 'the password after that'
    await bob.hufu(['passwd', '--link-file', file], { env: { HUFU_NEW_PASSWORD: bob.password } })
    expect((await bob.hufu(['login', username, '--verify', 'password'])).exitCode).toBe(0)
    const log = await bob.hufu(['log'])
    const events = log.last.events as { action: string; actor: string | null }[]
    expect(events.find(({ action }) => action === 'account.disable')).toMatchObject({ actor: 'token:all' })
    expect(events.find(({ action }) => action === 'login')).toMatchObject({ actor: null })
  })

  it.each([
    [['show'], 5, 'account_unknown'],
    [['disable'], 5, 'account_unknown'],
    [['enable'], 5, 'account_unknown'],
    [['reset-link'], 5, 'account_unknown'],
  ])('that nobody has cannot be met with %s', async (args, exitCode, code) => {
    const run = await script(['admin', 'user', ...args, 'no-such-person'])
    expect([run.exitCode, run.last.code]).toEqual([exitCode, code])
  })

  it('of admins are made by persons alone, and no admin shuts themselves out', async () => {
    const token = await script(['admin', 'user', 'create', freshName(), '--role', 'admin'])
    expect([token.exitCode, token.last.code]).toEqual([5, 'service_scope_missing'])
    expect(token.last.next).toContain('No token serves for it')
    const own = await root.hufu(['admin', 'user', 'disable', root.username])
    expect([own.exitCode, own.last.code]).toEqual([5, 'own_account'])
    const taken = await root.hufu(['admin', 'user', 'create', root.username])
    expect([taken.exitCode, taken.last.code]).toEqual([5, 'username_taken'])
  })
})

describe('tokens', () => {
  it('are made, serve for their scope alone, and end when they are revoked', async () => {
    const made = await root.hufu(['admin', 'token', 'create', 'nightly audit', '--scope', 'audit', '--expires', '90m'])
    expect(made.exitCode, made.stderr).toBe(0)
    expect(made.events[0]).toMatchObject({ event: 'step_up', operation: 'token.create' })
    const { token, id } = made.last as unknown as { token: string; id: string }
    expect(made.stderr).not.toContain(token)
    const used = await script(['admin', 'audit', '--limit', '1'], { HUFU_TOKEN: token })
    expect(used.exitCode, used.stderr).toBe(0)
    const beyond = await script(['admin', 'user', 'list'], { HUFU_TOKEN: token })
    expect([beyond.exitCode, beyond.last.code]).toEqual([5, 'service_scope_missing'])
    expect(beyond.last.next).toContain('accounts')
    // A token in the environment does not stand in the way of what only a person may do.
    const listed = await root.hufu(['admin', 'token', 'list'], { env: { HUFU_TOKEN: token } })
    expect((listed.last.tokens as { id: string }[]).map(each => each.id)).toContain(id)
    expect(listed.stdout).not.toContain(token)
    const revoked = await root.hufu(['admin', 'token', 'revoke', id])
    expect(revoked.last).toMatchObject({ token_id: id, name: 'nightly audit', changed: true })
    expect((await root.hufu(['admin', 'token', 'revoke', id])).last).toMatchObject({ changed: false })
    const after = await script(['admin', 'audit'], { HUFU_TOKEN: token })
    expect([after.exitCode, after.last.code]).toEqual([3, 'service_credential_invalid'])
  })

  it('are made and listed by no script', async () => {
    for (const args of [['create', 'x', '--scope', 'audit', '--expires', '1h'], ['list'], ['revoke', 'A'.repeat(22)]]) {
      const run = await script(['admin', 'token', ...args])
      expect([run.exitCode, run.last.code], args.join(' ')).toEqual([3, 'not_logged_in'])
    }
    const unknown = await root.hufu(['admin', 'token', 'revoke', 'A'.repeat(22)])
    expect([unknown.exitCode, unknown.last.code]).toEqual([5, 'token_unknown'])
  })

  it.each([
    [['create', '--scope', 'audit', '--expires', '1h'], ['NAME']],
    [['create', 'x', '--expires', '1h'], ['--scope']],
    [['create', 'x', '--scope', 'audit'], ['--expires']],
    [['revoke'], ['ID']],
  ])('name what is missing: %j', async (args, options) => {
    const run = await root.hufu(['admin', 'token', ...args])
    expect([run.exitCode, run.last.code, run.last.options]).toEqual([2, 'input_required', options])
  })
})

describe('the audit', () => {
  it('is one event a line, by account, action, actor and time', async () => {
    const bob = await Person.enrol(world)
    await root.hufu(['admin', 'user', 'disable', bob.username])
    const all = await script(['admin', 'audit', '--user', bob.username])
    const rows = all.events.slice(0, -1)
    expect(rows.map(({ event, action, actor, username }) => [event, action, actor, username])).toEqual([
      ['audit', 'account.disable', `admin:${root.username}`, bob.username],
      ['audit', 'enrolment.redeem', null, bob.username],
      ['audit', 'account.create', 'token:all', bob.username],
    ])
    expect(rows[2]?.details).toEqual({ role: 'person', token_id: expect.stringMatching(/^[\w-]{22}$/) })
    expect(all.last).toMatchObject({ event: 'result', count: 3, next: null })
    const count = async (...args: string[]) =>
      (await script(['admin', 'audit', '--user', bob.username, ...args])).last.count
    expect(await count('--action', 'account.')).toBe(2)
    expect(await count('--actor', `admin:${root.username}`)).toBe(1)
    expect(await count('--since', '1h')).toBe(3)
    expect(await count('--until', '1h')).toBe(0)
    const first = await script(['admin', 'audit', '--user', bob.username, '--limit', '2'])
    const rest = await script(['admin', 'audit', '--user', bob.username, '--before', String(first.last.next)])
    expect([first.last.count, rest.last.count, rest.events[0]?.action]).toEqual([2, 1, 'account.create'])
    const unknown = await script(['admin', 'audit', '--user', 'no-such-person'])
    expect([unknown.exitCode, unknown.last.code]).toEqual([5, 'account_unknown'])
  })

  it('is followed as things happen, until Ctrl-C', async () => {
    const bob = await Person.enrol(world)
    const following = startHufu(['admin', 'audit', '--follow', '--user', bob.username], {
      env: { HUFU_SERVER: server.url, HUFU_TOKEN: server.token },
    })
    await until('what has been', () => (following.seenAll('audit').length === 2 ? true : undefined))
    await root.hufu(['admin', 'user', 'disable', bob.username])
    await until('what has come', () => (following.seenAll('audit').length === 3 ? true : undefined))
    await root.hufu(['admin', 'user', 'enable', bob.username])
    await until('what comes then', () => (following.seenAll('audit').length === 4 ? true : undefined))
    following.kill('SIGINT')
    const run = await following.finished
    expect([run.exitCode, run.last.code]).toEqual([130, 'cancelled'])
    const seen = run.events.slice(0, -1)
    expect(seen.map(({ action }) => action)).toEqual([
      'account.create',
      'enrolment.redeem',
      'account.disable',
      'account.enable',
    ])
  })

  it('is followed for as long as --timeout says', async () => {
    const run = await script(['admin', 'audit', '--follow', '--limit', '1', '--timeout', '3'])
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.last).toMatchObject({ event: 'result', ok: true })
  })
})

describe('the audit that is followed', () => {
  it('goes on when the server was away, and says so once', async () => {
    const bob = await Person.enrol(world)
    const env = { HUFU_SERVER: server.url, HUFU_TOKEN: server.token }
    const following = startHufu(['admin', 'audit', '--follow', '--user', bob.username], { env })
    await until('what has been', () => (following.seenAll('audit').length === 2 ? true : undefined))
    expect(await server.stop()).toBe(0)
    await following.said(/does not answer/)
    await server.serve()
    await root.hufu(['admin', 'user', 'disable', bob.username])
    await until('what has come', () => (following.seenAll('audit').length === 3 ? true : undefined))
    following.kill('SIGINT')
    const { exitCode, stderr } = await following.finished
    expect(exitCode).toBe(130)
    expect(stderr.match(/does not answer/g)).toHaveLength(1)
    expect(stderr).toContain('answers again')
  })

  it('ends with the next event when nobody reads it any more', async () => {
    const bob = await Person.enrol(world)
    let hasEnded = false
    const following = execa(
      'sh',
      ['-c', `'${process.execPath}' '${hufuExecutable}' admin audit --follow --user '${bob.username}' | head -n 2`],
      {
        env: environment(freshHome(), { HUFU_SERVER: server.url, HUFU_TOKEN: server.token }),
        extendEnv: false,
        timeout: 25_000,
      },
    ).finally(() => {
      hasEnded = true
    })
    for (let count = 0; !hasEnded; count++)
      await root.hufu(['admin', 'user', count % 2 ? 'enable' : 'disable', bob.username])
    expect((await following).stdout.split('\n')).toHaveLength(2)
  })
})

it('the ephemeral server’s own token serves for all that tokens serve for', async () => {
  const ephemeral = await startEphemeral()
  const env = { HUFU_SERVER: ephemeral.url, HUFU_TOKEN: ephemeral.adminToken }
  const made = await hufu(['admin', 'user', 'create', 'bob'], { env })
  expect(made.last.link).toMatch(new RegExp(`^${ephemeral.url}/enrol#[\\w-]{43}$`))
  const audit = await hufu(['admin', 'audit', '--actor', 'token:hufud'], { env })
  expect(audit.events[0]).toMatchObject({ action: 'account.create', username: 'bob' })
  expect(await ephemeral.stop()).toBe(0)
})
