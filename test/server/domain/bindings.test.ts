import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemRandom } from '../../../src/lib/random.ts'
import type { Member } from '../../../src/server/domain/domain.ts'
import type { WeChatScan } from '../../../src/server/domain/ports/wechat.ts'
import { startWeChatSimulator, type WeChatSimulator } from '../../../src/simulators/wechat/simulator.ts'
import {
  caller,
  openServerWorld,
  password,
  refusalOf,
  type ServerWorld,
  wechatConfig,
} from '../../support/server-world.ts'
import { SteppedClock } from '../../support/stepped-clock.ts'

const minute = 60_000
let world: ServerWorld
let wechat: WeChatSimulator

beforeAll(async () => {
  wechat = await startWeChatSimulator({ clock: new SteppedClock(), random: systemRandom })
  const { credentials, baseUrl } = wechat
  world = await openServerWorld({ wechat: wechatConfig(credentials, baseUrl) })
})
afterAll(async () => {
  await world.close()
  await wechat.close()
})

const beginContact = async (member: Member, channel: 'phone' | 'email', typed: string) =>
  world.services.contactBindings.begin(member, await world.prove(member, `${channel}.bind`), channel, typed)

async function finishContact(member: Member, bindingId: string, channel: 'phone' | 'email', code: string) {
  const binding = await world.services.domain.store.read.bindings.find(bindingId)
  if (!binding) throw new Error('no binding')
  return world.services.contactBindings.finish(member, { ...binding, item: channel }, code)
}

describe('phone and email', () => {
  test('the old one stands until the new one is proven, and both are told', async () => {
    const member = await world.join('moves')
    await world.bindPhone(member, '+8613800000001')
    const before = await world.again(member)
    const begun = await beginContact(before, 'phone', '13800000002')
    expect((await world.again(member)).account.phone_number).toBe('+8613800000001')
    const code = await world.codeFor('+8613800000002')
    const sentBefore = world.sent.length
    await finishContact(before, begun.binding_id, 'phone', code)
    expect((await world.again(member)).account.phone_number).toBe('+8613800000002')
    await expect
      .poll(() =>
        world.sent
          .slice(sentBefore)
          .map(({ to }) => to)
          .sort(),
      )
      .toEqual(['+8613800000001', '+8613800000002', 'moves@example.com'].sort())
    const notice = world.sent.findLast(({ channel }) => channel === 'email')?.text ?? ''
    expect(notice).toContain('138****0001 was replaced by 138****0002')
    expect(notice).not.toContain('13800000001')
  })

  test('what is one’s own is refused at once, what is somebody’s only after the code, and never whose', async () => {
    const owner = await world.join('owner')
    await world.bindPhone(owner, '+8613800000003')
    expect(await refusalOf(beginContact(await world.again(owner), 'phone', '13800000003'))).toBe('already_bound')
    expect(await refusalOf(beginContact(owner, 'email', 'OWNER@example.com'))).toBe('already_bound')
    const other = await world.join('other')
    const proof = await world.prove(other, 'phone.bind')
    const begin = (number: string) => world.services.contactBindings.begin(other, proof, 'phone', number)
    const begun = await begin('13800000003')
    expect(await refusalOf(finishContact(other, begun.binding_id, 'phone', '000000'))).toBe('code_incorrect')
    const refused = finishContact(other, begun.binding_id, 'phone', await world.codeFor('+8613800000003'))
    await expect(refused).rejects.toMatchObject({ code: 'bound_elsewhere', members: {} })
    // The number was refused, the proof was not consumed: another one may be said.
    const second = await begin('13800000004')
    await finishContact(other, second.binding_id, 'phone', await world.codeFor('+8613800000004'))
    expect(await refusalOf(begin('13800000005'))).toBe('insufficient_user_authentication')
  })

  test('of two who prove the same number at once, one has it', async () => {
    const people = await Promise.all(['race-a', 'race-b'].map(name => world.join(name)))
    const begun = []
    for (const member of people) {
      const { binding_id } = await beginContact(member, 'phone', '13800000006')
      begun.push({ member, binding_id, code: await world.codeFor('+8613800000006') })
    }
    const outcomes = await Promise.all(
      begun.map(({ member, binding_id, code }) => refusalOf(finishContact(member, binding_id, 'phone', code))),
    )
    expect(outcomes.sort()).toEqual(['bound_elsewhere', 'done'])
  })

  test('a new attempt with the same proof ends the one before; a binding is over after a quarter of an hour', async () => {
    const member = await world.join('mistypes')
    const proof = await world.prove(member, 'phone.bind')
    const { contactBindings } = world.services
    const first = await contactBindings.begin(member, proof, 'phone', '13800000007')
    const code = await world.codeFor('+8613800000007')
    const second = await contactBindings.begin(member, proof, 'phone', '13800000008')
    expect(await refusalOf(finishContact(member, first.binding_id, 'phone', code))).toBe('binding_expired')
    world.clock.advance(15 * minute)
    expect(await refusalOf(contactBindings.resend(member, second.binding_id))).toBe('binding_expired')
  })

  test('an ended session binds nothing', async () => {
    const member = await world.join('leaves')
    const { binding_id } = await beginContact(member, 'phone', '13800000009')
    const code = await world.codeFor('+8613800000009')
    await world.services.sessions.revokeMany(member, 'all')
    expect(await refusalOf(finishContact(member, binding_id, 'phone', code))).toBe('not_logged_in')
    expect((await world.again(member)).account.phone_number).toBeNull()
  })
})

