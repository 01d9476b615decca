import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Member } from '../../../src/server/domain/domain.ts'
import type { WeChatScan } from '../../../src/server/domain/ports/wechat.ts'
import { sentence } from '../../../src/server/messages/messages.ts'
import { refusalOf } from '../../support/server-world.ts'
import { openWeChatWorld, type WeChatWorld } from '../../support/wechat-world.ts'

const minute = 60_000
let world: WeChatWorld
let seconds = 1000

const bindings = () => world.services.wechatBindings
const read = (member: Member, id: string) => bindings().read(member, id)
const rowOf = async (bindingId: string) => {
  const row = await world.services.domain.store.read.bindings.find(bindingId)
  if (!row) throw new Error('no binding')
  return row
}
const identityOf = (member: Member) => world.services.domain.store.read.authenticators.findWeChat(member.account.id)

const scanOf = async (bindingId: string, openid: string, more: Partial<WeChatScan> = {}): Promise<WeChatScan> => ({
  kind: 'scan',
  scene: (await rowOf(bindingId)).wechat_scene ?? '',
  openid,
  createTime: ++seconds,
  followed: false,
  officialAccount: 'gh_1',
  sealedWith: 'current',
  ...more,
})
const receive = (scan: WeChatScan) => bindings().receiveScan(scan)
const wechatEvents = async (member: Member) =>
  (await world.services.domain.store.read.events.list(member.account.id, 50, undefined)).filter(
    ({ action }) => action === 'wechat.bind',
  )

