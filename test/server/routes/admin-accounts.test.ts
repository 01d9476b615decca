import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as contract from '../../../src/contract/admin.ts'
import { listAudit } from '../../../src/contract/admin-audit.ts'
import { redeemEnrolmentLink } from '../../../src/contract/credentials.ts'
import { listMessages } from '../../../src/contract/messages.ts'
import { joinAdmin, ownToken, proofFor, request, serve, sessionSecret } from '../../support/admins.ts'
import { caller, openServerWorld, password, type ServerWorld } from '../../support/server-world.ts'

let world: ServerWorld
let app: FastifyInstance
let admin: string
let token: string

beforeAll(async () => {
  world = await openServerWorld()
  app = serve(world)
  await app.ready()
  await joinAdmin(world, 'root')
  admin = await sessionSecret(app, 'root')
  token = await ownToken(world, ['accounts', 'audit'])
})
afterAll(async () => {
  await app.close()
  await world.close()
})

const show = async (username: string) =>
  (await request(app, contract.showAccount, { secret: token, params: { username } })).json()
const list = async (query: Record<string, string | number> = {}) =>
  (await request(app, contract.listAccounts, { secret: token, query })).json()
const namesOf = ({ accounts }: { accounts: { username: string }[] }) => accounts.map(({ username }) => username)

type Change = 'account.create' | 'account.disable' | 'account.enable' | 'account.reset_link'
const changes = {
  'account.disable': contract.disableAccount,
  'account.enable': contract.enableAccount,
  'account.reset_link': contract.resetLink,
}
/** As an admin in person, with a proof of theirs. */
const change = async (operation: Exclude<Change, 'account.create'>, username: string, secret = admin) => {
  const proof = await proofFor(app, secret, operation, username)
  return request(app, changes[operation], { secret, proof, params: { username } })
}
const create = async (body: { username: string; role?: string }) => {
  const proof = await proofFor(app, admin, 'account.create', body.username)
  return request(app, contract.createAccount, { secret: admin, proof, body })
}
const eventsOf = async (username: string) => {
  const { events } = (await request(app, listAudit, { secret: token, query: { username, limit: 200 } })).json()
  return events.map(({ action, actor, method, details }: Record<string, unknown>) => ({
    action,
    actor,
    method,
    details,
  }))
}

describe('an account is made', () => {
  test('by an admin in person, for the name that was proven; its owner sets the password', async () => {
    const made = await create({ username: 'Fresh' })
    expect(made.statusCode).toBe(201)
    const { link_secret, username } = made.json()
    expect(username).toBe('Fresh')
    const redeemed = await request(app, redeemEnrolmentLink, { body: { link_secret, new_password: password } })
    expect(redeemed.statusCode).toBe(200)
    await world.logIn('fresh')
    expect(await show('FRESH')).toMatchObject({ username: 'Fresh', role: 'person', disabled_at: null, open_links: [] })
    expect(await eventsOf('fresh')).toContainEqual({
      action: 'account.create',
      actor: 'admin:root',
      method: 'password',
      details: { role: 'person' },
    })
  })

  test('as an admin by an admin in person alone', async () => {
    expect((await create({ username: 'second', role: 'admin' })).statusCode).toBe(201)
    expect(await show('second')).toMatchObject({ role: 'admin' })
    const body = { username: 'third', role: 'admin' }
    const byToken = await request(app, contract.createAccount, { secret: token, body })
    expect(byToken.json()).toMatchObject({ code: 'service_scope_missing', status: 403 })
    expect(await show('third')).toMatchObject({ code: 'account_unknown' })
    const person = await request(app, contract.createAccount, { secret: token, body: { ...body, role: 'person' } })
    expect(person.statusCode).toBe(201)
    expect(await eventsOf('third')).toMatchObject([{ actor: 'token:hufud', method: 'service' }])
  })

  test('not when the name is taken or none, or the address is somebody’s; the proof stays good', async () => {
    await world.join('holder')
    const proof = await proofFor(app, admin, 'account.create', 'HOLDER')
    const ask = (body: object) => request(app, contract.createAccount, { secret: admin, proof, body })
    expect((await ask({ username: 'holder' })).json().code).toBe('username_taken')
    const script = (body: object) => request(app, contract.createAccount, { secret: token, body })
    expect((await script({ username: 'no name' })).json().code).toBe('username_invalid')
    expect((await script({ username: 'x1', email_address: 'Holder@example.com' })).json().code).toBe('bound_elsewhere')
    expect((await script({ username: 'x1', phone_number: '12' })).json().code).toBe('phone_number_invalid')
    expect((await ask({ username: 'Holder' })).json().code).toBe('username_taken')
  })

  test('once, however many ask for it at once', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () =>
        request(app, contract.createAccount, { secret: token, body: { username: 'wanted' } }),
      ),
    )
    expect(outcomes.map(({ statusCode }) => statusCode).sort()).toEqual([201, ...Array(7).fill(409)])
  })
})

