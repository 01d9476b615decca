import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Overview } from '../../../src/contract/account.ts'
import { operations } from '../../../src/contract/operations.ts'
import { createOwnToken } from '../../../src/server/domain/admin/authority.ts'
import { createHttpServer } from '../../../src/server/routes/http-server.ts'
import { answerValidation } from '../../../src/server/routes/validation.ts'
import { openServerWorld, password, type ServerWorld } from '../../support/server-world.ts'

let world: ServerWorld
let app: FastifyInstance
const logged: string[] = []

const serve = (trustedProxies: string[] = []) =>
  createHttpServer({
    services: world.services,
    version: '9.9.9',
    logger: pino({ level: 'info' }, { write: line => void logged.push(line) }),
    trustedProxies,
  })

beforeAll(async () => {
  world = await openServerWorld()
  app = serve()
  await app.ready()
})
afterAll(async () => {
  await app.close()
  await world.close()
})

const json = { 'content-type': 'application/json' }

async function logIn(username: string): Promise<{ authorization: string }> {
  await world.join(username)
  const begun = await app.inject({ method: 'POST', url: '/v1/logins', headers: json, payload: { username } })
  const url = `/v1/logins/${begun.json().login_id}/finish`
  const done = await app.inject({ method: 'POST', url, headers: json, payload: { method: 'password', password } })
  return { authorization: `Bearer ${done.json().session_secret}` }
}

test('every operation of the contract is served', () => {
  for (const { method, url, id } of operations) expect(app.hasRoute({ method, url }), id).toBe(true)
})

test('every answer says whose it is and is kept nowhere', async () => {
  for (const url of ['/livez', '/readyz', '/v1/account', '/nowhere']) {
    const answer = await app.inject(url)
    expect(answer.headers['hufud-version'], url).toBe('9.9.9')
    expect(answer.headers['cache-control'], url).toBe('no-store')
  }
})

describe('refusals', () => {
  test.each([
    ['a body that is no JSON', json, '{', 400, 'invalid_request'],
    ['null', json, 'null', 400, 'invalid_request'],
    ['a missing member', json, '{}', 400, 'invalid_request'],
    ['an unknown member', json, '{"username":"a","admin":true}', 400, 'invalid_request'],
    ['a number for a name', json, '{"username":1}', 400, 'invalid_request'],
    ['a prototype', json, '{"username":"a","__proto__":{"x":1}}', 400, 'invalid_request'],
    ['too long a name', json, JSON.stringify({ username: 'a'.repeat(65) }), 400, 'invalid_request'],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'username=a', 415, 'media_type_unsupported'],
    ['a large body', json, JSON.stringify({ username: 'a'.repeat(40_000) }), 413, 'body_too_large'],
    ['no body', {}, '', 400, 'invalid_request'],
  ])('%s', async (_what, headers, payload, status, code) => {
    const answer = await app.inject({ method: 'POST', url: '/v1/logins', headers, payload })
    expect(answer.statusCode).toBe(status)
    expect(answer.headers['content-type']).toMatch('application/problem+json')
    expect(answer.json()).toMatchObject({ type: `urn:hufu:problem:${code}`, status, code, title: expect.any(String) })
  })

  test('say where, and never repeat what was sent', async () => {
    const payload = { method: 'password', password: 'zq-secret', extra: 'zq-more' }
    const url = `/v1/logins/${'a'.repeat(22)}/finish`
    const answer = await app.inject({ method: 'POST', url, headers: json, payload })
    expect(answer.json()).toMatchObject({ code: 'invalid_request', in: 'body', errors: expect.any(Array) })
    expect(answer.body).not.toContain('zq-')
  })

  test('of a step-up are those of RFC 9470, with a challenge that any client can answer', async () => {
    const headers = { ...(await logIn('stepper')), ...json }
    const payload = { new_password: 'a new long password' }
    const answer = await app.inject({ method: 'PUT', url: '/v1/password', headers, payload })
    expect(answer.statusCode).toBe(401)
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer .*error="insufficient_user_authentication"/)
    const { challenge } = answer.json()
    const url = `/v1/step-up/${challenge.challenge_id}/finish`
    const proven = await app.inject({ method: 'POST', url, headers, payload: { method: 'password', password } })
    const withProof = { ...headers, 'hufu-proof': proven.json().proof }
    const changed = await app.inject({ method: 'PUT', url: '/v1/password', headers: withProof, payload })
    expect(changed.json()).toEqual({ sessions_revoked: 1, short_password: false })
  })

  test('of too many attempts say when to come back', async () => {
    await world.join('guessed')
    let answer = await app.inject({ url: '/livez' })
    for (let guess = 0; guess < 7; guess += 1) {
      const begun = await app.inject({
        method: 'POST',
        url: '/v1/logins',
        headers: json,
        payload: { username: 'guessed' },
      })
      const url = `/v1/logins/${begun.json().login_id}/finish`
      answer = await app.inject({
        method: 'POST',
        url,
        headers: json,
        payload: { method: 'password', password: 'wrong' },
      })
    }
    expect(answer.statusCode).toBe(429)
    expect(answer.headers['retry-after']).toBe(String(answer.json().retry_after))
  })
})

