import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Operation } from '../../../src/contract/operation.ts'
import { operations } from '../../../src/contract/operations.ts'
import type { EnrolmentPurpose } from '../../../src/contract/schemas.ts'
import { endAccess, setDisabled } from '../../../src/server/domain/account-access.ts'
import type { Member } from '../../../src/server/domain/domain.ts'
import { enPages, zhPages } from '../../../src/server/messages/pages.ts'
import { createHttpServer } from '../../../src/server/routes/http-server.ts'
import { linkFor } from '../../support/enrolment-link.ts'
import { answering } from '../../support/key-member.ts'
import { openServerWorld, type ServerWorld } from '../../support/server-world.ts'
import { makeRegistration, partsOf, party } from '../../support/webauthn-ceremony.ts'

const minute = 60_000

let world: ServerWorld
let app: FastifyInstance
const logged: string[] = []

beforeAll(async () => {
  const { rpId, origin } = party
  world = await openServerWorld({ policy: { rpId, origins: [origin] } })
  app = createHttpServer({
    services: world.services,
    version: '9.9.9',
    logger: pino({ level: 'trace' }, { write: line => void logged.push(line) }),
    trustedProxies: [],
  })
  await app.ready()
})
afterAll(async () => {
  await app.close()
  await world.close()
})

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

async function call(
  method: Method,
  url: string,
  { headers = {}, payload }: { headers?: object; payload?: unknown } = {},
) {
  const body = payload === undefined ? {} : { payload: payload as object }
  const answer = await app.inject({ method, url, headers: { ...headers }, ...body })
  return { status: answer.statusCode, body: answer.json() }
}

interface Opened {
  readonly headers: { authorization: string; 'hufu-proof': string }
  readonly proof: string
  readonly session_id: string
  readonly expires_at: string
}

async function open(link_secret: string, purpose: EnrolmentPurpose): Promise<Opened> {
  const { status, body } = await call('POST', '/v1/enrolments/open', { payload: { link_secret, purpose } })
  expect(status, JSON.stringify(body)).toBe(201)
  const headers = { authorization: `Bearer ${body.session_secret}`, 'hufu-proof': body.proof }
  return { ...body, headers }
}

const refused = async (link_secret: string, purpose: EnrolmentPurpose) =>
  (await call('POST', '/v1/enrolments/open', { payload: { link_secret, purpose } })).body.code

const beginTotp = async ({ headers }: Pick<Opened, 'headers'>) =>
  (await call('POST', '/v1/bindings/totp', { headers })).body
const finishTotp = ({ headers }: Pick<Opened, 'headers'>, { binding_id, secret }: Record<string, string>) =>
  call('POST', `/v1/bindings/${binding_id}/code`, { headers, payload: { code: world.totpCode(secret ?? '') } })

async function bindTotp(link: string) {
  const opened = await open(link, 'totp')
  return finishTotp(opened, await beginTotp(opened))
}

const linkOf = (member: Member, purpose: 'password' | EnrolmentPurpose) =>
  linkFor(world.services, member.account.username, purpose)

const sessionsOf = (member: Member) => world.services.sessions.list(member)