describe('an account is shown', () => {
  test('with its items masked as its owner sees them, its sessions and its open links', async () => {
    const member = await world.join('shown')
    await world.bindPhone(member, '+8613800138111')
    await world.logIn('shown')
    const secret = await sessionSecret(app, 'shown')
    const own = (await request(app, { method: 'GET', url: '/v1/account' }, { secret })).json()
    const shown = await show('shown')
    expect(shown.items).toEqual(own.items)
    expect(JSON.stringify(shown)).not.toMatch(/13800138111|shown@example/)
    expect(shown).toMatchObject({ id: member.account.id, recovery_codes_left: 0, sessions: 3, open_links: [] })
    const { expires_at } = (await change('account.reset_link', 'shown')).json()
    expect((await show('shown')).open_links).toEqual([
      { purpose: 'password', created_at: new Date(world.clock.now()).toISOString(), expires_at },
    ])
  })

  test.each(['nobody', ' ', '%', "' or 1=1 --", '../root'])('not when there is none: %j', async username => {
    expect(await show(username)).toMatchObject({ code: 'account_unknown', status: 404 })
  })
})

describe('accounts are listed', () => {
  test('by prefix, with nothing in it that means more than itself', async () => {
    for (const username of ['list.a', 'list.b', 'list_c', 'LISTd', 'listé', 'list\u{1d7d8}x', '列表一', '列表二']) {
      await world.services.accounts.create({ username }, { source: 'test' })
    }
    expect(namesOf(await list({ prefix: 'list' }))).toEqual([
      'list.a',
      'list.b',
      'list\u{1d7d8}x',
      'list_c',
      'LISTd',
      'listé',
    ])
    expect(namesOf(await list({ prefix: 'LIST.' }))).toEqual(['list.a', 'list.b'])
    expect(namesOf(await list({ prefix: 'list_' }))).toEqual(['list_c'])
    expect(namesOf(await list({ prefix: '列表' }))).toEqual(['列表一', '列表二'])
    for (const prefix of ['%', 'list%', "list' or '1'='1", 'list\\', '\u{10ffff}']) {
      expect(namesOf(await list({ prefix })), prefix).toEqual([])
    }
  })

  test('by state and role', async () => {
    await world.join('sorted.off')
    await world.join('sorted.on')
    await change('account.disable', 'sorted.off')
    expect(namesOf(await list({ prefix: 'sorted', state: 'disabled' }))).toEqual(['sorted.off'])
    expect(namesOf(await list({ prefix: 'sorted', state: 'enabled' }))).toEqual(['sorted.on'])
    expect(namesOf(await list({ prefix: 'sorted', role: 'admin' }))).toEqual([])
    expect(namesOf(await list({ role: 'admin', state: 'enabled' }))).toEqual(['root', 'second'])
    const [entry] = (await list({ prefix: 'sorted.off' })).accounts
    expect(entry).toEqual({
      id: expect.any(String),
      username: 'sorted.off',
      role: 'person',
      disabled_at: new Date(world.clock.now()).toISOString(),
      created_at: expect.any(String),
    })
  })

  test('in pages, each account once, whatever is made in between', async () => {
    const made = new Set<string>()
    for (let index = 0; index < 23; index += 1) {
      const username = `page.${index}`
      made.add(username)
      await world.services.accounts.create({ username }, { source: 'test' })
    }
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 30 }), async limit => {
        const seen: string[] = []
        let after: string | null = ''
        while (after !== null) {
          const page = await list({ prefix: 'page.', limit, ...(after ? { after } : {}) })
          expect(page.accounts.length).toBeLessThanOrEqual(limit)
          seen.push(...namesOf(page))
          after = page.next
        }
        expect(seen).toEqual([...made].sort())
      }),
      { numRuns: 12 },
    )
    for (const query of [{ prefix: 'a\u0000' }, { after: 'nobody' }])
      expect((await list(query)).code).toBe('invalid_request')
    expect((await list({ limit: 201 })).code).toBe('invalid_request')
  })
})

