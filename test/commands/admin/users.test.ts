import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { explainError } from '../../../src/cli/errors.ts'
import { run as create, type Wanted } from '../../../src/commands/admin/user/create.ts'
import { type Filters, run as list } from '../../../src/commands/admin/user/list.ts'
import { run as resetLink } from '../../../src/commands/admin/user/reset-link.ts'
import { run as show } from '../../../src/commands/admin/user/show.ts'
import { disable, enable } from '../../../src/commands/admin/user/state.ts'
import * as admin from '../../../src/contract/admin.ts'
import { wallTime } from '../../../src/lib/clock.ts'
import { refusal } from '../../support/fake-api-client.ts'
import { fakeContext, id, now, proof, time } from '../fake-context.ts'

const folder = mkdtempSync(join(tmpdir(), 'hufu-links-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const secret = 'L'.repeat(43)
const made = { username: 'bob', link_secret: secret, expires_at: time }
const link = `https://accounts.example.org/enrol#${secret}`
const wanted = (more: Partial<Wanted> = {}): Wanted => ({
  username: 'bob',
  email: undefined,
  phone: undefined,
  role: undefined,
  output: undefined,
  ...more,
})
const bob = { params: { username: 'bob' } }
const control = '\u001b[2J\u202e'
const until = wallTime(now)

describe('hufu admin user create', () => {
  it('steps up for this very name, and tells the link, the command and until when', async () => {
    const { context, api, stdout, stepUps } = await fakeContext()
    const body = {
      username: 'bob',
      email_address: 'bob@example.org',
      phone_number: '13800138000',
      role: 'admin',
    } as const
    api.expects(admin.createAccount, { body, proof }, made)
    await create(context, wanted({ email: 'bob@example.org', phone: '13800138000', role: 'admin' }))
    api.verifyAllCalled()
    expect(stepUps).toEqual(['account.create bob'])
    expect(stdout()).toContain(`\n${link}\n`)
    expect(stdout()).toContain('  hufu passwd --server https://accounts.example.org --link-file FILE\n')
    expect(stdout()).toContain(until)
  })

  it('asks for no step-up where a token was given', async () => {
    const { context, api, stepUps } = await fakeContext({ hasToken: true })
    api.expects(admin.createAccount, { body: { username: 'bob' } }, made)
    await create(context, wanted())
    api.verifyAllCalled()
    expect(stepUps).toEqual([])
  })

  it('draws a QR code under all that is to be read, whole on a screen of 80×24', async () => {
    const { context, api, stdout } = await fakeContext({ terminal: { tty: true } })
    api.expects(admin.createAccount, { body: { username: 'bob' }, proof }, made)
    await create(context, wanted())
    const lines = stdout().trimEnd().split('\n')
    const drawn = lines.findIndex(line => /^[█▀▄ ]{20,}$/.test(line))
    expect(lines.slice(drawn).every(line => /^[█▀▄ ]+$/.test(line))).toBe(true)
    expect(lines.length - drawn).toBeLessThan(24)
    expect(lines.slice(0, drawn).join('\n')).toContain(link)
    expect(stdout().split(secret)).toHaveLength(2)
  })

  it('writes the link into a file of the admin’s own, and nowhere else', async () => {
    const { context, api, stdout, stderr } = await fakeContext()
    const output = join(folder, "bob's link")
    api.expects(admin.createAccount, { body: { username: 'bob' }, proof }, made)
    await create(context, wanted({ output }))
    expect(readFileSync(output, 'utf8')).toBe(`${link}\n`)
    expect(statSync(output).mode & 0o777).toBe(0o600)
    expect(stdout() + stderr()).not.toContain(secret)
    expect(stdout()).toContain(`--link-file '${folder}/bob'\\''s link'\n`)
  })

  it('asks the server for nothing where the file exists, and leaves that alone', async () => {
    const { context, stepUps } = await fakeContext()
    const output = join(folder, 'taken')
    writeFileSync(output, 'precious')
    await expect(create(context, wanted({ output }))).rejects.toMatchObject({ code: 'output_exists' })
    expect([readFileSync(output, 'utf8'), stepUps]).toEqual(['precious', []])
  })

  it('asks the server for nothing where the file cannot be made', async () => {
    const { context, stepUps } = await fakeContext()
    const refused = create(context, wanted({ output: join(folder, 'none', 'link') }))
    await expect(refused).rejects.toMatchObject({ code: 'output_unwritable' })
    expect(stepUps).toEqual([])
  })

  it('leaves no file behind where no account was made', async () => {
    const { context, api } = await fakeContext()
    const output = join(folder, 'none')
    api.expects(admin.createAccount, { body: { username: 'bob' }, proof }, refusal('username_taken'))
    await expect(create(context, wanted({ output }))).rejects.toMatchObject({ code: 'username_taken' })
    expect(existsSync(output)).toBe(false)
  })

  it('tells JSON the link, and people’s words nothing of it', async () => {
    const { context, api, stdout, stderr } = await fakeContext({ terminal: { json: true } })
    api.expects(admin.createAccount, { body: { username: 'bob' }, proof }, made)
    await create(context, wanted())
    expect(JSON.parse(stdout())).toEqual({ event: 'result', ok: true, username: 'bob', link, expires_at: time })
    expect(stderr()).not.toContain(secret)
  })

  it('names what supplies a missing user name, and what a role may be', async () => {
    const { context } = await fakeContext()
    await expect(create(context, wanted({ username: undefined }))).rejects.toMatchObject({
      code: 'input_required',
      options: ['USERNAME'],
    })
    await expect(create(context, wanted({ role: 'root' }))).rejects.toMatchObject({
      code: 'input_malformed',
      values: { source: '--role', expected: 'person or admin' },
    })
  })

  it.each([
    [{ scope: 'accounts' }, 'with the scope accounts'],
    [{ scope: null }, 'No token serves for it'],
    [{}, 'with a wider scope'],
  ])('says which scope is missing: %j', async (members, words) => {
    const { context, api } = await fakeContext({ hasToken: true })
    api.expects(admin.createAccount, { body: { username: 'bob' } }, refusal('service_scope_missing', members))
    const error = await create(context, wanted()).catch(thrown => thrown)
    const around = { terminal: context.terminal, server: '', now, verbose: false }
    expect(explainError(error, around).next).toContain(words)
  })
})

describe('hufu admin user reset-link', () => {
  it('steps up for this account, and tells that earlier links are void', async () => {
    const { context, api, stdout, stepUps } = await fakeContext()
    api.expects(admin.resetLink, { ...bob, proof }, made)
    await resetLink(context, { username: 'bob', output: undefined })
    expect(stepUps).toEqual(['account.reset_link bob'])
    expect(stdout()).toContain('earlier links no longer work')
    expect(stdout()).toContain(link)
  })

  it('says how to go on with a disabled account', async () => {
    const { context, api } = await fakeContext()
    api.expects(admin.resetLink, { ...bob, proof }, refusal('account_disabled'))
    const error = await resetLink(context, { username: 'bob', output: undefined }).catch(thrown => thrown)
    const { exit, next } = explainError(error, { terminal: context.terminal, server: '', now, verbose: false })
    expect([exit, next]).toEqual([5, expect.stringContaining('hufu admin user enable')])
  })
})

describe('hufu admin user disable and enable', () => {
  it.each([
    [true, 2, '✓ bob is disabled; 2 sessions were ended.\n'],
    [true, 1, '✓ bob is disabled; 1 session was ended.\n'],
    [false, 0, 'bob was disabled already.\n'],
  ])('disable: changed %s, %i sessions', async (changed, sessions_revoked, words) => {
    const { context, api, stdout, stepUps } = await fakeContext()
    api.expects(admin.disableAccount, { ...bob, proof }, { username: 'bob', changed, sessions_revoked })
    await disable(context, { username: 'bob' })
    expect([stdout(), stepUps]).toEqual([words, ['account.disable bob']])
  })

  it.each([
    [true, '✓ bob may log in again.\n'],
    [false, 'bob was not disabled.\n'],
  ])('enable: changed %s', async (changed, words) => {
    const { context, api, stdout, stepUps } = await fakeContext()
    api.expects(admin.enableAccount, { ...bob, proof }, { username: 'bob', changed })
    await enable(context, { username: 'bob' })
    expect([stdout(), stepUps]).toEqual([words, ['account.enable bob']])
  })
})

describe('what admins see of accounts', () => {
  const entry = { id, username: `bob${control}`, role: 'person', disabled_at: null, created_at: time } as const
  const none: Filters = { prefix: undefined, state: undefined, role: undefined, limit: undefined, after: undefined }

  it('is a table with each filter, and where to go on', async () => {
    const { context, api, stdout } = await fakeContext()
    const query = { limit: 2, prefix: 'b', state: 'disabled', role: 'person', after: id } as const
    const accounts = [entry, { ...entry, username: 'root', role: 'admin', disabled_at: time } as const]
    api.expects(admin.listAccounts, { query }, { accounts, next: `${id}${control}` })
    await list(context, { prefix: 'b', state: 'disabled', role: 'person', limit: '2', after: id })
    expect(stdout()).toMatch(/bob +person +enabled/)
    expect(stdout()).toMatch(/root +admin +disabled/)
    expect(stdout()).toContain(`--after ${id}\n`)
    expect(stdout()).not.toMatch(/[\u001b\u202e]/)
  })

  it('may be nothing', async () => {
    const { context, api, stdout } = await fakeContext()
    api.expects(admin.listAccounts, { query: { limit: 50 } }, { accounts: [], next: null })
    await list(context, none)
    expect(stdout()).toBe('There is no such account.\n')
  })

  it.each([
    [{ state: 'asleep' }, '--state'],
    [{ role: 'root' }, '--role'],
    [{ limit: '201' }, '--limit'],
  ])('refuses %j', async (given, source) => {
    const { context } = await fakeContext()
    const refused = list(context, { ...none, ...given })
    await expect(refused).rejects.toMatchObject({ code: 'input_malformed', values: { source } })
  })

  it('is one account with its items, sessions and open links', async () => {
    const { context, api, stdout } = await fakeContext()
    const item = (name: 'password' | 'phone' | 'email' | 'totp' | 'wechat' | 'webauthn') => ({
      item: name,
      set: name === 'phone',
      value: name === 'phone' ? `138****8000${control}` : null,
      bound_at: null,
      last_used_at: null,
      keys: [],
    })
    api.expects(admin.showAccount, bob, {
      ...entry,
      disabled_at: time,
      items: (['password', 'phone', 'email', 'totp', 'wechat', 'webauthn'] as const).map(item),
      recovery_codes_left: 3,
      sessions: 2,
      open_links: [{ purpose: 'webauthn', created_at: time, expires_at: time }],
    })
    await show(context, { username: 'bob' })
    for (const words of [
      '138****8000',
      `disabled since ${until}`,
      'Role: person',
      'Sessions: 2',
      'Recovery codes: 3',
    ]) {
      expect(stdout()).toContain(words)
    }
    expect(stdout()).toContain(`Open link, security key: until ${until}`)
    expect(stdout()).not.toContain('hufu bind')
    expect(stdout()).not.toMatch(/[\u001b\u202e]/)
  })
})