describe('a link that binds', () => {
  test('TOTP: once, with the notice and the event of the owner’s own change, and the session ends', async () => {
    const member = await world.join('totp-link')
    const link = await linkOf(member, 'totp')
    const opened = await open(link, 'totp')
    const begun = await beginTotp(opened)
    expect(begun.uri).toContain('totp-link')
    const sent = world.sent.length
    expect(await finishTotp(opened, begun)).toEqual({
      status: 200,
      body: { item: 'totp', value: null, replaced: false },
    })
    await expect.poll(() => world.sent.slice(sent).map(({ to }) => to)).toEqual(['totp-link@example.com'])
    const events = await world.services.domain.store.read.events.list(member.account.id, 100, undefined)
    expect(events.filter(({ action }) => action === 'totp.bind')).toMatchObject([
      { method: 'link', session_id: opened.session_id, actor: null },
    ])
    expect((await beginTotp(opened)).code).toBe('not_logged_in')
    expect(await refused(link, 'totp')).toBe('link_invalid')
    // The owner's own session stays, as with a binding of their own.
    expect((await sessionsOf(member)).map(({ id }) => id)).toEqual([member.session.id])
    const proven = { method: 'totp' as const, code: world.totpCode(begun.secret, 1) }
    expect(await world.prove(member, 'password.change', { answer: proven })).toBeTruthy()
  })

  test('a security key, under its name', async () => {
    const member = await world.join('key-link')
    const opened = await open(await linkOf(member, 'webauthn'), 'webauthn')
    const { headers } = opened
    const begun = (await call('POST', '/v1/bindings/webauthn', { headers, payload: { key_name: 'blue' } })).body
    const credential = makeRegistration(answering(partsOf({}), begun.options.challenge))
    const url = `/v1/bindings/${begun.binding_id}/webauthn`
    const done = await call('POST', url, { headers, payload: { credential } })
    expect(done.body).toEqual({ item: 'webauthn', value: 'blue', replaced: false })
    expect((await call('POST', url, { headers, payload: { credential } })).body.code).toBe('not_logged_in')
  })

  test('stays good when what it began is cancelled or left', async () => {
    const member = await world.join('leaves')
    const link = await linkOf(member, 'totp')
    const first = await open(link, 'totp')
    const { binding_id } = await beginTotp(first)
    const { headers } = first
    expect((await call('POST', `/v1/bindings/${binding_id}/cancel`, { headers })).body).toEqual({ cancelled: true })
    await beginTotp(first)
    const second = await open(link, 'totp')
    expect((await beginTotp(first)).code).toBe('not_logged_in')
    expect((await finishTotp(second, await beginTotp(second))).status).toBe(200)
  })

  test('a wrong code leaves the link and the proof', async () => {
    const member = await world.join('mistypes')
    const opened = await open(await linkOf(member, 'totp'), 'totp')
    const begun = await beginTotp(opened)
    const url = `/v1/bindings/${begun.binding_id}/code`
    const code = world.totpCode(begun.secret, 40)
    expect((await call('POST', url, { headers: opened.headers, payload: { code } })).body.code).toBe('totp_incorrect')
    expect((await finishTotp(opened, begun)).status).toBe(200)
  })

  test('of two people with one link one binds; the other is told, whenever it is that they come', async () => {
    const member = await world.join('two-people')
    const link = await linkOf(member, 'totp')
    const first = await open(link, 'totp')
    const begun = await beginTotp(first)
    const second = await open(link, 'totp')
    expect((await finishTotp(first, begun)).body.code).toBe('not_logged_in')
    expect((await finishTotp(second, await beginTotp(second))).status).toBe(200)
    expect(await refused(link, 'totp')).toBe('link_invalid')
  })

  test('of many that finish one binding at once one does', async () => {
    const member = await world.join('racers')
    const opened = await open(await linkOf(member, 'totp'), 'totp')
    const begun = await beginTotp(opened)
    // A guess at a time is counted: more at once would be throttled.
    const answers = await Promise.all([1, 2, 3, 4].map(() => finishTotp(opened, begun)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const events = await world.services.domain.store.read.events.list(member.account.id, 100, undefined)
    expect(events.filter(({ action }) => action === 'totp.bind')).toHaveLength(1)
  })

  test('a newer link for the same ends what the older one had begun', async () => {
    const member = await world.join('newer')
    const older = await open(await linkOf(member, 'totp'), 'totp')
    const begun = await beginTotp(older)
    const newer = await linkOf(member, 'totp')
    expect((await finishTotp(older, begun)).body.code).toBe('link_invalid')
    expect((await beginTotp(older)).code).toBe('link_invalid')
    expect((await sessionsOf(member)).every(({ enrolment }) => enrolment === null)).toBe(true)
    expect((await bindTotp(newer)).status).toBe(200)
  })

  test('used in between, past the check at the door, nothing is bound', async () => {
    const member = await world.join('in-between')
    const { store, clock } = world.services.domain
    const link = await linkOf(member, 'totp')
    const opened = await open(link, 'totp')
    const begun = await beginTotp(opened)
    const entered = await world.services.sessions.authenticate(opened.headers.authorization.slice(7), member)
    const binding = await store.read.bindings.find(begun.binding_id)
    if (!binding) throw new Error('no binding')
    await store.transaction(queries => queries.links.use(entered.session.enrolment_link_id ?? '', clock.now()))
    const late = world.services.totpBindings.finish(entered, binding, world.totpCode(begun.secret))
    await expect(late).rejects.toMatchObject({ code: 'link_invalid' })
    expect(await store.read.authenticators.findTotp(member.account.id)).toBeUndefined()
  })
})

describe('is refused', () => {
  test('wrong, for another purpose, too old, of a disabled account', async () => {
    const member = await world.join('refused')
    expect(await refused('A'.repeat(43), 'totp')).toBe('link_invalid')
    expect(await refused(await linkOf(member, 'password'), 'totp')).toBe('link_other_purpose')
    expect(await refused(await linkOf(member, 'totp'), 'webauthn')).toBe('link_other_purpose')
    const totp = await linkOf(member, 'totp')
    const payload = { link_secret: totp, new_password: 'a new long password' }
    expect((await call('POST', '/v1/enrolments', { payload })).body.code).toBe('link_other_purpose')
    const webauthn = await linkOf(member, 'webauthn')
    await world.services.domain.store.transaction(queries =>
      setDisabled(world.services.domain, queries, member.account, true),
    )
    expect(await refused(webauthn, 'webauthn')).toBe('link_invalid')
    const old = await world.join('too-old')
    const aged = await linkOf(old, 'totp')
    world.clock.advance(world.services.domain.policy.linkLifetime)
    expect(await refused(aged, 'totp')).toBe('link_invalid')
  })

  test('after too many guesses from one source, and not after as many right ones', async () => {
    const member = await world.join('guessed-links')
    const link = await linkOf(member, 'totp')
    const from = (source: string, link_secret: string) =>
      world.services.enrolments.open({ ...member, source }, link_secret, 'totp').then(
        () => 'opened',
        (error: { code: string }) => error.code,
      )
    for (let again = 0; again < 120; again += 1) expect(await from('198.51.100.7', link)).toBe('opened')
    const codes = new Set<string>()
    for (let guess = 0; guess < 120; guess += 1) codes.add(await from('198.51.100.8', 'B'.repeat(43)))
    expect([...codes]).toEqual(['link_invalid', 'throttled'])
    expect(await from('198.51.100.8', link)).toBe('throttled')
  })
})

describe('what a link opened', () => {
  test('lasts a quarter of an hour, however much it is used, and never longer than its link', async () => {
    const member = await world.join('quarter')
    const link = await linkOf(member, 'totp')
    const opened = await open(link, 'totp')
    expect(Date.parse(opened.expires_at)).toBe(world.clock.now() + 15 * minute)
    world.clock.advance(8 * minute)
    expect((await beginTotp(opened)).binding_id).toBeTruthy()
    world.clock.advance(6 * minute)
    expect((await beginTotp(opened)).binding_id).toBeTruthy()
    world.clock.advance(minute)
    expect((await beginTotp(opened)).code).toBe('not_logged_in')
    world.clock.advance(world.services.domain.policy.linkLifetime - 20 * minute)
    expect(Date.parse((await open(link, 'totp')).expires_at)).toBe(world.clock.now() + 5 * minute)
  })

  test('is seen by the owner as what it is, and ended by them; the link with it by whoever ends everything', async () => {
    const member = await world.join('sees')
    const link = await linkOf(member, 'webauthn')
    world.clock.advance(1000)
    const { headers, session_id } = await open(link, 'webauthn')
    const listed = await sessionsOf(member)
    expect(listed.map(({ id, enrolment, methods }) => ({ id, enrolment, methods }))).toEqual([
      { id: session_id, enrolment: 'webauthn', methods: [] },
      { id: member.session.id, enrolment: null, methods: ['password'] },
    ])
    expect(await world.services.sessions.revokeMany(member, 'others')).toBe(1)
    const begin = () => call('POST', '/v1/bindings/webauthn', { headers, payload: {} })
    expect((await begin()).body.code).toBe('not_logged_in')
    await open(link, 'webauthn')
    const { domain } = world.services
    await domain.store.transaction(queries => endAccess(domain, queries, member.account.id))
    expect(await refused(link, 'webauthn')).toBe('link_invalid')
  })

  test.each([
    ['endAccess', endAccess],
    [
      'disabling',
      (domain: ServerWorld['services']['domain'], queries: Parameters<typeof endAccess>[1], id: string) =>
        setDisabled(domain, queries, { id, role: 'person' }, true),
    ],
  ])('is ended by %s, with what was pending', async (name, end) => {
    const member = await world.join(`ended-by-${name}`)
    const opened = await open(await linkOf(member, 'totp'), 'totp')
    const begun = await beginTotp(opened)
    const { domain } = world.services
    await domain.store.transaction(async queries => void (await end(domain, queries, member.account.id)))
    expect((await finishTotp(opened, begun)).body.code).toBe('not_logged_in')
    expect((await domain.store.read.bindings.find(begun.binding_id))?.ended_at).not.toBeNull()
  })

  test('tells whoever has no right proof why, and nothing of the account', async () => {
    const member = await world.join('hints')
    const { headers } = await open(await linkOf(member, 'totp'), 'totp')
    const without = { authorization: headers.authorization }
    const { body } = await call('POST', '/v1/bindings/totp', { headers: without })
    expect(body).toMatchObject({ code: 'insufficient_user_authentication', reason: 'missing' })
    expect(body).not.toHaveProperty('challenge')
  })

  test('has a proof that serves in no other session', async () => {
    const member = await world.join('other-session')
    const { proof } = await open(await linkOf(member, 'totp'), 'totp')
    await expect(world.services.totpBindings.begin(member, proof)).rejects.toMatchObject({
      members: { reason: 'other_session' },
    })
  })

  const served = operations.filter(({ access }) => access !== 'anyone') as readonly Operation[]
  const cases = (['totp', 'webauthn'] as const).flatMap(purpose =>
    served.map(operation => ({ purpose, operation, id: operation.id })),
  )
  const allowed = {
    totp: ['binding.cancel', 'binding.finish_code', 'totp.begin_binding'],
    webauthn: ['binding.cancel', 'webauthn.begin_binding', 'webauthn.finish_binding'],
  }

  test.each(cases)('for $purpose serves for $id, or is none at all', async ({ purpose, operation, id }) => {
    if (!app.hasRoute({ method: operation.method, url: operation.url })) return
    const member = await world.join(`${purpose}-${id}`.replace(/[^a-z]/g, '-'))
    const { headers } = await open(await linkOf(member, purpose), purpose)
    const url = operation.url.replace(/:[a-z_]+/g, 'A'.repeat(22))
    const payload = operation.body === undefined ? {} : { payload: {} }
    const { status, body } = await call(operation.method, url, { headers, ...payload })
    if (allowed[purpose].includes(id)) expect(body.code).not.toBe('not_logged_in')
    else expect({ status, code: body.code }).toEqual({ status: 401, code: 'not_logged_in' })
  })

  test('finishes and cancels nothing that the owner began elsewhere', async () => {
    const member = await world.join('elsewhere')
    const phone = await world.services.contactBindings.begin(
      member,
      await world.prove(member, 'phone.bind'),
      'phone',
      '+8613800138111',
    )
    const { headers } = await open(await linkOf(member, 'totp'), 'totp')
    const of = (what: string, payload?: unknown) =>
      call('POST', `/v1/bindings/${phone.binding_id}/${what}`, { headers, payload })
    expect((await of('cancel')).body.code).toBe('binding_expired')
    const code = await world.codeFor('+8613800138111')
    expect((await of('code', { code })).body.code).toBe('binding_expired')
  })
})

test.each([
  ['en', enPages],
  ['zh-CN', zhPages],
] as const)('opened in a browser, in %s, it says what to do, and sends nothing', async (language, words) => {
  const answer = await app.inject({ url: '/enrol', headers: { 'accept-language': language } })
  expect(answer.statusCode).toBe(200)
  expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
  expect(answer.body).toContain(words.enrol_title)
  const [origin] = world.services.domain.policy.origins
  for (const command of ['passwd', 'bind totp', 'bind webauthn']) {
    expect(answer.body).toContain(`hufu ${command} --server ${origin} --link-file link.txt`)
  }
  expect(answer.body).not.toMatch(/<script|<form|<img|<link/)
})

test('no secret of a link, a session or a proof is in the log', async () => {
  const member = await world.join('quiet-link')
  const link = await linkOf(member, 'totp')
  const { headers } = await open(link, 'totp')
  const text = logged.join('\n')
  expect(text).toContain('/v1/enrolments/open')
  for (const secret of [link, headers.authorization.slice(7), headers['hufu-proof']]) expect(text).not.toContain(secret)
})
