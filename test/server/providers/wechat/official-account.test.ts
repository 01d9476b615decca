import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemRandom } from '../../../../src/lib/random.ts'
import type { WeChatOptions } from '../../../../src/server/providers/wechat/official-account.ts'
import { startWeChatSimulator, type WeChatSimulator } from '../../../../src/simulators/wechat/simulator.ts'
import { type ManualClock, manualClock } from '../../../support/manual-clock.ts'
import { credentials, hostileServer, memoryLeases, memoryStore, weChatWith } from './support.ts'

const minute = 60_000
let clock: ManualClock
let store: ReturnType<typeof memoryStore>
let simulator: WeChatSimulator

beforeEach(async () => {
  clock = manualClock()
  store = memoryStore()
  simulator = await startWeChatSimulator({ clock, random: systemRandom, credentials })
})

afterEach(() => simulator.close())

const provider = (options: Partial<WeChatOptions> = {}) =>
  weChatWith({ baseUrl: simulator.baseUrl, clock, accessTokens: store, ...options })

const failing = (code: string, errcode?: number) =>
  expect.objectContaining({ name: 'WeChatError', code, ...(errcode === undefined ? {} : { errcode }) })

describe('createQr', () => {
  it('gives a QR code that leads to its scene', async () => {
    const qr = await provider().createQr('Scene-1_x', 600)
    expect(qr.url).toMatch(/^http:\/\/weixin\.qq\.com\/q\/02/)
    expect(qr.url).toHaveLength(45)
    expect(qr.expiresInSeconds).toBe(600)
  })

  it('asks for one token, for any number of codes and callers', async () => {
    const weChat = provider()
    await Promise.all(Array.from({ length: 20 }, (_, index) => weChat.createQr(`scene${index}`, 600)))
    await provider().createQr('other-process', 600)
    expect(simulator.calls).toMatchObject({ stable_token: 1, 'qrcode/create': 21 })
    expect(store.writes).toEqual([{ value: expect.stringMatching(/^.{512}$/), expiresAt: clock.now() + 7200_000 }])
  })

  it('replaces a token before it expires', async () => {
    const weChat = provider()
    await weChat.createQr('a', 600)
    clock.advance(115 * minute)
    await weChat.createQr('b', 600)
    expect(store.writes).toHaveLength(1)
    clock.advance(minute)
    await weChat.createQr('c', 600)
    expect(store.writes).toHaveLength(2)
    expect(store.writes[1]?.value).not.toBe(store.writes[0]?.value)
  })

  it('uses no expired token, even if the store answers with one', async () => {
    const weChat = provider()
    await weChat.createQr('a', 600)
    clock.advance(121 * minute)
    await weChat.createQr('b', 600)
    expect(simulator.calls).toMatchObject({ stable_token: 2, 'qrcode/create': 2 })
  })

  it.each([40001, 40014, 42001])('gets another token after %i, and repeats the call', async errcode => {
    const weChat = provider()
    await weChat.createQr('a', 600)
    simulator.failNext(errcode, { operation: 'qrcode/create' })
    await weChat.createQr('b', 600)
    expect(simulator.calls).toMatchObject({ stable_token: 2, 'qrcode/create': 3 })
  })

  it('recovers from a token that was voided', async () => {
    const weChat = provider()
    await weChat.createQr('a', 600)
    simulator.revokeTokens()
    await weChat.createQr('b', 600)
    expect(simulator.calls).toMatchObject({ stable_token: 2, 'qrcode/create': 3 })
  })

  it('takes the token that another process has put into the store meanwhile', async () => {
    const weChat = provider({
      accessTokens: {
        ...memoryLeases(),
        read: (() => {
          let reads = 0
          return async (now: number) => ({ value: reads++ === 0 ? 'voided' : good, expiresAt: now + 60 * minute })
        })(),
        write: async () => expect.unreachable(),
      },
    })
    await provider().createQr('a', 600)
    const good = store.writes[0]?.value ?? ''
    await weChat.createQr('b', 600)
    expect(simulator.calls).toMatchObject({ stable_token: 1, 'qrcode/create': 3 })
  })

  it('has WeChat void the token that it hands out and rejects, once in two hours', async () => {
    const weChat = provider()
    await weChat.createQr('a', 600)
    simulator.failNext(40001, { operation: 'qrcode/create', times: 2 })
    await weChat.createQr('b', 600)
    expect(simulator.calls).toMatchObject({ stable_token: 3, 'qrcode/create': 4 })
    expect(store.writes[1]?.value).toBe(store.writes[0]?.value)
    expect(store.writes[2]?.value).not.toBe(store.writes[0]?.value)
    simulator.failNext(40001, { operation: 'qrcode/create', times: 2 })
    await expect(weChat.createQr('c', 600)).rejects.toThrow(failing('wechat_unavailable', 40001))
    expect(simulator.calls).toMatchObject({ stable_token: 4, 'qrcode/create': 6 })
    clock.advance(120 * minute)
    await weChat.createQr('d', 600)
    simulator.failNext(40001, { operation: 'qrcode/create', times: 2 })
    await weChat.createQr('e', 600)
    expect(simulator.calls).toMatchObject({ stable_token: 7, 'qrcode/create': 10 })
  })

  it('gives up when WeChat rejects that one, too', async () => {
    simulator.failNext(40001, { operation: 'qrcode/create', times: 5 })
    await expect(provider().createQr('a', 600)).rejects.toThrow(failing('wechat_unavailable', 40001))
    expect(simulator.calls).toMatchObject({ stable_token: 3, 'qrcode/create': 3 })
  })

  it('uses the old token while it lives, when the next can’t be had or another process asks for it', async () => {
    const weChat = provider()
    await weChat.createQr('a', 600)
    clock.advance(117 * minute)
    simulator.failNext(45009, { operation: 'stable_token' })
    await weChat.createQr('b', 600)
    await store.claim('refresh', 'another process', clock.now() + minute, clock.now())
    await weChat.createQr('c', 600)
    expect(store.writes).toHaveLength(1)
    await store.release('another process')
    await weChat.createQr('d', 600)
    expect(store.writes).toHaveLength(2)
  })

  it('waits no longer than twenty seconds for another process', async () => {
    await store.claim('refresh', 'another process', clock.now() + 60 * minute, clock.now())
    await expect(provider().createQr('a', 600)).rejects.toThrow(failing('wechat_unavailable'))
    expect(clock.slept.reduce((sum, each) => sum + each)).toBeLessThanOrEqual(20_050)
    expect(simulator.calls.stable_token).toBe(0)
  })

  it('tries once more when the system is busy', async () => {
    simulator.failNext(-1, { operation: 'stable_token' })
    simulator.failNext(-1, { operation: 'qrcode/create' })
    await provider({ busyDelay: 125 }).createQr('a', 600)
    expect(clock.slept).toEqual([125, 125])
    simulator.failNext(-1, { times: 2 })
    await expect(provider().createQr('a', 600)).rejects.toThrow(failing('wechat_unavailable', -1))
  })

  it.each([
    [45009, 'wechat_throttled'],
    [45011, 'wechat_throttled'],
    [48001, 'wechat_configuration'],
    [40013, 'wechat_configuration'],
    [40125, 'wechat_configuration'],
    [40164, 'wechat_configuration'],
    [40053, 'wechat_configuration'],
    [61004, 'wechat_configuration'],
    [89503, 'wechat_configuration'],
    [-2, 'wechat_unavailable'],
    [1, 'wechat_unavailable'],
  ])('maps errcode %i of either call to %s', async (errcode, code) => {
    simulator.failNext(errcode, { operation: 'stable_token' })
    await expect(provider().createQr('a', 600)).rejects.toThrow(failing(code, errcode))
    simulator.failNext(errcode, { operation: 'qrcode/create' })
    await expect(provider().createQr('a', 600)).rejects.toThrow(failing(code, errcode))
    await expect(provider().createQr('a', 600)).resolves.toBeDefined()
  })

  it.each([
    [{ appId: 'wxfedcba9876543210' }, 40013],
    [{ appSecret: 'another-secret-that-no-one-sees' }, 40125],
  ])('calls wrong credentials a matter of configuration', async (wrong, errcode) => {
    const error = await provider(wrong)
      .createQr('a', 600)
      .catch((reason: unknown) => reason)
    expect(error).toEqual(failing('wechat_configuration', errcode))
    expect(String(error)).not.toContain('secret-that-no-one-sees')
  })

  it('asks again for a token when it could not be had', async () => {
    const weChat = provider()
    simulator.failNext(45009)
    await expect(weChat.createQr('a', 600)).rejects.toThrow(failing('wechat_throttled'))
    await expect(weChat.createQr('a', 600)).resolves.toBeDefined()
  })

  it.each(['', 'x'.repeat(65), 'a b', 'ü', 'a\n'])('refuses the scene %.20j without asking', async scene => {
    await expect(provider().createQr(scene, 600)).rejects.toThrow(RangeError)
    expect(simulator.calls['qrcode/create']).toBe(0)
  })

  it.each([0, -1, 1.5, Number.NaN, 2_592_001])('refuses a life of %d seconds without asking', async life => {
    await expect(provider().createQr('a', life)).rejects.toThrow(RangeError)
  })
})

