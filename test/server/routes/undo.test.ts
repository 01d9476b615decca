import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { undoEn, undoZhCN } from '../../../src/server/messages/undo-words.ts'
import { createHttpServer } from '../../../src/server/routes/http-server.ts'
import { type ContactChanges, contactChanges } from '../../support/contact-changes.ts'
import { openServerWorld, type ServerWorld } from '../../support/server-world.ts'

const hour = 60 * 60_000
const form = { 'content-type': 'application/x-www-form-urlencoded' }

let world: ServerWorld
let changes: ContactChanges
let app: FastifyInstance
let base: string
const logged: string[] = []

beforeAll(async () => {
  world = await openServerWorld()
  changes = contactChanges(world.services.domain)
  app = createHttpServer({
    services: world.services,
    version: '9.9.9',
    logger: pino({ level: 'trace' }, { write: line => void logged.push(line) }),
    trustedProxies: [],
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
})
afterAll(async () => {
  await app.close()
  await world.close()
})

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** By node's own client, because `fetch` sets `Origin` and `Sec-Fetch-Site` as it likes. */
function ask(
  path: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
) {
  return new Promise<Answer>((resolve, reject) => {
    const request = httpRequest(`${base}${path}`, { method, headers }, answer => {
      let text = ''
      answer.setEncoding('utf8').on('data', chunk => {
        text += chunk
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }))
    })
    request.on('error', reject).end(body)
  })
}

const press = (secret: string, headers: Record<string, string> = {}) =>
  ask(`/undo/${secret}`, { method: 'POST', headers: { ...form, ...headers }, body: 'action=undo' })

let made = 0

/** An account whose address was replaced, and the link that undoes it. */
async function robbed(locale = 'en') {
  made += 1
  const [old, fresh] = [`old-${made}@example.com`, `new-${made}@example.net`]
  const account = await changes.account({ email_address: old, email_key: old, locale })
  const secret = (await changes.change(account, 'email', fresh)).get(old)
  if (!secret) throw new Error('no link')
  const bound = async () => (await changes.again(account)).email_address
  return { account, secret, old, fresh, bound }
}

describe('looking', () => {
  test('tells what the button would undo, and changes nothing, however often', async () => {
    const { secret, account, fresh, bound } = await robbed()
    for (const method of ['GET', 'HEAD', 'GET', 'GET']) {
      const { status, text } = await ask(`/undo/${secret}`, { method })
      expect(status).toBe(200)
      if (method === 'HEAD') expect(text).toBe('')
      else for (const told of [account.username, '192.0.2.1', '2026-11-22', undoEn.button]) expect(text).toContain(told)
    }
    expect(await bound()).toBe(fresh)
  })

  test('shows one form, no script, and forbids all that could be put into the page', async () => {
    const { secret } = await robbed()
    const { text, headers } = await ask(`/undo/${secret}`)
    expect(text.match(/<form/g)).toHaveLength(1)
    expect(text).not.toMatch(/<script|javascript:|\son\w+=|https?:\/\//)
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'x-robots-tag': expect.stringContaining('noindex'),
    })
    const policy = String(headers['content-security-policy'])
    for (const part of ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"])
      expect(policy).toContain(part)
    expect(policy).not.toMatch(/script-src|unsafe/)
  })

  test.each([
    [undefined, 'en', 'en'],
    [undefined, 'zh-CN', 'zh-CN'],
    ['zh-TW,zh;q=0.9,en;q=0.8', 'en', 'zh-CN'],
    ['en-GB,en;q=0.9', 'zh-CN', 'en'],
    ['fr-FR, zh;q=0.5', 'en', 'zh-CN'],
    ['fr', 'zh-CN', 'zh-CN'],
    ['zhz', 'en', 'en'],
  ])('with Accept-Language %s, for an account in %s, is in %s', async (language, locale, expected) => {
    const { secret } = await robbed(locale)
    const headers: Record<string, string> = language === undefined ? {} : { 'accept-language': language }
    const { text } = await ask(`/undo/${secret}`, { headers })
    expect(text).toContain(`<html lang="${expected}">`)
    expect(text).toContain((expected === 'en' ? undoEn : undoZhCN).button)
  })
})

describe('pressing the button', () => {
  test('undoes the change, tells what to do next, and a second press tells that it was done', async () => {
    const { secret, old, account, bound } = await robbed()
    const done = await press(secret, { 'sec-fetch-site': 'same-origin', origin: 'http://localhost:8420' })
    expect(done.status).toBe(200)
    expect(done.text).toContain(undoEn.done_title)
    expect(done.text).toContain(`hufu passwd --verify email`)
    expect(done.text).toContain(account.username)
    expect(done.text).not.toContain('<form')
    expect(await bound()).toBe(old)
    for (const again of [await press(secret), await ask(`/undo/${secret}`)]) {
      expect(again.status).toBe(410)
      expect(again.text).toContain('It was used at 2026-11-2')
    }
  })

  test('speaks Chinese', async () => {
    const { secret } = await robbed()
    const done = await press(secret, { 'accept-language': 'zh-CN' })
    expect(done.text).toContain(undoZhCN.done_title)
    expect(done.text).toContain('hufu passwd --verify email')
    expect((await ask(`/undo/${secret}`, { headers: { 'accept-language': 'zh' } })).text).toContain(
      undoZhCN.closed_title,
    )
  })

  test.each<[string, Record<string, string>, number]>([
    ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 403],
    ['another site that hides its name', { 'sec-fetch-site': 'cross-site', origin: 'null' }, 403],
    ['a sibling site', { 'sec-fetch-site': 'same-site', origin: 'http://localhost:8420' }, 403],
    ['another site, in an old browser', { origin: 'https://evil.example' }, 403],
    ['our own page', { 'sec-fetch-site': 'same-origin', origin: 'http://localhost:8420' }, 200],
    ['our own page, in an old browser', { origin: 'http://localhost:8420' }, 200],
    ['nobody knows whom, in an old browser', { origin: 'null' }, 403],
    ['no browser', {}, 200],
  ])('on the page of %s', async (_whose, headers, status) => {
    const { secret, old, fresh, bound } = await robbed()
    expect((await press(secret, headers)).status).toBe(status)
    expect(await bound()).toBe(status === 200 ? old : fresh)
  })

  test.each<[string, Record<string, string>, string, number]>([
    ['nothing', {}, '', 200],
    ['an empty form', form, '', 200],
    ['another form', form, 'action=look', 200],
    ['JSON', { 'content-type': 'application/json' }, '{"action":"undo"}', 415],
    ['plain text', { 'content-type': 'text/plain' }, 'action=undo', 415],
    ['more than a form', form, `action=undo&x=${'y'.repeat(1024)}`, 413],
  ])('is not done by a POST of %s', async (_what, headers, body, status) => {
    const { secret, fresh, bound } = await robbed()
    const answer = await ask(`/undo/${secret}`, { method: 'POST', headers, body })
    expect(answer.status).toBe(status)
    if (status === 200) expect(answer.text).toContain(undoEn.button)
    expect(await bound()).toBe(fresh)
  })

  test('of a link whose change another link has undone says so', async () => {
    const { secret, account } = await robbed()
    const phone = `+86136${String(made).padStart(8, '0')}`
    await changes.domain.store.transaction(queries =>
      queries.accounts.setContact(account.id, 'phone', { value: phone, key: phone }, 0),
    )
    const later = (await changes.change(account, 'email', `later-${made}@example.net`)).get(phone)
    expect((await press(secret)).status).toBe(200)
    const { status, text } = await ask(`/undo/${later}`)
    expect([status, text]).toEqual([410, expect.stringContaining('by the link of an earlier notice')])
  })
})

