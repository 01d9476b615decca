import { describe, expect, test } from 'vitest'
import { cancelPending } from '../../../src/server/domain/bindings/pending-binding.ts'
import type { ShownPage } from '../../../src/simulators/wechat/browser.ts'
import {
  agreed,
  alter,
  binding,
  codeFor,
  come,
  eventsOf,
  identityOf,
  member,
  minute,
  origin,
  person,
  stateOf,
  titleOf,
  useAuthorisationWorld,
  wechat,
  wechatClock,
  world,
} from '../../support/authorisation-world.ts'

useAuthorisationWorld()

describe('the way back', () => {
  const refusals: [string, (given: { state: string; cookie: string; code: string }) => [string, string]][] = [
    ['an unknown state', ({ cookie, code }) => [`code=${code}&state=${'0'.repeat(64)}`, cookie]],
    ['no state', ({ cookie, code }) => [`code=${code}`, cookie]],
    ['two states', ({ cookie, code, state }) => [`code=${code}&state=${state}&state=${state}`, cookie]],
    ['no cookie', ({ code, state }) => [`code=${code}&state=${state}`, '']],
    ['another browser', ({ code, state }) => [`code=${code}&state=${state}`, `hufud-wechat=${'A'.repeat(43)}`]],
    [
      'two cookies',
      ({ code, state, cookie }) => [`code=${code}&state=${state}`, `${cookie}; hufud-wechat=${'A'.repeat(43)}`],
    ],
  ]
  test.each(refusals)('with %s is refused and spoils nothing', async (_what, change) => {
    const { state, cookie, address } = await agreed()
    const code = await codeFor(address, person())
    const answer = await come(...change({ state, cookie, code }))
    expect(answer.status).toBe(400)
    expect(titleOf(await answer.text())).toBe('This page was not opened from a request of yours')
    expect(answer.headers.get('set-cookie')).toBeNull()
    expect(await identityOf()).toBeUndefined()
    expect((await come(`code=${code}&state=${state}`, cookie)).status).toBe(200)
    expect(await identityOf()).toMatchObject(person())
  })

  test('of a state is walked once, however many walk it', async () => {
    const { state, cookie, address } = await agreed()
    const codes = await Promise.all(Array.from({ length: 8 }, () => codeFor(address, person())))
    const answers = await Promise.all(codes.map(code => come(`code=${code}&state=${state}`, cookie)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 7 }, () => 400)])
    expect((await eventsOf()).filter(action => action === 'wechat.bind')).toHaveLength(1)
  })

  test('of a state is walked once, though nothing came of it', async () => {
    const { state, cookie, address } = await agreed()
    expect((await come(`state=${state}`, cookie)).status).toBe(403)
    const code = await codeFor(address, person())
    expect((await come(`code=${code}&state=${state}`, cookie)).status).toBe(400)
    expect(await identityOf()).toBeUndefined()
    expect(await stateOf()).toMatchObject({ state: 'waiting' })
  })

  test('after ten minutes is closed', async () => {
    const { state, cookie, address } = await agreed()
    const code = await codeFor(address, person())
    world.clock.advance(10 * minute)
    expect((await come(`code=${code}&state=${state}`, cookie)).status).toBe(400)
    expect(await identityOf()).toBeUndefined()
  })

  const endings: [string, () => Promise<unknown>][] = [
    ['was cancelled', () => cancelPending(world.services.domain, member, binding.binding_id)],
    ['has expired', () => alter('update bindings set expires_at = 0 where id = ?', binding.binding_id)],
    ['has lost its session', () => world.services.sessions.revokeMany(member, 'all')],
    ['is of a disabled account', () => alter('update accounts set disabled_at = 1 where id = ?', member.account.id)],
  ]
  test.each(endings)('to a binding that %s is closed, and says so', async (_what, end) => {
    const { state, cookie, address } = await agreed()
    const code = await codeFor(address, person())
    const asked = wechat.authorisation.calls.access_token
    await end()
    const answer = await come(`code=${code}&state=${state}`, cookie)
    expect(answer.status).toBe(410)
    expect(titleOf(await answer.text())).toBe('This request is over')
    expect(answer.headers.get('set-cookie')).toContain('Max-Age=0')
    expect(await identityOf()).toBeUndefined()
    expect(wechat.authorisation.calls.access_token).toBe(asked)
  })

  test('works after the QR code itself has expired or was renewed', async () => {
    const { state, cookie, address } = await agreed()
    world.clock.advance(5 * minute)
    await world.services.wechatBindings.renew(member, binding.binding_id)
    const code = await codeFor(address, person())
    expect((await come(`code=${code}&state=${state}`, cookie)).status).toBe(200)
  })

  test('is not walked by a HEAD', async () => {
    const { state, cookie, address } = await agreed()
    const code = await codeFor(address, person())
    const url = `${origin}/wechat/authorised?code=${code}&state=${state}`
    expect((await fetch(url, { method: 'HEAD', headers: { cookie } })).status).toBe(404)
    expect((await come(`code=${code}&state=${state}`, cookie)).status).toBe(200)
  })

  test('forgets the cookie', async () => {
    const browser = wechat.browserOf(person())
    await browser.press(await browser.open(binding.qr.payload), 0)
    expect(browser.cookiesOf(origin)).toBe('')
    expect(browser.visited.some(({ headers }) => headers['set-cookie']?.includes('Max-Age=600'))).toBe(true)
  })
})

