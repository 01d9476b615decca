import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { enPages, zhPages } from '../../../src/server/messages/pages.ts'
import { createHttpServer } from '../../../src/server/routes/http-server.ts'
import type { WeChatBrowser } from '../../../src/simulators/wechat/browser.ts'
import {
  agreed,
  app,
  begin,
  beginAnew,
  binding,
  come,
  eventsOf,
  identityOf,
  logged,
  member,
  members,
  minute,
  origin,
  person,
  post,
  stateOf,
  titleOf,
  useAuthorisationWorld,
  wechat,
  world,
} from '../../support/authorisation-world.ts'
import { caller, openServerWorld, wechatConfig } from '../../support/server-world.ts'

const alice = { openid: 'openid-of-alice', unionid: 'unionid-of-alice' }

useAuthorisationWorld()

/** Goes as far as WeChat, and stops at the way back. */
async function upToWeChat(browser: WeChatBrowser): Promise<string> {
  await browser.press(await browser.open(binding.qr.payload), 0)
  const back = browser.visited.findLast(({ headers }) => headers.location?.startsWith(origin))
  return back?.headers.location ?? ''
}

test('a person agrees, WeChat says who they are, and it is bound with its unionid', async () => {
  expect(binding.qr.payload).toMatch(new RegExp(`^${origin}/w/[\\w-]{22}$`))
  const page = await wechat.authorise(binding.qr.payload, person())
  expect(page).toMatchObject({ status: 200 })
  expect(titleOf(page.html)).toBe(`绑定成功：您的微信已绑定到 p***${member.account.username.at(-1)}`)
  expect(await stateOf()).toMatchObject({ state: 'bound', problem: null, replaced: false })
  expect(await identityOf()).toMatchObject(person())
  const events = await world.services.domain.store.read.events.list(member.account.id, 50, undefined)
  const bound = events.filter(({ action }) => action === 'wechat.bind')
  // Not the phone's: that the request came from this machine.
  expect(bound).toMatchObject([{ source: caller.source, session_id: member.session.id }])
  await expect
    .poll(() => world.sent.find(({ to, text }) => to === member.account.email_address && text.includes('WeChat'))?.text)
    .toContain(caller.source)
})

test('binding again replaces, and says so', async () => {
  await wechat.authorise(binding.qr.payload, person())
  await beginAnew(await world.again(member))
  await wechat.authorise(binding.qr.payload, person('other'))
  expect(await stateOf()).toMatchObject({ state: 'bound', replaced: true })
  expect(await identityOf()).toMatchObject(person('other'))
})

