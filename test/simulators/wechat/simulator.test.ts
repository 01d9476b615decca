import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemRandom } from '../../../src/lib/random.ts'
import type { WeChat, WeChatScan } from '../../../src/server/domain/ports/wechat.ts'
import { openWeChat } from '../../../src/server/providers/wechat/official-account.ts'
import { startWeChatSimulator, type WeChatSimulator } from '../../../src/simulators/wechat/simulator.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'

type Respond = (message: IncomingMessage, response: ServerResponse, body: string) => void

let clock: ManualClock
let simulator: WeChatSimulator
let weChat: WeChat
let callback: Server
let pushes: WeChatScan[]
let respond: Respond

/** The callback as the account server would answer it. */
const answerProperly: Respond = (message, response, body) => {
  const query = Object.fromEntries(new URL(message.url ?? '/', 'http://localhost').searchParams)
  if (message.method === 'GET') return void response.end(weChat.verifyUrl(query))
  const push = weChat.openPush(query, body)
  if (push.kind === 'scan') pushes.push(push)
  return void response.end(push.kind === 'scan' ? weChat.sealReply(push, `绑定 ${push.scene}`) : 'success')
}

beforeEach(async () => {
  clock = manualClock()
  pushes = []
  respond = answerProperly
  callback = createServer(async (message, response) => {
    let body = ''
    for await (const chunk of message) body += chunk
    respond(message, response, body)
  })
  await new Promise<void>(resolve => {
    callback.listen(0, '127.0.0.1', resolve)
  })
  await openBoth(5000)
})

/** WeChat with this patience, and the account server's provider for it. */
async function openBoth(answerTimeout: number) {
  simulator = await startWeChatSimulator({ clock, random: systemRandom, answerTimeout })
  simulator.setCallbackUrl(`http://127.0.0.1:${(callback.address() as AddressInfo).port}/v1/wechat/callback`)
  let stored: { value: string; expiresAt: number } | undefined
  weChat = openWeChat({
    ...simulator.credentials,
    baseUrl: simulator.baseUrl,
    clock,
    random: systemRandom,
    accessTokens: {
      read: async () => stored,
      write: async (value, expiresAt) => {
        stored = { value, expiresAt }
      },
      claim: async () => true,
      release: async () => {},
    },
  })
}

afterEach(async () => {
  await simulator.close()
  callback.closeAllConnections()
  callback.close()
})

describe('a phone', () => {
  it('follows by its first scan, and scans from then on', async () => {
    const { url } = await weChat.createQr('Scene-1', 600)
    const first = await simulator.scan(url)
    expect(first).toEqual({
      outcome: 'scanned',
      event: 'subscribe',
      openid: expect.stringMatching(/^o[\w-]{27}$/),
      reply: '绑定 Scene-1',
    })
    expect(await simulator.scan(url)).toEqual({ ...first, event: 'SCAN' })
    expect(pushes).toMatchObject([
      { scene: 'Scene-1', followed: true, createTime: clock.now() / 1000 },
      { scene: 'Scene-1', followed: false },
    ])
    expect(new Set(pushes.map(push => push.openid)).size).toBe(1)
  })

  it('belongs to whom the test says', async () => {
    const { url } = await weChat.createQr('Scene-1', 600)
    for (const openid of ['oAlice', 'oBob', 'oAlice']) await simulator.scan(url, { openid })
    expect(pushes.map(push => [push.openid, push.followed])).toEqual([
      ['oAlice', true],
      ['oBob', true],
      ['oAlice', false],
    ])
  })

  it('says that a QR code has expired, or is none', async () => {
    const { url } = await weChat.createQr('Scene-1', 600)
    clock.advance(599_000)
    expect(await simulator.scan(url)).toMatchObject({ outcome: 'scanned' })
    clock.advance(1000)
    expect(await simulator.scan(url)).toEqual({ outcome: 'expired' })
    expect(await simulator.scan('http://weixin.qq.com/q/02abcdefghijklmnopqrst')).toEqual({ outcome: 'unknown' })
    expect(await simulator.scan('constructor')).toEqual({ outcome: 'unknown' })
    expect(pushes).toHaveLength(1)
  })

  it('reads no reply where the server answers success, or nothing', async () => {
    const { url } = await weChat.createQr('Scene-1', 600)
    for (const body of ['success', '']) {
      respond = (_message, response) => response.end(body)
      expect(await simulator.scan(url)).toMatchObject({ outcome: 'scanned', reply: null })
    }
  })

  it.each([
    ['refuses', 403, 'success'],
    ['answers with a plain reply', 200, '<xml><MsgType>text</MsgType><Content>x</Content></xml>'],
    ['answers with something else', 200, 'ok'],
  ])('calls it undelivered when the server %s', async (_name, status, body) => {
    const { url } = await weChat.createQr('Scene-1', 600)
    respond = (_message, response) => response.writeHead(status).end(body)
    expect(await simulator.scan(url)).toMatchObject({ outcome: 'undelivered', status })
  })

  it('repeats a push that is not answered, with the same time and person under another seal', async () => {
    await simulator.close()
    await openBoth(250)
    const { url } = await weChat.createQr('Scene-1', 600)
    const bodies: string[] = []
    respond = (message, response, body) => {
      bodies.push(body)
      if (bodies.length < 3)
        weChat.openPush(Object.fromEntries(new URL(message.url ?? '/', 'http://localhost').searchParams), body)
      else answerProperly(message, response, body)
    }
    expect(await simulator.scan(url)).toMatchObject({ outcome: 'scanned' })
    expect(new Set(bodies).size).toBe(3)
    await simulator.repeatLastPush()
    expect(pushes).toHaveLength(2)
    expect(pushes[1]).toEqual(pushes[0])
  })

  it('gives up after three repetitions', async () => {
    await simulator.close()
    await openBoth(250)
    const { url } = await weChat.createQr('Scene-1', 600)
    let requests = 0
    respond = message => {
      requests += 1
      if (requests === 2) message.socket.destroy()
    }
    expect(await simulator.scan(url)).toMatchObject({ outcome: 'undelivered', status: undefined })
    expect(requests).toBe(4)
  })

  it('cannot deliver before there is a callback', async () => {
    const lonely = await startWeChatSimulator({ clock, random: systemRandom, credentials: simulator.credentials })
    expect(await lonely.repeatLastPush()).toEqual({ outcome: 'unknown' })
    expect(await lonely.verifyCallback()).toBe(false)
    await lonely.close()
  })
})