describe('what WeChat says', () => {
  const restart = (page: ShownPage) => /<a href="([^"]*)">/.exec(page.html)?.[1]

  test('of a snapshot user binds nothing, and the person may go on truly', async () => {
    const browser = wechat.browserOf({ ...person(), snapshot: true })
    const page = await browser.press(await browser.open(binding.qr.payload), 0)
    expect(page.status).toBe(403)
    expect(page.html).toContain('使用完整服务')
    expect(await stateOf()).toMatchObject({ state: 'waiting', problem: null })
    expect(await identityOf()).toBeUndefined()
    expect(new URL(restart(page) ?? '', origin).href).toBe(binding.qr.payload)
    await wechat.authorise(binding.qr.payload, person())
    expect(await stateOf()).toMatchObject({ state: 'bound' })
  })

  test.each([
    [40029, 400, '微信授权已过期或已使用'],
    [40163, 400, '微信授权已过期或已使用'],
    [42003, 400, '微信授权已过期或已使用'],
    [40125, 502, '微信暂无响应'],
    [45011, 502, '微信暂无响应'],
  ])('with errcode %i leads back to the start', async (errcode, status, title) => {
    wechat.authorisation.failNextExchange(errcode)
    const page = await wechat.authorise(binding.qr.payload, person())
    expect(page.status).toBe(status)
    expect(titleOf(page.html)).toBe(title)
    expect(await stateOf()).toMatchObject({ state: 'waiting' })
    expect(new URL(restart(page) ?? '', origin).href).toBe(binding.qr.payload)
    await wechat.authorise(binding.qr.payload, person())
    expect(await stateOf()).toMatchObject({ state: 'bound' })
  })

  test('of a code that was kept too long leads back to the start', async () => {
    const { state, cookie, address } = await agreed()
    const code = await codeFor(address, person())
    wechatClock.advance(6 * minute)
    const answer = await come(`code=${code}&state=${state}`, cookie)
    expect(titleOf(await answer.text())).toBe('WeChat&#39;s answer came too late, or twice')
    expect(await stateOf()).toMatchObject({ state: 'waiting' })
  })

  test('when the person does not authorise, is no code', async () => {
    const page = await wechat.authorise(binding.qr.payload, { ...person(), refuses: true })
    expect(page.status).toBe(403)
    expect(await stateOf()).toMatchObject({ state: 'waiting' })
  })

  test('when it is late leads to a QR code that works, or to none', async () => {
    const { state, cookie } = await agreed()
    world.clock.advance(6 * minute)
    const answer = await come(`state=${state}`, cookie)
    const html = await answer.text()
    expect(html).not.toContain('<a ')
    expect(html).toContain('Scan the QR code on your terminal again.')
  })
})
