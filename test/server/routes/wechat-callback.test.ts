import { request } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemRandom } from '../../../src/lib/random.ts'
import type { Member } from '../../../src/server/domain/domain.ts'
import { throttlePolicies } from '../../../src/server/domain/throttle.ts'
import type { WeChatCredentials } from '../../../src/simulators/wechat/credentials.ts'
import { randomCredentials } from '../../../src/simulators/wechat/credentials.ts'
import { sealPush } from '../../../src/simulators/wechat/sealing.ts'
import { openWeChatWorld, type WeChatWorld } from '../../support/wechat-world.ts'

const openid = 'oFORGER-whom_no_log_names'
let world: WeChatWorld
let member: Member
let bindingId: string
let counted: unknown[]

beforeAll(async () => {
  world = await openWeChatWorld()
  vi.spyOn(world.services.domain.counters, 'count').mockImplementation(
    (name, labels) => void counted.push([name, labels]),
  )
})
afterAll(async () => {
  vi.restoreAllMocks()
  await world.close()
})
let people = 0
beforeEach(async () => {
  member = await world.joinQuickly(`t${++people}t`)
  counted = []
  world.callbackLog.length = 0
  bindingId = (await world.beginBinding(member)).binding_id
})

const scene = async () => (await world.services.domain.store.read.bindings.find(bindingId))?.wechat_scene ?? ''
const state = async () => (await world.services.wechatBindings.read(member, bindingId)).state

const scanXml = async (end = '') =>
  `<xml><ToUserName>gh_1</ToUserName><FromUserName>${openid}</FromUserName><CreateTime>1795352700</CreateTime>` +
  `<MsgType>event</MsgType><Event>SCAN</Event><EventKey>${await scene()}</EventKey>${end}</xml>`

/** A push as whoever knows `credentials` would seal it. */
const seal = async (credentials: WeChatCredentials, xml?: string, ageInSeconds = 0) =>
  sealPush(credentials, systemRandom, {
    officialAccount: 'gh_1',
    openid,
    xml: xml ?? (await scanXml()),
    seconds: Math.floor(world.clock.now() / 1000) - ageInSeconds,
  })

async function post({ query, body }: { query: URLSearchParams; body: string }, contentType = 'text/xml') {
  const url = `${world.callbackUrl}?${query}`
  return new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const call = request(url, { method: 'POST', headers: { 'content-type': contentType } }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode, text }))
    })
    call.on('error', reject)
    call.end(body)
  })
}

describe('a push that is none', () => {
  const genuine = () => seal(world.wechat.credentials)
  const forgeries: Readonly<Record<string, [reason: string, make: () => ReturnType<typeof seal>]>> = {
    'signed with another token': ['signature', () => seal({ ...world.wechat.credentials, token: 'another' })],
    'sealed with another key': [
      'encryption',
      () => seal({ ...world.wechat.credentials, encodingAesKey: randomCredentials(systemRandom).encodingAesKey }),
    ],
    'for another official account': ['appid', () => seal({ ...world.wechat.credentials, appId: 'wxfedcba9876543210' })],
    'more than five minutes old': ['stale', () => seal(world.wechat.credentials, undefined, 301)],
    'from the future': ['stale', () => seal(world.wechat.credentials, undefined, -301)],
    'without its signature': [
      'format',
      async () => {
        const push = await genuine()
        push.query.delete('msg_signature')
        return push
      },
    ],
    'in the plain mode': [
      'mode',
      async () => {
        const push = await genuine()
        push.query.delete('encrypt_type')
        return { ...push, body: await scanXml() }
      },
    ],
    'with another text': [
      'signature',
      async () => ({ ...(await genuine()), body: (await seal(world.wechat.credentials, await scanXml('<a/>'))).body }),
    ],
    'with a document type': [
      'format',
      async () => {
        const push = await genuine()
        return { ...push, body: `<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]>${push.body}` }
      },
    ],
    'with a document type inside the seal': [
      'format',
      async () => seal(world.wechat.credentials, `<!DOCTYPE xml>${await scanXml()}`),
    ],
    'with an entity for the person': [
      'format',
      async () => seal(world.wechat.credentials, (await scanXml()).replace(openid, '&person;')),
    ],
    'with two people by a CDATA section that ends early': [
      'format',
      async () =>
        seal(
          world.wechat.credentials,
          (await scanXml()).replace(openid, `<![CDATA[oOther]]></FromUserName><FromUserName><![CDATA[${openid}]]>`),
        ),
    ],
    'with an open CDATA section': ['format', async () => ({ ...(await genuine()), body: '<xml><Encrypt><![CDATA[' })],
    'of 1 MB': ['size', async () => ({ ...(await genuine()), body: `<xml>${'x'.repeat(1024 * 1024)}</xml>` })],
    'of nothing': ['format', async () => ({ ...(await genuine()), body: '' })],
  }

  test.each(Object.keys(forgeries))(
    '%s: refused, counted, logged without what it says, and binds nothing',
    async name => {
      const [reason, make] = forgeries[name] ?? ['', genuine]
      expect(await post(await make())).toEqual({ status: 403, text: 'refused' })
      expect(counted).toEqual([['pushes_refused', { path: '/wechat/callback', reason }]])
      const log = world.callbackLog.join('')
      expect(log).toContain(`"reason":"${reason}"`)
      expect(log).not.toContain(openid)
      expect(log).not.toContain(await scene())
      expect(log).not.toContain('msg_signature')
      expect(await state()).toBe('waiting')
    },
  )

  test.each(['application/json', 'text/plain', 'application/x-www-form-urlencoded'])('as %s is refused', async type => {
    expect(await post(await genuine(), type)).toMatchObject({ status: 403 })
    expect(counted).toHaveLength(1)
    expect(await state()).toBe('waiting')
  })

  test('an address check that WeChat has not signed is refused and counted', async () => {
    const query = 'signature=0123456789012345678901234567890123456789&timestamp=1&nonce=1&echostr=1'
    expect((await fetch(`${world.callbackUrl}?${query}`)).status).toBe(403)
    expect(counted).toEqual([['pushes_refused', { path: '/wechat/callback', reason: 'signature' }]])
    expect(await world.wechat.verifyCallback()).toBe(true)
  })

  test('the genuine one binds', async () => {
    expect(await post(await genuine())).toMatchObject({ status: 200 })
    expect(await state()).toBe('bound')
    expect(counted).toEqual([])
  })
})