describe('a scan that binds at once', () => {
  beforeAll(async () => {
    world = await openWeChatWorld()
  })
  afterAll(() => world.close())

  test('comes from where the QR code was asked for, for the log and the notice', async () => {
    const member = await world.joinQuickly('whence')
    const { binding_id, confirm } = await world.beginBinding(member)
    expect(confirm).toBe('none')
    await receive(await scanOf(binding_id, 'oWhence'))
    expect(await wechatEvents(member)).toMatchObject([{ source: member.session.source, method: 'email' }])
    await expect.poll(() => world.sent.find(({ to }) => to === 'whence@example.com')?.text).toContain('192.0.2.77')
  })

  test('the same push again is answered the same; another scan by the same person says that it is bound', async () => {
    const member = await world.joinQuickly('twice')
    const { binding_id } = await world.beginBinding(member)
    const scan = await scanOf(binding_id, 'oTwice')
    const first = await receive(scan)
    expect(first).toEqual({
      words: sentence('en', 'wechat_bound', { username: 't***e', service: 'hufu' }),
      refused: undefined,
      unionidFailure: undefined,
    })
    expect(await receive(scan)).toEqual(first)
    expect(await receive(await scanOf(binding_id, 'oTwice'))).toMatchObject({
      words: sentence('en', 'wechat_refused_already', { username: 't***e' }),
      refused: 'already_bound',
    })
    expect(await wechatEvents(member)).toHaveLength(1)
  })

  test('a used QR code says so to others, and nothing of whose it is', async () => {
    const member = await world.joinQuickly('shared')
    const { binding_id } = await world.beginBinding(member)
    await receive(await scanOf(binding_id, 'oShared'))
    const other = await scanOf(binding_id, 'oOther')
    const words = sentence('en', 'wechat_refused_used')
    expect(words).not.toContain('s***d')
    expect(await receive(other)).toMatchObject({ words, refused: 'scene_used' })
    expect(await receive(other)).toMatchObject({ words, refused: undefined })
    expect((await identityOf(member))?.openid).toBe('oShared')
  })

  test('after it was unbound, the old QR code is dead and nobody is told that it is bound', async () => {
    const member = await world.joinQuickly('unbinds')
    const { binding_id } = await world.beginBinding(member)
    const scan = await scanOf(binding_id, 'oUnbinds')
    await receive(scan)
    await world.services.domain.store.transaction(queries =>
      queries.authenticators.removeWeChat(member.account.id).then(() => undefined),
    )
    for (const push of [scan, await scanOf(binding_id, 'oUnbinds')]) {
      expect((await receive(push)).words).toBe(sentence('en', 'wechat_refused_used'))
    }
    expect(await identityOf(member)).toBeUndefined()
  })

  test('of two people who scan at once one is bound, and the other is told', async () => {
    for (let round = 0; round < 10; round++) {
      const member = await world.joinQuickly(`duel-${round}`)
      const { binding_id } = await world.beginBinding(member)
      const openids = [`oLeft${round}`, `oRight${round}`]
      const scans = await Promise.all(openids.map(openid => scanOf(binding_id, openid)))
      const answers = await Promise.all(scans.map(receive))
      expect(answers.map(({ refused }) => refused).sort()).toEqual(['scene_used', undefined])
      const winner = openids[answers.findIndex(({ refused }) => refused === undefined)]
      expect((await identityOf(member))?.openid).toBe(winner)
    }
  })

  test('an identity that is scanned for two accounts at once is bound to one', async () => {
    const members = await Promise.all(['one-of-two', 'two-of-two'].map(name => world.joinQuickly(name)))
    const begun = await Promise.all(members.map(member => world.beginBinding(member)))
    const scans = await Promise.all(begun.map(({ binding_id }) => scanOf(binding_id, 'oWanted')))
    const answers = await Promise.all(scans.map(receive))
    expect(answers.map(({ refused }) => refused).sort()).toEqual(['bound_elsewhere', undefined])
    const states = await Promise.all(members.map((member, index) => read(member, begun[index]?.binding_id ?? '')))
    expect(states.map(({ state }) => state).sort()).toEqual(['bound', 'refused'])
  })

  test.each(['cancel', 'renew', 'expire'] as const)('racing with %s: bound, or not, and never both', async what => {
    for (let round = 0; round < 10; round++) {
      const member = await world.joinQuickly(`${what}-${round}`)
      const { binding_id } = await world.beginBinding(member)
      const scan = await scanOf(binding_id, `oRacer-${what}-${round}`)
      const end = async () => {
        if (what === 'expire') return world.clock.advance(5 * minute)
        if (what === 'renew') return bindings().renew(member, binding_id)
        const { cancelPending } = await import('../../../src/server/domain/bindings/pending-binding.ts')
        return cancelPending(world.services.domain, member, binding_id)
      }
      const [answer, ended] = await Promise.all([receive(scan), end().catch(() => false)])
      const isBound = (await identityOf(member)) !== undefined
      expect(
        answer.words === sentence('en', 'wechat_bound', { username: `${what[0]}***${round}`, service: 'hufu' }),
      ).toBe(isBound)
      if (what === 'cancel') expect(ended).toBe(!isBound)
      expect((await read(member, binding_id)).state).toBe(isBound ? 'bound' : what === 'cancel' ? 'expired' : 'waiting')
      expect(await wechatEvents(member)).toHaveLength(isBound ? 1 : 0)
    }
  })

  test('nothing is bound after the end', async () => {
    const { cancelPending } = await import('../../../src/server/domain/bindings/pending-binding.ts')
    const member = await world.joinQuickly('ended')
    const { binding_id } = await world.beginBinding(member)
    const scan = await scanOf(binding_id, 'oEnded')
    await cancelPending(world.services.domain, member, binding_id)
    expect(await receive(scan)).toMatchObject({ refused: 'scene_expired' })
    const second = await world.beginBinding(member)
    const old = await scanOf(second.binding_id, 'oEnded')
    await bindings().renew(member, second.binding_id)
    expect(await receive(old)).toMatchObject({
      words: sentence('zh-CN', 'wechat_refused_expired'),
      refused: 'scene_unknown',
    })
    const third = await scanOf(second.binding_id, 'oEnded')
    world.clock.advance(5 * minute)
    expect(await receive(third)).toMatchObject({ refused: 'scene_expired' })
    expect(await identityOf(member)).toBeUndefined()
  })

  test('a QR code that another system made for the account is none of ours', async () => {
    const scan: WeChatScan = {
      kind: 'scan',
      scene: 'spring-campaign',
      openid: 'oShopper',
      createTime: 1,
      followed: true,
      officialAccount: 'gh_1',
      sealedWith: 'current',
    }
    expect(await receive(scan)).toEqual({ words: undefined, refused: undefined, unionidFailure: undefined })
    expect(await receive({ ...scan, scene: 'A'.repeat(32) })).toMatchObject({ refused: 'scene_unknown' })
  })

  test('a fault binds nothing and forgets the push, so that WeChat’s next one binds', async () => {
    const member = await world.joinQuickly('faulty')
    const { binding_id } = await world.beginBinding(member)
    const scan = await scanOf(binding_id, 'oFaulty')
    const failing = vi.spyOn(world.services.domain.outbox, 'add').mockRejectedValue(new Error('disk full'))
    await expect(receive(scan)).rejects.toThrow('disk full')
    failing.mockRestore()
    expect(await identityOf(member)).toBeUndefined()
    expect(await receive(scan)).toMatchObject({ refused: undefined })
    expect((await identityOf(member))?.openid).toBe('oFaulty')
  })
})