describe('disabling and enabling', () => {
  test('tell whether anything changed, and how many sessions ended; what changes nothing is no event', async () => {
    await world.join('switched')
    await world.logIn('switched')
    expect((await change('account.disable', 'Switched')).json()).toEqual({
      username: 'switched',
      changed: true,
      sessions_revoked: 2,
    })
    expect((await change('account.disable', 'switched')).json()).toMatchObject({ changed: false, sessions_revoked: 0 })
    expect(await show('switched')).toMatchObject({ sessions: 0, disabled_at: expect.any(String) })
    world.clock.advance(1)
    expect((await change('account.enable', 'switched')).json()).toEqual({ username: 'switched', changed: true })
    expect((await change('account.enable', 'switched')).json()).toEqual({ username: 'switched', changed: false })
    expect(await show('switched')).toMatchObject({ disabled_at: null })
    const actor = { actor: 'admin:root', method: 'password' }
    expect((await eventsOf('switched')).filter((event: { actor: unknown }) => event.actor)).toEqual([
      { action: 'account.enable', details: {}, ...actor },
      { action: 'account.disable', details: { sessions_revoked: '2' }, ...actor },
    ])
  })

  test('are in the owner’s log, with who it was', async () => {
    await world.join('logged')
    for (const operation of ['account.disable', 'account.enable'] as const) {
      world.clock.advance(1)
      await change(operation, 'logged')
    }
    world.clock.advance(1)
    const secret = await sessionSecret(app, 'logged')
    const { events } = (await request(app, { method: 'GET', url: '/v1/events' }, { secret })).json()
    expect(events[1]).toMatchObject({ action: 'account.enable', actor: 'admin:root' })
  })

  test('are not for one’s own account, nor for that of whoever made the token', async () => {
    expect((await change('account.disable', 'ROOT')).json()).toMatchObject({ code: 'own_account', status: 409 })
    expect(await show('root')).toMatchObject({ disabled_at: null })
  })

  test('are not for accounts that nobody has; the proof stays good', async () => {
    const proof = await proofFor(app, admin, 'account.disable', 'late')
    const ask = () => request(app, contract.disableAccount, { secret: admin, proof, params: { username: 'late' } })
    expect((await ask()).json().code).toBe('account_unknown')
    await world.join('late')
    expect((await ask()).json().changed).toBe(true)
    expect((await ask()).json()).toMatchObject({ code: 'insufficient_user_authentication', reason: 'used' })
  })
})

