// WeChat by web authorisation where whoever authorised is to have a code typed in at the terminal.

import { describe, expect, test } from 'vitest'
import { cancelPending } from '../../../src/server/domain/bindings/pending-binding.ts'
import type { Member } from '../../../src/server/domain/domain.ts'
import {
  agreed,
  alter,
  begin,
  binding,
  codeFor,
  come,
  eventsOf,
  identityOf,
  logged,
  member,
  members,
  minute,
  person,
  post,
  stateOf,
  titleOf,
  useAuthorisationWorld,
  wechat,
  world,
} from '../../support/authorisation-world.ts'
import { refusalOf } from '../../support/server-world.ts'

useAuthorisationWorld({ confirmByCode: true })

const codeIn = (html: string) => /<p class="code">(\d{6})<\/p>/.exec(html)?.[1] ?? ''
const another = (code: string) => (code === '000000' ? '000001' : '000000')

async function type(code: string, who: Member = member, { binding_id } = binding) {
  const row = await world.services.domain.store.read.bindings.find(binding_id)
  if (!row) throw new Error('no binding')
  return world.services.wechatBindings.finish(who, row, code)
}

/** The whole way through WeChat. */
const authorise = (who: { openid: string } = person()) => wechat.authorise(binding.qr.payload, who)

test('a person authorises, reads a code, and is bound by its being typed', async () => {
  expect(binding.confirm).toBe('code')
  const { state, cookie, address } = await agreed()
  expect(await stateOf()).toMatchObject({ state: 'scanned', confirm: 'none' })
  expect(await refusalOf(type('123456'))).toBe('code_not_sent')
  const answer = await come(`code=${await codeFor(address, person())}&state=${state}`, cookie)
  const html = await answer.text()
  expect(answer.status).toBe(200)
  expect(titleOf(html)).toBe('One more step: type this code at your terminal')
  expect(html).toContain(`p***${member.account.username.at(-1)}`)
  expect(html).toContain('for 10 minutes')
  expect(html).toContain('give it to nobody')
  const code = codeIn(html)
  expect(await stateOf()).toMatchObject({ state: 'scanned', confirm: 'code', value: null })
  expect(await identityOf()).toBeUndefined()
  expect(await eventsOf()).not.toContain('wechat.bind')
  expect(await refusalOf(type(another(code)))).toBe('code_incorrect')
  expect(await type(code)).toMatchObject({ item: 'wechat', replaced: false })
  expect(await stateOf()).toMatchObject({ state: 'bound', confirm: 'none' })
  expect(await identityOf()).toMatchObject(person())
  expect((await eventsOf()).filter(action => action === 'wechat.bind')).toHaveLength(1)
  expect(await refusalOf(type(code))).not.toBe('done')
  expect([...logged, ...world.logged].join('')).not.toMatch(new RegExp(`(?<!\\d)${code}(?!\\d)`))
})

test('the page is in Chinese for those who read that', async () => {
  const { html } = await authorise()
  expect(html).toContain('还差一步：在终端上输入此验证码')
  expect(html).toContain('请勿告诉任何人')
  expect(codeIn(html)).toMatch(/^\d{6}$/)
})

describe('the page loaded again', () => {
  test('shows the same code to the same browser, until it is typed', async () => {
    const { state, cookie, address } = await agreed()
    const query = `code=${await codeFor(address, person())}&state=${state}`
    const code = codeIn(await (await come(query, cookie)).text())
    const asked = wechat.authorisation.calls.access_token
    const again = await come(query, cookie)
    expect(again.status).toBe(200)
    expect(codeIn(await again.text())).toBe(code)
    expect(wechat.authorisation.calls.access_token).toBe(asked)
    for (const stranger of ['', `hufud-wechat=${'A'.repeat(43)}`]) {
      const refused = await come(query, stranger)
      expect(refused.status).toBe(400)
      expect(await refused.text()).not.toContain(code)
    }
    await type(code)
    const late = await come(query, cookie)
    expect(late.status).toBe(400)
    expect(await late.text()).not.toContain(code)
  })

  const ends: [string, () => Promise<unknown>][] = [
    ['is cancelled', () => cancelPending(world.services.domain, member, binding.binding_id)],
    ['has another QR code', () => world.services.wechatBindings.renew(member, binding.binding_id)],
    ['is of a disabled account', () => alter('update accounts set disabled_at = 1 where id = ?', member.account.id)],
    ['has lost its session', () => world.services.sessions.revokeMany(member, 'all')],
    ['has outlived the code', async () => world.clock.advance(10 * minute)],
  ]
  test.each(ends)('shows none once the binding %s', async (_what, end) => {
    const { state, cookie, address } = await agreed()
    const query = `code=${await codeFor(address, person())}&state=${state}`
    const code = codeIn(await (await come(query, cookie)).text())
    await end()
    const again = await come(query, cookie)
    expect(again.status).toBe(400)
    const html = await again.text()
    expect(html).not.toContain(code)
    expect(html).toContain('Scan the QR code at your terminal again')
    expect(await refusalOf(type(code))).not.toBe('done')
    expect(await identityOf()).toBeUndefined()
  })
})