describe('a person with a unionid', () => {
  beforeAll(async () => {
    world = await openWeChatWorld({ openPlatform: true })
  })
  afterAll(() => world.close())

  const scanned = async (username: string, openid: string, unionid: string) => {
    const member = await world.joinQuickly(username)
    const { binding_id, qr } = await world.beginBinding(member)
    const scan = await world.wechat.scan(qr.payload, { openid, unionid })
    return { member, scan, state: await read(member, binding_id) }
  }

  test('is bound once, whatever the openid', async () => {
    const first = await scanned('union-1', 'oUnionOne', 'uAlice')
    expect(first.state).toMatchObject({ state: 'bound' })
    expect(await identityOf(first.member)).toMatchObject({ openid: 'oUnionOne', unionid: 'uAlice' })
    const second = await scanned('union-2', 'oUnionTwo', 'uAlice')
    expect(second.state).toMatchObject({ state: 'refused', problem: 'bound_elsewhere' })
    expect(await identityOf(second.member)).toBeUndefined()
    expect((await scanned('union-3', 'oUnionThree', 'uBob')).state).toMatchObject({ state: 'bound' })
    const own = await world.beginBinding(first.member)
    await world.wechat.scan(own.qr.payload, { openid: 'oUnionOneAgain', unionid: 'uAlice' })
    expect(await read(first.member, own.binding_id)).toMatchObject({ state: 'refused', problem: 'already_bound' })
  })

  test('is bound by the openid when WeChat does not tell it, and the log says why', async () => {
    world.wechat.failNext(45009, { operation: 'user/info' })
    const { member, state } = await scanned('union-4', 'oUnionFour', 'uCarol')
    expect(state).toMatchObject({ state: 'bound' })
    expect(await identityOf(member)).toMatchObject({ openid: 'oUnionFour', unionid: null })
    const line = world.callbackLog.find(text => text.includes('WeChat told no unionid'))
    expect(line).toContain('45009')
    expect(line).not.toContain('oUnionFour')
  })
})