test('a flood of forged pushes is answered 429 without a line in the log, and a genuine one is taken', async () => {
  const { free } = throttlePolicies.push
  const flooded = await openWeChatWorld()
  const ask = async () => (await fetch(`${flooded.callbackUrl}?signature=x`)).status
  const statuses: number[] = []
  for (let index = 0; index < free + 20; index += 1) statuses.push(await ask())
  expect(statuses.filter(status => status === 403)).toHaveLength(free)
  const lines = flooded.callbackLog.length
  expect(await Promise.all(Array.from({ length: 50 }, ask))).toEqual(new Array(50).fill(429))
  expect(flooded.callbackLog).toHaveLength(lines)
  expect(await flooded.wechat.verifyCallback()).toBe(true)
  await flooded.close()
})

describe('a genuine push', () => {
  test('of another QR code of the account, and of what is no scan, is answered with success', async () => {
    const foreign = (await scanXml()).replace(await scene(), 'spring-campaign')
    expect(await post(await seal(world.wechat.credentials, foreign))).toEqual({ status: 200, text: 'success' })
    const text = '<xml><MsgType>text</MsgType><Content>hello</Content></xml>'
    expect(await post(await seal(world.wechat.credentials, text))).toEqual({ status: 200, text: 'success' })
    expect(counted).toEqual([])
  })

  test('with an unknown or used scene is counted, and says so in words', async () => {
    const unknown = (await scanXml()).replace(await scene(), 'A'.repeat(32))
    expect(await post(await seal(world.wechat.credentials, unknown))).toMatchObject({ status: 200 })
    const { qr } = await world.beginBinding(member)
    await world.wechat.scan(qr.payload, { openid: 'oReuser' })
    expect(await world.wechat.scan(qr.payload, { openid: 'oReuser2' })).toMatchObject({
      reply: expect.stringContaining('Somebody else has scanned'),
    })
    expect(counted).toEqual(
      ['scene_unknown', 'scene_used'].map(reason => ['pushes_refused', { path: '/wechat/callback', reason }]),
    )
  })
})

test.each([
  ['the server changes its key first', (known: string, other: string) => [other, known]],
  ['WeChat changes its key first', (known: string, other: string) => [known, other]],
] as const)('while keys are rotated, pushes bind and replies are read: %s', async (_name, order) => {
  const rotating = await openWeChatWorld({
    keys: ({ encodingAesKey }) => {
      const [current = '', previous] = order(encodingAesKey, randomCredentials(systemRandom).encodingAesKey)
      return { encodingAesKey: current, previousEncodingAesKey: previous }
    },
  })
  const person = await rotating.joinQuickly('rotates')
  const { binding_id, qr } = await rotating.beginBinding(person)
  expect(await rotating.wechat.scan(qr.payload)).toMatchObject({ reply: expect.stringContaining('r***s') })
  expect(await rotating.services.wechatBindings.read(person, binding_id)).toMatchObject({ state: 'bound' })
  await rotating.close()
})
