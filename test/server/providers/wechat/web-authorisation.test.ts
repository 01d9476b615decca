import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemRandom } from '../../../../src/lib/random.ts'
import { WeChatError } from '../../../../src/server/domain/ports/wechat-error.ts'
import { openWebAuthorisation } from '../../../../src/server/providers/wechat/web-authorisation.ts'
import { startWeChatSimulator, type WeChatSimulator } from '../../../../src/simulators/wechat/simulator.ts'
import { type ManualClock, manualClock } from '../../../support/manual-clock.ts'
import { credentials, hostileServer } from './support.ts'

const redirectUri = 'http://localhost:8420/wechat/authorised'
const state = 'f'.repeat(64)
const person = { openid: 'openid-1', unionid: 'unionid-1' }

let clock: ManualClock
let simulator: WeChatSimulator

beforeEach(async () => {
  clock = manualClock()
  simulator = await startWeChatSimulator({ clock, random: systemRandom, credentials })
  simulator.authorisation.setDomain('localhost:8420')
})
afterEach(() => simulator.close())

const provider = (baseUrl = simulator.baseUrl, appSecret = credentials.appSecret) =>
  openWebAuthorisation({
    ...credentials,
    appSecret,
    baseUrl,
    authorizeUrl: simulator.baseUrl,
    clock,
    timeout: 5000,
    busyDelay: 0,
  })

/** What WeChat's page says, or the address that it leads to. */
async function visit(address: string, who: object = person): Promise<URL | string> {
  const cookie = `wechat_person=${Buffer.from(JSON.stringify(who)).toString('base64url')}`
  const answer = await fetch(address, { redirect: 'manual', headers: { cookie } })
  const location = answer.headers.get('location')
  return location === null ? await answer.text() : new URL(location)
}

async function newCode(who: object = person): Promise<string> {
  const back = await visit(provider().address(redirectUri, state), who)
  return typeof back === 'string' ? '' : (back.searchParams.get('code') ?? '')
}

describe('the address', () => {
  test('is taken by WeChat, which brings the state back', async () => {
    const back = await visit(provider().address(redirectUri, state))
    expect(back).toBeInstanceOf(URL)
    expect(String(back)).toMatch(new RegExp(`^${redirectUri}\\?code=[0-9a-f]{32}&state=${state}$`))
  })

  test.each([
    ['parameters in another order', (address: string) => address.replace(/(appid=\w+)&(redirect_uri=[^&]+)/, '$2&$1')],
    ['another account', (address: string) => address.replace(/appid=\w+/, 'appid=wx0000000000000000')],
    ['another host to return to', (address: string) => address.replace('localhost%3A8420', 'evil.example')],
    ['a state with other characters', (address: string) => address.replace(state, 'a-b_c')],
  ])('with %s is refused by WeChat', async (_what, change) => {
    const address = provider().address(redirectUri, state)
    expect(change(address)).not.toBe(address)
    expect(typeof (await visit(change(address)))).toBe('string')
  })

  test('has no state that WeChat would change', () => {
    for (const wrong of ['', 'a-b', 'a_b', 'ä', 'a'.repeat(129)]) {
      expect(() => provider().address(redirectUri, wrong)).toThrow(RangeError)
    }
  })
})

describe('a code', () => {
  test('tells who it was, once', async () => {
    const code = await newCode()
    expect(await provider().exchange(code)).toEqual({ outcome: 'person', ...person })
    expect(await provider().exchange(code)).toEqual({ outcome: 'refused' })
  })

  test('without a unionid tells none', async () => {
    expect(await provider().exchange(await newCode({ openid: 'openid-2' }))).toEqual({
      outcome: 'person',
      openid: 'openid-2',
      unionid: null,
    })
  })

  test('of a snapshot user tells nobody', async () => {
    expect(await provider().exchange(await newCode({ ...person, snapshot: true }))).toEqual({ outcome: 'snapshot' })
  })

  test('is refused when unknown, and after five minutes', async () => {
    expect(await provider().exchange('0'.repeat(32))).toEqual({ outcome: 'refused' })
    const code = await newCode()
    clock.advance(300_000)
    expect(await provider().exchange(code)).toEqual({ outcome: 'refused' })
  })

  test('is asked about once more when WeChat is busy', async () => {
    const code = await newCode()
    simulator.authorisation.failNextExchange(-1)
    const asking = provider().exchange(code)
    expect(await asking).toMatchObject({ outcome: 'person' })
    expect(simulator.authorisation.calls.access_token).toBe(2)
  })

  test('with a wrong secret is our fault, and the error holds neither', async () => {
    const code = await newCode()
    const error = await provider(simulator.baseUrl, 'wrong-secret')
      .exchange(code)
      .catch(fault => fault)
    expect(error).toBeInstanceOf(WeChatError)
    expect(error).toMatchObject({ code: 'wechat_configuration', errcode: 40125 })
    expect(JSON.stringify([error, error.message, String(error.stack), error.cause])).not.toMatch(
      /wrong-secret|[0-9a-f]{32}/,
    )
  })

  test.each([
    ['no openid', '{}'],
    ['an openid of another kind', '{"openid":7}'],
    ['an openid that is markup', '{"openid":"<b>"}'],
    ['a unionid that is markup', '{"openid":"a","unionid":"<b>"}'],
    ['an empty openid', '{"openid":""}'],
    ['no JSON', 'secret=x'],
    ['ten megabytes', 'x'.repeat(10_000_000)],
  ])('that is answered with %s tells nobody', async (_what, body) => {
    const server = await hostileServer((_request, response) => void response.end(body))
    await expect(provider(server.baseUrl).exchange('code')).rejects.toMatchObject({ code: 'wechat_unavailable' })
    await server.close()
  })

  test.each(['1', 'true', '"1"', '2', 'null'])('whose is_snapshotuser is %s tells nobody', async value => {
    const server = await hostileServer(
      (_request, response) => void response.end(`{"openid":"a","is_snapshotuser":${value}}`),
    )
    expect(await provider(server.baseUrl).exchange('code')).toEqual({ outcome: 'snapshot' })
    await server.close()
  })
})

test('an appid that is none is refused at the start', () => {
  expect(() =>
    openWebAuthorisation({ appId: 'x', appSecret: 's', baseUrl: 'http://a', authorizeUrl: 'http://a', clock }),
  ).toThrow(WeChatError)
})
