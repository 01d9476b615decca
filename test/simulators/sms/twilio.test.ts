import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemRandom } from '../../../src/lib/random.ts'
import { startTwilioSimulator, type TwilioSimulator } from '../../../src/simulators/sms/twilio/simulator.ts'
import { manualClock } from '../../support/manual-clock.ts'

let simulator: TwilioSimulator
let url: string
let authorization: string

beforeAll(async () => {
  simulator = await startTwilioSimulator({ clock: manualClock(), random: systemRandom })
  const { accountSid, authToken } = simulator.account
  url = `${simulator.baseUrl}/2010-04-01/Accounts/${accountSid}/Messages.json`
  authorization = `Basic ${btoa(`${accountSid}:${authToken}`)}`
})
afterAll(() => simulator.close())
let before = 0
beforeEach(() => {
  before = simulator.messages.length
})

const good = { To: '+14155552671', From: '+15005550006', Body: 'x' }

async function call(form: Record<string, string>, headers: Record<string, string> = { authorization }, to = url) {
  const body = new URLSearchParams(form)
  const answer = await fetch(to, { method: 'POST', headers, body })
  return { status: answer.status, ...((await answer.json()) as Record<string, unknown>) }
}

test('takes a message over and answers as documented', async () => {
  expect(await call(good)).toMatchObject({
    status: 'queued',
    sid: expect.stringMatching(/^SM[0-9a-f]{32}$/),
    direction: 'outbound-api',
    error_code: null,
    to: good.To,
    from: good.From,
    body: 'x',
  })
  expect(simulator.messages.at(-1)).toMatchObject({ to: good.To, body: 'x' })
})

describe('refuses with the documented error', () => {
  test.each([
    ['no credentials', good, {}, 401, 20003],
    ['a wrong token', good, { authorization: `Basic ${btoa('AC1:x')}` }, 401, 20003],
    ['a token in another scheme', good, { authorization: 'Bearer x' }, 401, 20003],
    ['no number', { ...good, To: '' }, undefined, 400, 21604],
    ['a number without its country', { ...good, To: '13800138000' }, undefined, 400, 21211],
    ['no sender', { To: good.To, Body: 'x' }, undefined, 400, 21603],
    ['a sender of somebody else', { ...good, From: '+15005550007' }, undefined, 400, 21659],
    ['an unknown service', { To: good.To, MessagingServiceSid: 'MG1', Body: 'x' }, undefined, 400, 21701],
    ['no text', { ...good, Body: '' }, undefined, 400, 21602],
    ['too long a text', { ...good, Body: 'x'.repeat(1601) }, undefined, 400, 21617],
    ['no address', { ...good, StatusCallback: 'https://under_score.example' }, undefined, 400, 21609],
  ] as const)('%s', async (_what, form, headers, status, code) => {
    expect(await call(form, headers)).toMatchObject({ status, code, more_info: expect.stringContaining(String(code)) })
    expect(simulator.messages).toHaveLength(before)
  })

  test('JSON, and other addresses', async () => {
    const headers = { authorization, 'content-type': 'application/json' }
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(good) })
    expect(await answer.json()).toMatchObject({ code: 21604 })
    expect(await call(good, { authorization }, url.replace('2010-04-01', '2008-08-01'))).toMatchObject({ code: 20404 })
  })
})

test('throttles with the time to wait', async () => {
  simulator.failNext('throttle', { retryAfter: 4 })
  const answer = await fetch(url, { method: 'POST', headers: { authorization }, body: new URLSearchParams(good) })
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '4'])
  expect(await answer.json()).toMatchObject({ code: 20429 })
})