describe('WeChat', () => {
  let seconds = 1000
  const scanOf = async (bindingId: string, openid: string, more: Partial<WeChatScan> = {}): Promise<WeChatScan> => {
    const binding = await world.services.domain.store.read.bindings.find(bindingId)
    return {
      kind: 'scan',
      scene: binding?.wechat_scene ?? '',
      openid,
      createTime: ++seconds,
      followed: false,
      officialAccount: 'gh_1',
      sealedWith: 'current',
      ...more,
    }
  }
  const begin = async (member: Member) =>
    world.services.wechatBindings.begin(member, await world.prove(member, 'wechat.bind'))
  const receive = (scan: WeChatScan) => world.services.wechatBindings.receiveScan(scan).then(({ words }) => words)
  const read = (member: Member, id: string) => world.services.wechatBindings.read(member, id)

  test('a scan binds, says whose account it was, masked, and a repeated push does nothing more', async () => {
    const member = await world.join('wechatter')
    const { binding_id, qr } = await begin(member)
    expect(qr.payload).toMatch(/^http:\/\/weixin\.qq\.com\/q\//)
    expect(await read(member, binding_id)).toMatchObject({ state: 'waiting' })
    const scan = await scanOf(binding_id, 'openid-of-wechatter')
    const words = await receive(scan)
    expect(words).toContain('w***r')
    expect(await receive(scan)).toBe(words)
    expect(await read(member, binding_id)).toMatchObject({ state: 'bound', value: 'open***tter', replaced: false })
    const { events } = { events: await world.services.domain.store.read.events.list(member.account.id, 50, undefined) }
    expect(events.filter(({ action }) => action === 'wechat.bind')).toHaveLength(1)
  })

  test('is refused to a second account, and to the same one twice', async () => {
    const first = await world.join('has-it')
    const begun = await begin(first)
    await receive(await scanOf(begun.binding_id, 'openid-taken'))
    const second = await world.join('wants-it')
    const wanted = await begin(second)
    expect(await receive(await scanOf(wanted.binding_id, 'openid-taken'))).not.toContain('h***t')
    expect(await read(second, wanted.binding_id)).toMatchObject({ state: 'refused', problem: 'bound_elsewhere' })
    const again = await begin(first)
    await receive(await scanOf(again.binding_id, 'openid-taken'))
    expect(await read(first, again.binding_id)).toMatchObject({ state: 'refused', problem: 'already_bound' })
  })

  test('an expired QR code binds nothing; it is renewed in place, and the old one is dead', async () => {
    const member = await world.join('slow')
    const { binding_id } = await begin(member)
    const old = await scanOf(binding_id, 'openid-slow')
    world.clock.advance(5 * minute)
    expect(await receive(old)).toMatch(/过期|expired/)
    expect(await read(member, binding_id)).toMatchObject({ state: 'waiting' })
    await world.services.wechatBindings.renew(member, binding_id)
    await receive({ ...old, createTime: ++seconds })
    expect(await read(member, binding_id)).toMatchObject({ state: 'waiting' })
    await receive(await scanOf(binding_id, 'openid-slow'))
    expect(await read(member, binding_id)).toMatchObject({ state: 'bound' })
  })

  test('a scan after the session ended binds nothing', async () => {
    const member = await world.join('gone')
    const { binding_id } = await begin(member)
    await world.services.sessions.revokeMany(member, 'all')
    await receive(await scanOf(binding_id, 'openid-gone'))
    expect(await world.services.domain.store.read.authenticators.findWeChat(member.account.id)).toBeUndefined()
  })

  test('is not offered where the server has no official account', async () => {
    const without = await openServerWorld()
    const member = await without.join('no-wechat')
    const proof = await without.prove(member, 'wechat.bind')
    expect(await refusalOf(without.services.wechatBindings.begin(member, proof))).toBe('wechat_not_configured')
    await without.close()
  })

  test('a WeChat that fails is named, and the log says why', async () => {
    const member = await world.join('unlucky')
    wechat.failNext(48001, { operation: 'qrcode/create' })
    await expect(begin(member)).rejects.toMatchObject({ code: 'wechat_misconfigured' })
    wechat.failNext(45009, { operation: 'qrcode/create' })
    await expect(begin(member)).rejects.toMatchObject({ code: 'wechat_unavailable' })
  })
})

describe('unbinding', () => {
  test('takes away what is bound, and tells the old destination', async () => {
    const member = await world.join('unbinds')
    await world.bindPhone(member, '+8613800000010')
    const bound = await world.again(member)
    const { unbinding } = world.services
    expect(await refusalOf(unbinding.unbind(bound, await world.prove(bound, 'totp.unbind'), 'totp'))).toBe('not_bound')
    const proof = await world.prove(bound, 'phone.unbind')
    expect(await unbinding.unbind(bound, proof, 'phone')).toEqual({ item: 'phone', value: '138****0010' })
    await expect
      .poll(() => world.sent.at(-1)?.to === '+8613800000010' || world.sent.at(-2)?.to === '+8613800000010')
      .toBe(true)
  })

  test('never takes the last way in', async () => {
    const { accounts, logins, sessions, stepUps, unbinding } = world.services
    await accounts.create({ username: 'passwordless', emailAddress: 'passwordless@example.com' }, { source: 'test' })
    const { login_id } = await logins.begin('passwordless', caller)
    await logins.beginVerification(login_id, 'email', caller)
    const first = await logins.finishVerification(
      login_id,
      { method: 'email', code: await world.codeFor('passwordless@example.com') },
      caller,
    )
    if (first.state !== 'complete') throw new Error('not complete')
    const member = await sessions.authenticate(first.session_secret, caller)
    const { challenge_id } = await stepUps.createChallenge(member, 'email.unbind')
    await stepUps.beginVerification(member, challenge_id, 'email')
    const code = await world.codeFor('passwordless@example.com')
    const { proof } = await stepUps.finishVerification(member, challenge_id, { method: 'email', code })
    expect(await refusalOf(unbinding.unbind(member, proof, 'email'))).toBe('last_factor')
    expect((await world.again(member)).account.email_address).toBe('passwordless@example.com')
  })
})

describe('enrolment links', () => {
  test('set a password once, within two days; a newer one replaces them', async () => {
    const { accounts, credentials } = world.services
    const first = await accounts.bootstrap('admin')
    const second = await accounts.bootstrap('ADMIN')
    const redeem = (secret: string) => refusalOf(credentials.redeemEnrolmentLink(caller, secret, password))
    expect(await redeem(first.link_secret)).toBe('link_invalid')
    expect(await redeem('x'.repeat(43))).toBe('link_invalid')
    expect(await refusalOf(credentials.redeemEnrolmentLink(caller, second.link_secret, '12345'))).toBe(
      'password_too_short',
    )
    const uses = await Promise.all(Array.from({ length: 8 }, () => redeem(second.link_secret)))
    expect(uses.filter(use => use === 'done')).toHaveLength(1)
    const third = await accounts.bootstrap('admin')
    world.clock.advance(2 * 24 * 60 * minute)
    expect(await redeem(third.link_secret)).toBe('link_invalid')
    expect((await world.logIn('admin')).account.role).toBe('admin')
  })

  test('names and addresses that are taken are refused', async () => {
    const { accounts } = world.services
    await accounts.create({ username: 'taken', emailAddress: 'taken@example.com' }, { source: 'test' })
    expect(await refusalOf(accounts.create({ username: 'TAKEN' }, { source: 'test' }))).toBe('username_taken')
    expect(
      await refusalOf(accounts.create({ username: 'fresh', emailAddress: 'Taken@example.com' }, { source: 'test' })),
    ).toBe('bound_elsewhere')
    expect(await refusalOf(accounts.create({ username: 'no good' }, { source: 'test' }))).toBe('username_invalid')
  })
})