describe('the invitation', () => {
  test('says who asks, since when and from where, and warns', async () => {
    const browser = wechat.browserOf(alice, 'en-GB,en;q=0.9')
    const { status, html } = await browser.open(binding.qr.payload)
    expect(status).toBe(200)
    expect(html).toContain('<html lang="en">')
    expect(html).toContain(`p***${member.account.username.at(-1)}`)
    expect(html).not.toContain(member.account.username)
    expect(html).toContain(caller.source)
    expect(html).toContain(caller.client)
    expect(html).toMatch(/2026-11-22 \d\d:\d\d UTC/)
    expect(html).toContain('If somebody sent you this QR code')
  })

  test('in another browser says that WeChat is needed', async () => {
    const words = '当前不是微信内置浏览器'
    expect((await wechat.browserOf(alice).open(binding.qr.payload)).html).not.toContain(words)
    expect(await (await fetch(binding.qr.payload, { headers: { 'accept-language': 'zh' } })).text()).toContain(words)
  })

  test.each([
    ['zh-CN,zh;q=0.9,en;q=0.8', 'zh-CN'],
    ['fr,en;q=0.8', 'en'],
    ['de', 'en'],
  ])('is in the language of %s: %s', async (language, expected) => {
    const { html } = await wechat.browserOf(alice, language).open(binding.qr.payload)
    expect(html).toContain(`<html lang="${expected}">`)
  })

  test('without a language of ours it is in the account’s', async () => {
    await world.services.domain.store.transaction(queries => queries.accounts.setLocale(member.account.id, 'zh-CN'))
    const { html } = await wechat.browserOf(alice, 'de').open(binding.qr.payload)
    expect(html).toContain('<html lang="zh-CN">')
  })

  test('changes nothing, however often it is looked at', async () => {
    const asked = wechat.authorisation.calls.authorize
    for (const method of ['GET', 'HEAD', 'GET']) {
      expect((await fetch(binding.qr.payload, { method })).headers.get('set-cookie')).toBeNull()
    }
    expect(await stateOf()).toMatchObject({ state: 'waiting' })
    expect(wechat.authorisation.calls.authorize).toBe(asked)
    await wechat.authorise(binding.qr.payload, person())
    expect(await stateOf()).toMatchObject({ state: 'bound' })
  })

  test('shows names as text', async () => {
    const hostile = await world.services.sessions.authenticate(await sessionOf('<i>"\'\u202e\u0007'), caller)
    await beginAnew(hostile)
    const { html } = await wechat.browserOf(alice).open(binding.qr.payload)
    expect(html).toContain('&lt;b&gt;Acme&lt;/b&gt;&amp;&quot;')
    expect(html).toContain('&lt;i&gt;&quot;&#39;')
    expect(html).not.toMatch(/<i>|<b>|\u202e|\u0007/)
  })

  /** A session of the member, logged in with a client that calls itself so. */
  async function sessionOf(client: string): Promise<string> {
    const { logins } = world.services
    const { login_id } = await logins.begin(member.account.username, { ...caller, client })
    const answer = { method: 'password', password: 'correct horse battery' } as const
    const outcome = await logins.finishVerification(login_id, answer, { ...caller, client })
    if (outcome.state !== 'complete') throw new Error('not complete')
    return outcome.session_secret
  }

  test('for an unknown, expired, used or renewed scene is the same page, byte for byte', async () => {
    const look = async (url: string) => {
      const { status, html } = await wechat.browserOf(alice, 'en').open(url)
      return { status, html }
    }
    const unknown = await look(`${origin}/w/${'A'.repeat(22)}`)
    expect(unknown.status).toBe(410)
    expect(titleOf(unknown.html)).toBe('This QR code does not work any more')
    expect(await look(`${origin}/w/malformed`)).toEqual(unknown)
    const first = binding.qr.payload
    const { qr } = await world.services.wechatBindings.renew(member, binding.binding_id)
    expect(await look(first)).toEqual(unknown)
    await wechat.authorise(qr.payload, person())
    expect(await look(qr.payload)).toEqual(unknown)
    await beginAnew(member)
    world.clock.advance(5 * minute)
    expect(await look(binding.qr.payload)).toEqual(unknown)
  })

  test('is over once its session has ended', async () => {
    await world.services.sessions.revokeMany(member, 'all')
    expect((await fetch(binding.qr.payload)).status).toBe(410)
    expect((await agreed()).answer.status).toBe(410)
  })
})