test('a session is asked for, in any case of the scheme, and nothing else will do', async () => {
  const { authorization } = await logIn('bearer')
  const status = async (value: string | undefined) =>
    (await app.inject({ url: '/v1/account', headers: value === undefined ? {} : { authorization: value } })).statusCode
  expect(await status(authorization)).toBe(200)
  expect(await status(authorization.replace('Bearer', 'bearer'))).toBe(200)
  expect(await status(`${authorization}x`)).toBe(401)
  expect(await status(authorization.replace('Bearer', 'Basic'))).toBe(401)
  expect(await status(undefined)).toBe(401)
})

test('the overview masks, and an answer with one member more than the contract names is refused', async () => {
  const answer = await app.inject({ url: '/v1/account', headers: await logIn('overview') })
  expect(answer.json().items.map(({ item }: { item: string }) => item)).toEqual([
    'password',
    'phone',
    'email',
    'totp',
    'wechat',
    'webauthn',
  ])
  expect(answer.body).not.toContain('overview@example.com')
  const validation = answerValidation(Overview)
  const page: Overview = answer.json()
  const { session, ...without } = page
  expect(validation.accepts(page)).toBe(true)
  expect(validation.accepts({ ...page, password_hash: 'x' })).toBe(false)
  expect(validation.accepts(without)).toBe(false)
  expect(validation.accepts({ ...page, session: { ...session, secret: 'x' } })).toBe(false)
})

test('a source is what the connection says, unless a proxy is trusted', async () => {
  const sourceOf = async (server: FastifyInstance, username: string) => {
    await world.join(username)
    const headers = { ...json, 'x-forwarded-for': '203.0.113.7' }
    const begun = await server.inject({ method: 'POST', url: '/v1/logins', headers, payload: { username } })
    const url = `/v1/logins/${begun.json().login_id}/finish`
    const done = await server.inject({ method: 'POST', url, headers, payload: { method: 'password', password } })
    const authorization = `Bearer ${done.json().session_secret}`
    const { sessions } = (await server.inject({ url: '/v1/sessions', headers: { authorization } })).json()
    return sessions.find(({ current }: { current: boolean }) => current).source
  }
  expect(await sourceOf(app, 'direct')).toBe('127.0.0.1')
  const behind = serve(['127.0.0.1'])
  expect(await sourceOf(behind, 'behind')).toBe('203.0.113.7')
  await behind.close()
})

test('events come in pages, the newest first', async () => {
  const headers = await logIn('pages')
  for (let visit = 0; visit < 4; visit += 1) {
    world.clock.advance(1000)
    await world.logIn('pages')
  }
  const first = (await app.inject({ url: '/v1/events?limit=3', headers })).json()
  expect(first.events).toHaveLength(3)
  const second = (await app.inject({ url: `/v1/events?limit=100&before=${first.next}`, headers })).json()
  const all = [...first.events, ...second.events].map(({ id }: { id: string }) => id)
  expect(new Set(all).size).toBe(all.length)
  expect(second.next).toBeNull()
  expect((await app.inject({ url: '/v1/events?limit=0', headers })).statusCode).toBe(400)
  expect((await app.inject({ url: '/v1/events?before=x', headers })).statusCode).toBe(400)
})

test('the log tells the route, and no secret', async () => {
  const headers = await logIn('quiet')
  await app.inject({ url: '/v1/account', headers })
  const all = logged.join('\n')
  expect(all).toContain('"route":"/v1/account"')
  expect(all).not.toContain(headers.authorization.slice(7))
  expect(all).not.toContain(password)
})

test('an account is made with a service credential of the right scope alone', async () => {
  const right = await createOwnToken(world.services.domain, ['accounts'], 1000)
  const wrong = await createOwnToken(world.services.domain, ['rebind'], 1000)
  const make = (secret: string, username: string) =>
    app.inject({
      method: 'POST',
      url: '/v1/admin/accounts',
      headers: { ...json, authorization: `Bearer ${secret}` },
      payload: { username },
    })
  expect((await make(right, 'made')).json()).toMatchObject({ username: 'made', link_secret: expect.any(String) })
  expect((await make(wrong, 'unmade')).json()).toMatchObject({ code: 'service_scope_missing' })
  expect((await make(`hufu_${'x'.repeat(43)}`, 'unmade')).json()).toMatchObject({ code: 'service_credential_invalid' })
  expect((await make('x'.repeat(43), 'unmade')).json()).toMatchObject({ code: 'not_logged_in' })
  expect((await make((await logIn('cheeky')).authorization.slice(7), 'unmade')).json()).toMatchObject({
    code: 'admin_required',
  })
  world.clock.advance(1000)
  expect((await make(right, 'unmade')).statusCode).toBe(401)
})