describe('readUnionid', () => {
  const scannedBy = async (openid: string, unionid?: string) => {
    const { url } = await provider().createQr('a', 600)
    await simulator.scan(url, unionid === undefined ? { openid } : { openid, unionid })
  }
  const tied = () => provider({ openPlatform: true })

  beforeEach(async () => {
    await simulator.close()
    simulator = await startWeChatSimulator({ clock, random: systemRandom, credentials, openPlatform: true })
  })

  it('gives that of a person who follows the account', async () => {
    await scannedBy('oAlice', 'oUnion-Alice_1')
    expect(await tied().readUnionid('oAlice')).toBe('oUnion-Alice_1')
  })

  it('asks nobody where the account is tied to no Open Platform account', async () => {
    await scannedBy('oAlice')
    expect(await provider().readUnionid('oAlice')).toBeUndefined()
    expect(simulator.calls['user/info']).toBe(0)
  })

  it('gives none of a person who follows it no longer', async () => {
    await scannedBy('oAlice')
    simulator.unfollow('oAlice')
    expect(await tied().readUnionid('oAlice')).toBeUndefined()
  })

  it('gives none where WeChat has none', async () => {
    const untied = await startWeChatSimulator({ clock, random: systemRandom, credentials })
    const weChat = provider({ openPlatform: true, baseUrl: untied.baseUrl, accessTokens: memoryStore() })
    await untied.scan((await weChat.createQr('a', 600)).url, { openid: 'oAlice' })
    expect(await weChat.readUnionid('oAlice')).toBeUndefined()
    await untied.close()
  })

  it.each([
    [40003, 'wechat_configuration'],
    [45009, 'wechat_throttled'],
    [48001, 'wechat_configuration'],
  ])('fails with errcode %i', async (errcode, code) => {
    simulator.failNext(errcode, { operation: 'user/info' })
    await expect(tied().readUnionid('oAlice')).rejects.toThrow(failing(code, errcode))
  })

  it('fails for somebody whom the account has never met', async () => {
    await expect(tied().readUnionid('oStranger')).rejects.toThrow(failing('wechat_configuration', 40003))
  })

  it('renews a token that was voided', async () => {
    await scannedBy('oAlice', 'oUnion')
    simulator.revokeTokens()
    expect(await tied().readUnionid('oAlice')).toBe('oUnion')
  })

  const token = { value: 'token-that-no-one-sees', expiresAt: Number.MAX_SAFE_INTEGER }
  const ask = (baseUrl: string) =>
    weChatWith({ baseUrl, openPlatform: true, accessTokens: memoryStore(token) }).readUnionid('oAlice')

  it('waits two seconds and no longer', async () => {
    const silent = await hostileServer(() => {})
    await expect(ask(silent.baseUrl)).rejects.toThrow(/did not answer in time/)
    await silent.close()
  })

  it.each([
    ['somebody else', '{"subscribe":1,"openid":"oBob","unionid":"oUnion"}'],
    ['nobody', '{"subscribe":1,"unionid":"oUnion"}'],
    ['a number', '{"subscribe":1,"openid":"oAlice","unionid":1}'],
    ['an escape sequence', '{"subscribe":1,"openid":"oAlice","unionid":"\\u001b[2J"}'],
    ['too much', `{"subscribe":1,"openid":"oAlice","unionid":"${'x'.repeat(65)}"}`],
  ])('takes no answer that tells of %s', async (_name, body) => {
    const server = await hostileServer((_request, response) => response.end(body))
    await expect(ask(server.baseUrl)).rejects.toThrow(failing('wechat_unavailable'))
    await server.close()
  })
})