describe('the form', () => {
  test('agreed to shows as scanned, and leads to WeChat with a state and a cookie', async () => {
    const { answer, address, state } = await agreed()
    expect(answer.status).toBe(303)
    expect(address).toBe(
      `${wechat.baseUrl}/connect/oauth2/authorize?appid=${wechat.credentials.appId}` +
        `&redirect_uri=${encodeURIComponent(`${origin}/wechat/authorised`)}` +
        `&response_type=code&scope=snsapi_base&state=${state}#wechat_redirect`,
    )
    expect(state).toMatch(/^[0-9a-f]{64}$/)
    expect(answer.headers.get('set-cookie')).toMatch(
      /^hufud-wechat=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/,
    )
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await stateOf()).toMatchObject({ state: 'scanned' })
  })

  test('declined ends the binding, and the terminal says so', async () => {
    const page = await wechat.authorise(binding.qr.payload, person(), false)
    expect(titleOf(page.html)).toBe('未绑定')
    expect(await stateOf()).toMatchObject({ state: 'refused', problem: 'declined' })
    expect((await wechat.browserOf(alice).open(binding.qr.payload)).status).toBe(410)
    expect(await identityOf()).toBeUndefined()
  })

  test.each<[string, Record<string, string>]>([
    ['another origin', { origin: 'https://evil.example' }],
    ['no origin that it names', { origin: 'null' }],
    ['our host by another scheme', { origin: 'https://localhost' }],
    ['another site, as the browser says', { 'sec-fetch-site': 'cross-site' }],
    ['a sibling of ours', { 'sec-fetch-site': 'same-site' }],
    ['the address bar', { 'sec-fetch-site': 'none' }],
  ])('from %s is refused, and changes nothing', async (_what, headers) => {
    for (const body of ['answer=agree', 'answer=decline']) {
      const answer = await post(binding.qr.payload, body, headers)
      expect(answer.status).toBe(403)
      expect(answer.headers.get('set-cookie')).toBeNull()
    }
    expect(await stateOf()).toMatchObject({ state: 'waiting' })
    expect(logged.join('')).toContain('"reason":"origin"')
  })

  test('that says nothing of where it comes from is refused', async () => {
    const send = (headers: Record<string, string>) =>
      app.inject({
        method: 'POST',
        url: new URL(binding.qr.payload).pathname,
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        payload: 'answer=agree',
      })
    expect((await send({})).statusCode).toBe(403)
    expect((await send({ 'sec-fetch-site': 'same-origin' })).statusCode).toBe(303)
  })

  test.each([
    ['no answer', '', 400],
    ['another answer', 'answer=maybe', 400],
    ['two answers', 'answer=agree&answer=decline', 400],
    ['a large body', `answer=${'a'.repeat(5000)}`, 413],
  ])('with %s is refused', async (_what, body, status) => {
    const answer = await post(binding.qr.payload, body)
    expect(answer.status).toBe(status)
    expect(await answer.text()).toContain('<h1>')
    expect(await stateOf()).toMatchObject({ state: 'waiting' })
  })

  test.each(['text/plain', 'application/json'])('as %s is refused', async type => {
    const answer = await post(binding.qr.payload, '{"answer":"agree"}', { 'content-type': type })
    expect(answer.status).toBe(400)
    expect(await stateOf()).toMatchObject({ state: 'waiting' })
  })
})

describe('people', () => {
  test('two on one QR code: one is bound, the other told that it is over', async () => {
    const first = wechat.browserOf(person('first'))
    const second = wechat.browserOf(person('second'))
    const pages = await Promise.all([first.open(binding.qr.payload), second.open(binding.qr.payload)])
    const [one, two] = await Promise.all([first.press(pages[0], 0), second.press(pages[1], 0)])
    expect([one.status, two.status].filter(status => status === 200)).toHaveLength(1)
    const identity = await identityOf()
    expect(identity?.openid).toBe(person(one.status === 200 ? 'first' : 'second').openid)
    expect((await eventsOf()).filter(action => action === 'wechat.bind')).toHaveLength(1)
  })

  test('bound elsewhere are told so on the page and at the terminal', async () => {
    await wechat.authorise(binding.qr.payload, person())
    const other = await world.join(`other${members}`)
    const theirs = await begin(other)
    const page = await wechat.authorise(theirs.qr.payload, person())
    expect(page.status).toBe(409)
    expect(titleOf(page.html)).toBe('您的微信已绑定到其他账户')
    expect(page.html).not.toContain(member.account.username)
    expect(await stateOf(other, theirs)).toMatchObject({ state: 'refused', problem: 'bound_elsewhere' })
    expect(await identityOf(other)).toBeUndefined()
  })

  test('bound elsewhere by their unionid alone are refused just so', async () => {
    await wechat.authorise(binding.qr.payload, person())
    const other = await world.join(`union${members}`)
    const theirs = await begin(other)
    const page = await wechat.authorise(theirs.qr.payload, { ...person('x'), unionid: person().unionid })
    expect(page.status).toBe(409)
    expect(await stateOf(other, theirs)).toMatchObject({ state: 'refused', problem: 'bound_elsewhere' })
  })

  test('bound already are told so', async () => {
    await wechat.authorise(binding.qr.payload, person())
    await beginAnew(member)
    const page = await wechat.authorise(binding.qr.payload, person())
    expect(titleOf(page.html)).toMatch(/^您的微信已绑定到 p\*\*\*/)
    expect(await stateOf()).toMatchObject({ state: 'refused', problem: 'already_bound' })
  })

  test('who come too often wait', async () => {
    const url = `${origin}/w/${'B'.repeat(22)}`
    let answer = await app.inject({ url: new URL(url).pathname, remoteAddress: '198.51.100.9' })
    for (let visit = 0; visit < 1001 && answer.statusCode !== 429; visit += 1) {
      answer = await app.inject({ url: new URL(url).pathname, remoteAddress: '198.51.100.9' })
    }
    expect(answer.statusCode).toBe(429)
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
    const back = await app.inject({ url: '/wechat/authorised?state=x', remoteAddress: '198.51.100.9' })
    expect(back.statusCode).toBe(429)
    expect((await app.inject({ url: new URL(url).pathname, remoteAddress: '198.51.100.10' })).statusCode).toBe(410)
  })
})

