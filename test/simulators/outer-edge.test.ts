import { request } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMailbox, type Mailbox, startMailbox } from '../../src/simulators/mailbox/mailbox.ts'
import { type OuterEdge, startOuterEdge } from '../../src/simulators/outer-edge.ts'
import type { ScanResult } from '../../src/simulators/wechat/phone.ts'
import { manualClock } from '../support/manual-clock.ts'

let mailbox: Mailbox
let edge: OuterEdge
let scans: [string, string | undefined][]
let outcome: ScanResult

beforeEach(async () => {
  scans = []
  outcome = { outcome: 'scanned', event: 'SCAN', openid: 'oAlice', reply: null }
  mailbox = createMailbox({ clock: manualClock() })
  edge = await startOuterEdge({
    mailbox,
    wechat: {
      scan: async (url, options) => {
        scans.push([url, options?.openid])
        return outcome
      },
    },
  })
})

afterEach(() => edge.close())

const phoneMessage = { channel: 'phone', to: '+8613800138000', code: '012345', text: 'Your code is 012345' } as const
const read = async (to: string) => (await fetch(`${edge.outboxUrl}?to=${to}`)).json()
const scan = async (body: string) => {
  const answer = await fetch(edge.wechatScanUrl, { method: 'POST', body })
  return [answer.status, await answer.json()]
}

/** The status for a request with headers that fetch does not let one set. */
const statusWith = (url: string, headers: Record<string, string>) =>
  new Promise<number | undefined>((resolve, reject) => {
    request(url, { headers }, response => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })

describe('the outbox', () => {
  it('shows the messages of one address, newest first', async () => {
    mailbox.deliver(phoneMessage)
    mailbox.deliver({ ...phoneMessage, code: null, text: 'Your phone was bound' })
    mailbox.deliver({ ...phoneMessage, to: '+8613800138001' })
    const sent_at = '2026-11-22T13:05:00.000Z'
    const expected = [
      { channel: 'phone', to: '+8613800138000', code: null, text: 'Your phone was bound', sent_at },
      { ...phoneMessage, sent_at },
    ]
    expect(await read('+8613800138000')).toEqual(expected)
    expect(await read('%2B8613800138000')).toEqual(expected)
    expect(await read('8613800138000')).toEqual([])
  })

  it('knows mail addresses in any case, plus signs and subjects', async () => {
    const mail = { channel: 'email', to: 'Alice+x@example.org', code: '1', text: 'x', subject: '验证码' } as const
    mailbox.deliver(mail)
    expect(await read('alice+x@Example.org')).toMatchObject([mail])
    expect(await read(encodeURIComponent('alice+x@example.org'))).toHaveLength(1)
  })

  it('shows all messages where nobody is named', async () => {
    mailbox.deliver(phoneMessage)
    const all = await (await fetch(edge.outboxUrl)).json()
    expect(all).toHaveLength(1)
  })

  it.each(['?to=', '?to=%zz', '?other=1&to='])('asks whose messages for %j', async query => {
    expect((await fetch(edge.outboxUrl + query)).status).toBe(400)
  })

  it('remembers a thousand', () => {
    for (let index = 0; index < 1500; index++) mailbox.deliver({ ...phoneMessage, text: String(index) })
    const texts = mailbox.messages(phoneMessage.to).map(message => message.text)
    expect(texts).toHaveLength(1000)
    expect([texts[0], texts[999]]).toEqual(['1499', '500'])
  })

  it('has a server of its own, too', async () => {
    const own = await startMailbox({ clock: manualClock() })
    own.deliver(phoneMessage)
    expect(await (await fetch(`${own.url}?to=+8613800138000`)).json()).toEqual(own.messages(phoneMessage.to))
    await own.close()
  })
})

describe('the scan', () => {
  it('is made by the phone', async () => {
    expect(await scan('{"url":"http://weixin.qq.com/q/02x"}')).toEqual([
      200,
      { scanned: true, event: 'SCAN', openid: 'oAlice', reply: null },
    ])
    await scan('{"url":"http://weixin.qq.com/q/02x","openid":"oBob"}')
    expect(scans).toEqual([
      ['http://weixin.qq.com/q/02x', undefined],
      ['http://weixin.qq.com/q/02x', 'oBob'],
    ])
  })

  it.each([
    [{ outcome: 'unknown' }, 404, 'qr_unknown'],
    [{ outcome: 'expired' }, 410, 'qr_expired'],
    [{ outcome: 'undelivered', openid: 'o', status: 403 }, 502, 'push_undelivered'],
  ] as const)('says %j with %i', async (result, status, code) => {
    outcome = result
    expect(await scan('{"url":"x"}')).toEqual([status, expect.objectContaining({ status, code })])
  })

  it.each(['', 'null', '[]', '{"url":1}', '{}', '{"url":"x","openid":1}', '{"url":"x","openid":"<xml>"}'])(
    'does not understand %j',
    async body => {
      expect(await scan(body)).toEqual([400, expect.objectContaining({ code: 'bad_request' })])
      expect(scans).toEqual([])
    },
  )

  it('reads 4 KiB', async () => {
    expect((await scan(JSON.stringify({ url: 'x'.repeat(4096 - 10) })))[0]).toBe(200)
    expect((await scan(JSON.stringify({ url: 'x'.repeat(4096 - 9) })))[0]).toBe(413)
  })
})

describe('the server', () => {
  it('knows two paths, each with its method', async () => {
    expect((await fetch(new URL('/', edge.outboxUrl))).status).toBe(404)
    expect((await fetch(edge.outboxUrl, { method: 'POST' })).status).toBe(405)
    expect((await fetch(edge.wechatScanUrl)).status).toBe(405)
  })

  it.each([
    ['example.org', 421],
    ['127.0.0.1.example.org', 421],
    ['localhost.example.org:80', 421],
    ['192.168.0.1', 421],
    ['localhost:8080', 200],
    ['LOCALHOST', 200],
    ['127.0.0.1', 200],
  ])('answers Host: %s with %i', async (host, status) => {
    expect(await statusWith(edge.outboxUrl, { host })).toBe(status)
  })

  it.each([
    ['https://example.org', 403],
    ['null', 403],
    ['http://localhost:3000', 200],
  ])('answers Origin: %s with %i', async (origin, status) => {
    expect(await statusWith(edge.outboxUrl, { origin })).toBe(status)
  })

  it('listens on this machine alone', () => expect(edge.outboxUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/outbox$/))
})