describe('the check of the callback', () => {
  it('holds where echostr comes back', async () => expect(await simulator.verifyCallback()).toBe(true))

  it.each([
    [200, 'success'],
    [500, undefined],
  ])('fails on HTTP %i with %j', async (status, body) => {
    respond = (message, response) => {
      const echo = new URL(message.url ?? '/', 'http://localhost').searchParams.get('echostr')
      response.writeHead(status).end(body ?? echo)
    }
    expect(await simulator.verifyCallback()).toBe(false)
  })
})

describe('the API', () => {
  const post = async (path: string, body: unknown, method = 'POST') => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await fetch(`${simulator.baseUrl}/${path}`, { method, ...(method === 'POST' ? { body: text } : {}) })
    expect(answer.status).toBe(200)
    return (await answer.json()) as Record<string, unknown>
  }
  const account = () => ({
    grant_type: 'client_credential',
    appid: simulator.credentials.appId,
    secret: simulator.credentials.appSecret,
  })
  const token = (more: object = {}) => post('cgi-bin/stable_token', { ...account(), ...more })
  const qr = async (body: object, accessToken?: unknown) =>
    post(`cgi-bin/qrcode/create?access_token=${accessToken ?? (await token()).access_token}`, {
      action_name: 'QR_STR_SCENE',
      action_info: { scene: { scene_str: 'x' } },
      ...body,
    })

  it.each([
    [{ grant_type: 'authorization_code' }, 40002],
    [{ appid: undefined }, 41002],
    [{ secret: undefined }, 41004],
    [{ appid: 'wx0000000000000000' }, 40013],
    [{ secret: 'wrong' }, 40125],
  ])('gives no token for %j', async (wrong, errcode) => expect(await token(wrong)).toMatchObject({ errcode }))

  it('asks for POST and JSON', async () => {
    expect(await post('cgi-bin/stable_token', '', 'GET')).toMatchObject({ errcode: 43002 })
    expect(await post('cgi-bin/stable_token', 'appid=x')).toMatchObject({ errcode: 47001 })
    expect(await post('cgi-bin/token', {})).toMatchObject({ errcode: 40066 })
  })

  it('gives the same token until its last five minutes, and then both work', async () => {
    const first = await token()
    clock.advance(6_899_000)
    expect(await token()).toEqual({ ...first, expires_in: 301 })
    clock.advance(1000)
    const second = await token()
    expect(second.access_token).not.toBe(first.access_token)
    expect(second.expires_in).toBe(7200)
    expect(await qr({}, first.access_token)).toHaveProperty('url')
    clock.advance(300_000)
    expect(await qr({}, first.access_token)).toMatchObject({ errcode: 42001 })
    expect(await qr({}, second.access_token)).toHaveProperty('url')
  })

  it('voids the token by force, at most every 30 seconds and 20 times a day', async () => {
    const first = await token()
    const second = await token({ force_refresh: true })
    expect(await qr({}, first.access_token)).toMatchObject({ errcode: 40001 })
    expect(await token({ force_refresh: true })).toEqual(second)
    for (let times = 1; times < 20; times++) {
      clock.advance(31_000)
      expect(await token({ force_refresh: true })).toHaveProperty('access_token')
    }
    clock.advance(31_000)
    expect(await token({ force_refresh: true })).toMatchObject({ errcode: 45009 })
  })

  it('checks the token of a call', async () => {
    expect(await qr({}, '')).toMatchObject({ errcode: 41001 })
    expect(await qr({}, 'made-up')).toMatchObject({ errcode: 40001 })
  })

  it.each([
    [{ action_name: 'QR_LIMIT_STR_SCENE' }, 40052],
    [{ action_info: { scene: { scene_str: '' } } }, 40053],
    [{ action_info: { scene: { scene_str: 'x'.repeat(65) } } }, 40053],
    [{ action_info: { scene: { scene_id: 1 } } }, 40053],
    [{ action_info: null }, 40053],
    [{ expire_seconds: 0 }, 40053],
    [{ expire_seconds: '600' }, 40053],
  ])('makes no QR code of %j', async (wrong, errcode) => expect(await qr(wrong)).toMatchObject({ errcode }))

  it('lets a QR code live a minute by default, and 30 days at most', async () => {
    expect(await qr({})).toMatchObject({ expire_seconds: 60, ticket: expect.stringMatching(/^gQ.{94}$/) })
    expect(await qr({ expire_seconds: 1e9 })).toMatchObject({ expire_seconds: 2_592_000 })
  })
})