test('every page has the headers of a page, and leads nowhere but to WeChat', async () => {
  const { state, cookie } = await agreed()
  const answers = [
    await fetch(binding.qr.payload),
    await fetch(`${origin}/w/${'A'.repeat(22)}`),
    await post(binding.qr.payload, 'answer=maybe'),
    await post(binding.qr.payload, 'answer=agree', { origin: 'https://evil.example' }),
    await come(`state=${state}`, cookie),
    await come('state=x', ''),
    await post(binding.qr.payload, 'answer=decline'),
  ]
  for (const answer of answers) {
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/)
    expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'; base-uri 'none'")
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('referrer-policy')).toBe('same-origin')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await answer.text()).not.toMatch(/<script|https?:/)
  }
  expect(answers[0]?.headers.get('content-security-policy')).toContain(`form-action 'self' ${wechat.baseUrl};`)
})

test('over https the cookie is for this host and for https alone', async () => {
  const secure = 'https://accounts.example.org'
  const other = await openServerWorld({
    wechat: { ...wechatConfig(wechat.credentials, wechat.baseUrl), mode: 'oauth' },
    policy: { origins: [secure] },
  })
  const logger = pino({ level: 'silent' })
  const behind = createHttpServer({ services: other.services, version: '9.9.9', logger, trustedProxies: [] })
  const joined = await other.join('secure')
  const { qr } = await other.services.wechatBindings.begin(joined, await other.prove(joined, 'wechat.bind'))
  expect(qr.payload).toMatch(/^https:\/\/accounts\.example\.org\/w\/[\w-]{22}$/)
  const sendFrom = (from: string) =>
    behind.inject({
      method: 'POST',
      url: new URL(qr.payload).pathname,
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: from },
      payload: 'answer=agree',
    })
  expect((await sendFrom('http://accounts.example.org')).statusCode).toBe(403)
  expect((await sendFrom(secure)).headers['set-cookie']).toMatch(
    /^__Host-hufud-wechat=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
  )
  await behind.close()
  await other.close()
})

test('in mode qr there are no such pages', async () => {
  const plain = await openServerWorld({ wechat: wechatConfig(wechat.credentials, wechat.baseUrl) })
  const logger = pino({ level: 'silent' })
  const served = createHttpServer({ services: plain.services, version: '9.9.9', logger, trustedProxies: [] })
  for (const url of [`/w/${'A'.repeat(22)}`, '/wechat/authorised?state=x']) {
    expect((await served.inject(url)).statusCode).toBe(404)
  }
  await served.close()
  await plain.close()
})

test('no log holds a scene, a state, a code, a cookie or the secret', async () => {
  const browser = wechat.browserOf(person())
  const back = await upToWeChat(browser)
  wechat.authorisation.failNextExchange(40125)
  await beginAnew(await world.again(member))
  await wechat.authorise(binding.qr.payload, person('other'))
  const log = [...logged, ...world.logged].join('')
  expect(log).toContain('/w/:scene')
  expect(log).toContain('errcode 40125')
  const url = new URL(back)
  const secrets = [
    binding.qr.payload.split('/').at(-1),
    url.searchParams.get('state'),
    url.searchParams.get('code'),
    wechat.credentials.appSecret,
    person().openid,
  ]
  for (const secret of secrets) expect(log).not.toContain(secret)
})

test('the words of pages are there in both languages, with the same values', () => {
  expect(Object.keys(zhPages)).toEqual(Object.keys(enPages))
  const values = (text: string) => (text.match(/\{\{\w+\}\}/g) ?? []).sort()
  for (const [key, text] of Object.entries(enPages)) {
    expect(values(zhPages[key as keyof typeof enPages]), key).toEqual(values(text))
  }
})