describe('of several', () => {
  test('the first has it, and the others are told', async () => {
    const first = codeIn((await authorise()).html)
    const page = await authorise(person('bob'))
    expect(page.status).toBe(409)
    expect(titleOf(page.html)).toBe('已有他人先扫描了此二维码')
    expect(codeIn(page.html)).toBe('')
    expect(page.html).not.toContain(member.account.username)
    await type(first)
    expect(await identityOf()).toMatchObject(person())
  })

  test('at once one has a code', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const pages = await Promise.all(names.map(name => authorise(person(name))))
    const winners = names.filter((_, index) => codeIn(pages[index]?.html ?? '') !== '')
    expect(winners).toHaveLength(1)
    expect(pages.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409])
    await type(codeIn(pages.map(({ html }) => html).join('')))
    expect(await identityOf()).toMatchObject(person(winners[0]))
  })

  test('the same person twice has the newest code alone', async () => {
    const codes = [codeIn((await authorise()).html), codeIn((await authorise()).html)] as const
    expect(codes[1]).not.toBe('')
    if (codes[0] !== codes[1]) expect(await refusalOf(type(codes[0]))).toBe('code_incorrect')
    await type(codes[1])
    expect(await identityOf()).toMatchObject(person())
  })

  test('who come to nothing take nothing from the first', async () => {
    const code = codeIn((await authorise()).html)
    for (const other of [
      { ...person('snap'), snapshot: true },
      { ...person('shy'), refuses: true },
    ]) {
      expect((await authorise(other)).status).toBe(403)
    }
    expect(await stateOf()).toMatchObject({ state: 'scanned', confirm: 'code' })
    const owner = await world.join(`owner${members}`)
    const theirs = await begin(owner)
    const page = await wechat.authorise(theirs.qr.payload, person('taken'))
    await type(codeIn(page.html), owner, theirs)
    expect((await authorise(person('taken'))).status).toBe(409)
    expect(await stateOf()).toMatchObject({ state: 'scanned', confirm: 'code' })
    await type(code)
    expect(await identityOf()).toMatchObject(person())
  })
})

describe('an identity that another account has', () => {
  test.each([
    ['by its openid', (taken: { openid: string; unionid: string }) => ({ openid: taken.openid })],
    ['by its unionid alone', ({ unionid }: { openid: string; unionid: string }) => ({ openid: 'oOther', unionid })],
  ])('%s is refused before there is a code', async (_what, those) => {
    await type(codeIn((await authorise()).html))
    const other = await world.join(`other${members}`)
    const theirs = await begin(other)
    const page = await wechat.authorise(theirs.qr.payload, those(person()))
    expect(page.status).toBe(409)
    expect(titleOf(page.html)).toBe('您的微信已绑定到其他账户')
    expect(await stateOf(other, theirs)).toMatchObject({ state: 'refused', problem: 'bound_elsewhere' })
  })

  test('meanwhile is refused when the code is typed', async () => {
    const other = await world.join(`late${members}`)
    const theirs = await begin(other)
    const mine = codeIn((await authorise()).html)
    const late = codeIn((await wechat.authorise(theirs.qr.payload, person())).html)
    await type(mine)
    expect(await refusalOf(type(late, other, theirs))).toBe('bound_elsewhere')
    expect(await stateOf(other, theirs)).toMatchObject({ state: 'refused', problem: 'bound_elsewhere' })
    expect(await identityOf(other)).toBeUndefined()
  })
})

describe('a renewed QR code', () => {
  test('kills the code that the old one gave, and leaves room for another person', async () => {
    const old = codeIn((await authorise()).html)
    await beginsByRenewed()
    expect(await stateOf()).toMatchObject({ state: 'waiting', confirm: 'none' })
    expect(await refusalOf(type(old))).toBe('code_incorrect')
  })

  test('does not stop who has agreed before', async () => {
    const { state, cookie, address } = await agreed()
    await beginsByRenewed()
    const answer = await come(`code=${await codeFor(address, person())}&state=${state}`, cookie)
    await type(codeIn(await answer.text()))
    expect(await identityOf()).toMatchObject(person())
  })

  async function beginsByRenewed(): Promise<void> {
    await world.services.wechatBindings.renew(member, binding.binding_id)
    expect((await post(binding.qr.payload, 'answer=agree')).status).toBe(410)
  }
})

test('declined before there is a code, it ends', async () => {
  await wechat.authorise(binding.qr.payload, person(), false)
  expect(await stateOf()).toMatchObject({ state: 'refused', problem: 'declined', confirm: 'none' })
})

test('a code near the end of its binding says how long it is good', async () => {
  world.clock.advance(8 * minute)
  const { qr } = await world.services.wechatBindings.renew(member, binding.binding_id)
  const { html } = await wechat.browserOf(person(), 'en').open(qr.payload)
  expect(html).toContain('Go on')
  const browser = wechat.browserOf(person(), 'en')
  const page = await browser.press(await browser.open(qr.payload), 0)
  expect(page.html).toContain('for 7 minutes')
})