describe('confirmation by a typed code', () => {
  beforeAll(async () => {
    world = await openWeChatWorld({ confirmByCode: true })
  })
  afterAll(() => world.close())
  afterEach(() => void vi.restoreAllMocks())

  const codeIn = (words: string | undefined) => /\d{6}/.exec(words ?? '')?.[0] ?? ''
  const finish = async (member: Member, bindingId: string, code: string) =>
    bindings().finish(member, await rowOf(bindingId), code)
  const another = (code: string) => (code === '000000' ? '000001' : '000000')

  test('a scan binds nothing: the person reads a code, and whoever types it binds', async () => {
    const member = await world.joinQuickly('typist')
    const { binding_id, confirm } = await world.beginBinding(member)
    expect(confirm).toBe('code')
    const scan = await scanOf(binding_id, 'oTypist')
    const { words } = await receive(scan)
    const code = codeIn(words)
    expect(words).toBe(sentence('en', 'wechat_code', { code, minutes: '10', username: 't***t', service: 'hufu' }))
    expect(await read(member, binding_id)).toMatchObject({ state: 'scanned', value: null })
    expect(await identityOf(member)).toBeUndefined()
    expect(await refusalOf(finish(member, binding_id, another(code)))).toBe('code_incorrect')
    expect(await finish(member, binding_id, code)).toEqual({ item: 'wechat', value: 'oTyp***pist', replaced: false })
    expect(await read(member, binding_id)).toMatchObject({ state: 'bound' })
    expect(await wechatEvents(member)).toMatchObject([{ source: '192.0.2.1' }])
    expect(await refusalOf(finish(member, binding_id, code))).not.toBe('done')
    expect((await receive(scan)).words).toContain('now bound')
  })

  test('a repeated push shows the same code, another scan another one, and the old one is dead', async () => {
    const member = await world.joinQuickly('rescans')
    const { binding_id } = await world.beginBinding(member)
    const first = await scanOf(binding_id, 'oRescans')
    const code = codeIn((await receive(first)).words)
    expect(codeIn((await receive(first)).words)).toBe(code)
    const fresh = codeIn((await receive(await scanOf(binding_id, 'oRescans'))).words)
    expect(fresh).not.toBe(code)
    expect((await receive(first)).words).not.toContain(code)
    expect(await refusalOf(finish(member, binding_id, code))).toBe('code_incorrect')
    expect(await finish(member, binding_id, fresh)).toMatchObject({ item: 'wechat' })
  })

  test('the first to scan has it; the others are told, even once the code is typed', async () => {
    const member = await world.joinQuickly('first')
    const { binding_id } = await world.beginBinding(member)
    const code = codeIn((await receive(await scanOf(binding_id, 'oFirst'))).words)
    expect(await receive(await scanOf(binding_id, 'oSecond'))).toMatchObject({
      words: sentence('en', 'wechat_refused_used'),
      refused: 'scene_used',
    })
    expect(await finish(member, binding_id, code)).toMatchObject({ value: 'oFir***irst' })
  })

  test('a renewed QR code forgets who scanned the old one, and their code', async () => {
    const member = await world.joinQuickly('renews')
    const { binding_id } = await world.beginBinding(member)
    const code = codeIn((await receive(await scanOf(binding_id, 'oStranger'))).words)
    const before = await rowOf(binding_id)
    await bindings().renew(member, binding_id)
    expect(await read(member, binding_id)).toMatchObject({ state: 'waiting' })
    expect(await refusalOf(finish(member, binding_id, code))).toBe('code_incorrect')
    // Not even when the code was being judged while the QR code was renewed.
    expect(await refusalOf(bindings().finish(member, before, code))).toBe('binding_expired')
    const mine = codeIn((await receive(await scanOf(binding_id, 'oMine'))).words)
    expect(await refusalOf(bindings().finish(member, before, code))).not.toBe('done')
    await finish(member, binding_id, mine)
    expect((await identityOf(member))?.openid).toBe('oMine')
  })

  test('an identity of another account is refused at the scan, and again when the code is typed', async () => {
    const owner = await world.joinQuickly('owner')
    const begun = await world.beginBinding(owner)
    const late = await world.joinQuickly('late')
    const pending = await world.beginBinding(late)
    const ofOwner = codeIn((await receive(await scanOf(begun.binding_id, 'oOwned'))).words)
    const ofLate = codeIn((await receive(await scanOf(pending.binding_id, 'oOwned'))).words)
    await finish(owner, begun.binding_id, ofOwner)
    expect(await refusalOf(finish(late, pending.binding_id, ofLate))).toBe('bound_elsewhere')
    expect(await read(late, pending.binding_id)).toMatchObject({ state: 'refused', problem: 'bound_elsewhere' })
    const again = await world.beginBinding(late)
    expect(await receive(await scanOf(again.binding_id, 'oOwned'))).toMatchObject({ refused: 'bound_elsewhere' })
    expect(await read(late, again.binding_id)).toMatchObject({ state: 'refused', problem: 'bound_elsewhere' })
  })

  test('guesses are throttled, and a rescan does not reset them', async () => {
    const member = await world.joinQuickly('guesser')
    const { binding_id } = await world.beginBinding(member)
    let code = codeIn((await receive(await scanOf(binding_id, 'oGuesser'))).words)
    const outcomes: string[] = []
    for (let guess = 0; guess < 7; guess++) {
      outcomes.push(await refusalOf(finish(member, binding_id, another(code))))
      code = codeIn((await receive(await scanOf(binding_id, 'oGuesser'))).words)
    }
    expect(outcomes).toContain('throttled')
    expect(await refusalOf(finish(member, binding_id, code))).toBe('throttled')
  })

  test('a code dies after ten minutes, and with its binding', async () => {
    const member = await world.joinQuickly('sleeper')
    const { binding_id } = await world.beginBinding(member)
    const code = codeIn((await receive(await scanOf(binding_id, 'oSleeper'))).words)
    world.clock.advance(10 * minute)
    expect(await refusalOf(finish(member, binding_id, code))).toBe('code_expired')
    const fresh = await receive(await scanOf(binding_id, 'oSleeper'))
    expect(fresh.words).toContain('for 5 minutes')
    world.clock.advance(5 * minute)
    expect(await refusalOf(finish(member, binding_id, codeIn(fresh.words)))).toBe('code_expired')
  })

  test('nobody else’s session finishes it, and no code for another binding does', async () => {
    const member = await world.joinQuickly('mine')
    const { binding_id } = await world.beginBinding(member)
    expect(await refusalOf(finish(member, binding_id, '123456'))).toBe('code_not_sent')
    const other = await world.joinQuickly('theirs')
    const { binding_id: theirs } = await world.beginBinding(other)
    const code = codeIn((await receive(await scanOf(theirs, 'oTheirs'))).words)
    await receive(await scanOf(binding_id, 'oMine2'))
    expect(await refusalOf(finish(member, binding_id, code))).toBe('code_incorrect')
  })

  test('typed eight times at once it binds once', async () => {
    const member = await world.joinQuickly('eight')
    const { binding_id } = await world.beginBinding(member)
    const code = codeIn((await receive(await scanOf(binding_id, 'oEight'))).words)
    const row = await rowOf(binding_id)
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => refusalOf(bindings().finish(member, row, code))))
    expect(outcomes.filter(outcome => outcome === 'done')).toHaveLength(1)
    expect(await wechatEvents(member)).toHaveLength(1)
  })
})

describe('what people read in WeChat', () => {
  test.each(['en', 'zh-CN'] as const)('fits into a passive reply in %s, and names nobody else', locale => {
    const values = { username: '虎***符', service: '符'.repeat(16), code: '000042', minutes: '10' }
    for (const key of [
      'wechat_bound',
      'wechat_code',
      'wechat_refused_already',
      'wechat_refused_elsewhere',
      'wechat_refused_expired',
      'wechat_refused_used',
    ] as const) {
      const words = sentence(locale, key, values)
      expect(Buffer.byteLength(words)).toBeLessThan(1024)
      expect(words).not.toContain('{{')
    }
  })
})