describe('links that do nothing', () => {
  test('are alike: never given, over, mistyped', async () => {
    const { secret, fresh, bound } = await robbed()
    world.clock.advance(72 * hour)
    const pages = []
    for (const each of [secret, 'x'.repeat(22), 'short', 'with.a.dot.in.its.name', '%20'.repeat(22)]) {
      for (const method of ['GET', 'POST']) {
        const { status, text, headers } = method === 'GET' ? await ask(`/undo/${each}`) : await press(each)
        pages.push({ status, text, policy: headers['content-security-policy'] })
      }
    }
    expect(pages[0]).toMatchObject({ status: 410, text: expect.stringContaining('hufu log') })
    for (const page of pages) expect(page).toEqual(pages[0])
    expect(await bound()).toBe(fresh)
  })

  test('are asked for only so often', async () => {
    const state = {
      key: 'begin:undo:127.0.0.1',
      failures: 5000,
      last_failure_at: world.clock.now(),
      blocked_until: world.clock.now() + 30_000,
    }
    const { throttles } = world.services.domain.store.read
    const previous = await throttles.find(state.key)
    await world.services.domain.store.transaction(queries => queries.throttles.replace(previous, state))
    const { secret, fresh, bound } = await robbed()
    for (const answer of [await ask(`/undo/${secret}`), await press(secret)]) {
      expect(answer.status).toBe(429)
      expect(answer.headers['retry-after']).toBe('30')
      expect(answer.text).toContain(undoEn.throttled_title)
    }
    expect(await bound()).toBe(fresh)
    await world.services.domain.store.transaction(queries => queries.throttles.clear([state.key]))
  })
})

test('no log has a secret; the route is its pattern', async () => {
  const { secret } = await robbed()
  await ask(`/undo/${secret}`)
  await ask(`/undo/${secret}`, { method: 'POST', headers: { 'content-type': 'text/xml' }, body: secret })
  await ask(`/undo/${secret}`, { method: 'PUT' })
  await ask(`/undo/${secret}/more?${secret}`)
  await press(secret)
  await press(secret)
  const all = [...logged, ...world.logged].join('\n')
  expect(all).toContain('"route":"/undo/:secret"')
  expect(all).not.toContain(secret)
})

test('both languages of the page say the same things', () => {
  const placeholders = (text: string) => [...new Set([...text.matchAll(/{{(\w+)}}/g)].map(match => match[1]))].sort()
  expect(Object.keys(undoZhCN)).toEqual(Object.keys(undoEn))
  for (const key of Object.keys(undoEn) as (keyof typeof undoEn)[]) {
    expect(placeholders(undoZhCN[key]), key).toEqual(placeholders(undoEn[key]))
  }
})