describe('a reset link', () => {
  test('sets a new password, ends the one before it, and leaves the old password until then', async () => {
    await world.join('forgetful')
    const first = (await change('account.reset_link', 'forgetful')).json()
    const second = (await change('account.reset_link', 'forgetful')).json()
    await world.logIn('forgetful')
    const redeem = (link_secret: string) =>
      request(app, redeemEnrolmentLink, { body: { link_secret, new_password: 'another long password' } })
    expect((await redeem(first.link_secret)).json().code).toBe('link_invalid')
    expect((await redeem(second.link_secret)).json().username).toBe('forgetful')
    await world.logIn('forgetful', 'another long password')
    expect(await eventsOf('forgetful')).toContainEqual({
      action: 'account.reset_link',
      actor: 'admin:root',
      method: 'password',
      details: { expires_at: second.expires_at },
    })
  })

  test('is not for an account that is disabled or unknown', async () => {
    await world.join('barred')
    await change('account.disable', 'barred')
    expect((await change('account.reset_link', 'barred')).json()).toMatchObject({ code: 'account_disabled' })
    expect((await show('barred')).open_links).toEqual([])
    expect((await change('account.reset_link', 'nobody')).json()).toMatchObject({ code: 'account_unknown' })
  })
})

describe('no token can become an admin', () => {
  test('by a reset link of an admin’s, nor by letting one in again', async () => {
    await joinAdmin(world, 'third.admin')
    const script = (operation: keyof typeof changes) =>
      request(app, changes[operation], { secret: token, params: { username: 'third.admin' } })
    expect((await script('account.reset_link')).json()).toMatchObject({ code: 'service_scope_missing', status: 403 })
    expect((await show('third.admin')).open_links).toEqual([])
    // Taking power away is another matter.
    expect((await script('account.disable')).json()).toMatchObject({ changed: true })
    expect((await script('account.enable')).json()).toMatchObject({ code: 'service_scope_missing' })
    expect(await show('third.admin')).toMatchObject({ disabled_at: expect.any(String) })
    expect((await change('account.enable', 'third.admin')).json()).toMatchObject({ changed: true })
    expect((await change('account.reset_link', 'third.admin')).statusCode).toBe(201)
  })
})

test('an admin in person reads the messages, too', async () => {
  expect((await request(app, listMessages, { secret: admin })).statusCode).toBe(200)
})

describe.each([
  ['en', 'an administrator', 'disabled', 'ask your administrator'],
  ['zh-CN', '管理员', '停用', '请联系管理员'],
] as const)('notices in %s', (locale, who, what, remedy) => {
  test('tell the owner at each destination, in the owner’s language, what an administrator did', async () => {
    const username = `told.${locale}`
    const member = await world.join(username)
    await world.bindPhone(member, locale === 'en' ? '+8613800138222' : '+8613800138333')
    const { login_id } = await world.services.logins.begin(username, caller)
    await world.services.logins.finishVerification(login_id, { method: 'password', password }, { ...caller, locale })
    for (const operation of ['account.disable', 'account.enable', 'account.reset_link'] as const) {
      const before = world.sent.length
      const done = await change(operation, username)
      expect(done.statusCode).toBeLessThan(300)
      await expect.poll(() => world.sent.length).toBe(before + 2)
      const [mail, text] = world.sent.slice(before).sort((a, b) => a.channel.localeCompare(b.channel))
      expect(mail?.to).toBe(`${username}@example.com`)
      expect(text?.to).toMatch(/^\+86/)
      expect(mail?.text).toContain(who)
      expect(mail?.text).toContain(username)
      for (const message of [mail, text]) {
        expect(message).toMatchObject({ locale, code: null, link: null })
        expect(message?.text.toLowerCase()).toContain(remedy)
        // What a person does about a change that somebody else made with their session would not help here.
        expect(message?.text).not.toMatch(/hufu passwd|127\.0\.0\.1|192\.0\.2/)
        expect(message?.notice?.what).toMatch(locale === 'en' ? / by admin$/ : /管理员/)
        if (done.json().link_secret) expect(JSON.stringify(message)).not.toContain(done.json().link_secret)
      }
      if (operation === 'account.disable') expect(mail?.text).toContain(what)
    }
  })
})