describe('answers that are none', () => {
  const token = { value: 'token-that-no-one-sees', expiresAt: Number.MAX_SAFE_INTEGER }
  const ask = async (baseUrl: string, timeout = 5000) => {
    const error = await weChatWith({ baseUrl, timeout, accessTokens: memoryStore(token) })
      .createQr('a', 600)
      .catch((reason: unknown) => reason)
    expect(error).toEqual(failing('wechat_unavailable'))
    const shown = `${String(error)} ${JSON.stringify(error)} ${(error as Error).stack} ${(error as Error).cause}`
    expect(shown).not.toContain('no-one-sees')
    return error as Error
  }

  it.each([
    ['nothing', ''],
    ['HTML', '<html>502 token-that-no-one-sees</html>'],
    ['half an answer', '{"ticket":"x","url":"http://weixin.qq.com/q/0'],
    ['no object', '[]'],
    ['null', 'null'],
    ['an errcode of another type', '{"errcode":"0","url":"http://weixin.qq.com/q/02x","expire_seconds":600}'],
    ['no address', '{"ticket":"x","expire_seconds":600}'],
    ['an address for another program', '{"url":"javascript:alert(1)","expire_seconds":600}'],
    ['an escape sequence', '{"url":"http://weixin.qq.com/q/\\u001b[2J","expire_seconds":600}'],
    ['an endless address', JSON.stringify({ url: `http://${'x'.repeat(300)}`, expire_seconds: 600 })],
    ['no lifetime', '{"url":"http://weixin.qq.com/q/02x"}'],
    ['a negative lifetime', '{"url":"http://weixin.qq.com/q/02x","expire_seconds":-1}'],
  ])('%s', async (_name, body) => {
    const server = await hostileServer((_request, response) => response.end(body))
    await ask(server.baseUrl)
    await server.close()
  })

  it.each([302, 404, 500, 502])('HTTP status %i, whatever the body says', async status => {
    const server = await hostileServer((_request, response) =>
      response
        .writeHead(status, { location: 'http://127.0.0.1:9/' })
        .end('{"url":"http://weixin.qq.com/q/02x","expire_seconds":600}'),
    )
    expect((await ask(server.baseUrl)).message).toContain(String(status))
    await server.close()
  })

  it('10 MB', async () => {
    const server = await hostileServer((_request, response) =>
      response.end(
        JSON.stringify({ url: 'http://weixin.qq.com/q/02x', expire_seconds: 600, x: 'x'.repeat(10_000_000) }),
      ),
    )
    expect((await ask(server.baseUrl)).message).toContain('too long')
    await server.close()
  })

  it('silence', async () => {
    const server = await hostileServer(() => {})
    expect((await ask(server.baseUrl, 300)).message).toContain('in time')
    await server.close()
  })

  it('an answer that never ends', async () => {
    const server = await hostileServer((_request, response) => {
      response.writeHead(200).write('{"url":')
      const drip = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(drip))
    })
    expect((await ask(server.baseUrl, 300)).message).toContain('in time')
    await server.close()
  })

  it('an answer that is cut', async () => {
    const server = await hostileServer((_request, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{"url":', () => response.destroy())
    })
    await ask(server.baseUrl)
    await server.close()
  })

  it('a closed connection', async () => {
    const server = await hostileServer((request, _response) => request.socket.destroy())
    await ask(server.baseUrl)
    await server.close()
  })

  it('nobody there', async () => {
    const server = await hostileServer(() => {})
    await server.close()
    expect((await ask(server.baseUrl)).message).toContain('ECONNREFUSED')
  })

  it.each([
    '{"expires_in":7200}',
    '{"access_token":"","expires_in":7200}',
    '{"access_token":"a b","expires_in":7200}',
    `{"access_token":"${'x'.repeat(513)}","expires_in":7200}`,
    '{"access_token":"token"}',
    '{"access_token":"token","expires_in":"7200"}',
    '{"access_token":"token","expires_in":0}',
    '{"access_token":"token","expires_in":1e300}',
  ])('for a token, %.60s', async body => {
    const server = await hostileServer((_request, response) => response.end(body))
    const tokens = memoryStore()
    const weChat = weChatWith({ baseUrl: server.baseUrl, accessTokens: tokens })
    await expect(weChat.createQr('a', 600)).rejects.toThrow(failing('wechat_unavailable'))
    expect(tokens.writes).toEqual([])
    await server.close()
  })
})

describe('settings', () => {
  it.each([
    { appId: 'wx' },
    { appId: 'wx0123456789ABCDEF' },
    { token: 'a b' },
    { token: '' },
    { encodingAesKey: 'short' },
    { previousEncodingAesKey: 'short' },
  ])('%j are refused at once', wrong => {
    expect(() => weChatWith(wrong)).toThrow(failing('wechat_configuration'))
  })

  it('keeps the path of its base address', async () => {
    const paths: (string | undefined)[] = []
    const server = await hostileServer((request, response) => {
      paths.push(request.url)
      response.end('{"errcode":45009}')
    })
    await weChatWith({ baseUrl: `${server.baseUrl}/proxy` })
      .createQr('a', 600)
      .catch(() => {})
    expect(paths).toEqual(['/proxy/cgi-bin/stable_token'])
    await server.close()
  })
})
