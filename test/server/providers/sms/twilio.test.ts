import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemRandom } from '../../../../src/lib/random.ts'
import type { TwilioConfig } from '../../../../src/server/config/config.ts'
import { DeliveryError } from '../../../../src/server/domain/ports/delivery-error.ts'
import { openTwilio } from '../../../../src/server/providers/sms/twilio/twilio.ts'
import {
  startTwilioSimulator,
  type TwilioFault,
  type TwilioSimulator,
} from '../../../../src/simulators/sms/twilio/simulator.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { hostileServer } from '../wechat/support.ts'
import { messageTo } from './scripted-providers.ts'

const account = {
  accountSid: 'AC00000000000000000000000000000001',
  authToken: 'auth-token-that-no-one-sees',
  senders: ['+15005550006', 'MG00000000000000000000000000000001'],
  status: 'active',
} as const
const number = '+14155552671'
const clock = manualClock()
let simulator: TwilioSimulator

beforeEach(async () => {
  simulator = await startTwilioSimulator({ clock, random: systemRandom, account })
})
afterEach(() => simulator.close())

const twilio = (config: Partial<TwilioConfig> = {}) =>
  openTwilio(
    {
      accountSid: account.accountSid,
      authToken: account.authToken,
      from: '+15005550006',
      statusCallback: undefined,
      baseUrl: simulator.baseUrl,
      timeout: 5000,
      ...config,
    },
    { clock },
  )

const never = new AbortController().signal
const send = (config: Partial<TwilioConfig> = {}, text?: string) => twilio(config).send(messageTo(number, text), never)

/** The error that `work` ends in, which shows nothing that is nobody's business. */
async function failureOf(work: Promise<unknown>): Promise<DeliveryError> {
  const error = await work.then(
    () => expect.unreachable(),
    (reason: unknown) => reason,
  )
  if (!(error instanceof DeliveryError)) throw error
  const shown = `${error} ${JSON.stringify(error)} ${error.stack} ${error.cause}`
  for (const secret of [number, '012345', account.authToken, account.accountSid, '\u001b']) {
    expect(shown).not.toContain(secret)
  }
  expect(error.provider).toBe('twilio')
  return error
}

describe('sending', () => {
  it('hands the text over as it is, and gives the SID by which receipts speak', async () => {
    const text = 'hufu 虎符: 012345 & 50% + "é" = ~ 🐯\nhttps://example.com/r#x'
    const sent = await send({}, text)
    const [message] = simulator.messages
    expect(message).toEqual({
      sid: sent.providerMessageId,
      to: number,
      from: '+15005550006',
      body: text,
      statusCallback: undefined,
    })
    expect(sent).toEqual({ provider: 'twilio', providerMessageId: expect.stringMatching(/^SM[0-9a-f]{32}$/) })
  })

  it('by a messaging service, and with an address for receipts', async () => {
    const statusCallback = 'https://id.example.com/receipts/twilio?a=1&b=%20'
    await send({ from: account.senders[1], statusCallback })
    expect(simulator.messages[0]).toMatchObject({ from: account.senders[1], statusCallback })
  })

  it('below a base address with a path', async () => {
    const error = await failureOf(send({ baseUrl: `${simulator.baseUrl}/elsewhere` }))
    expect([error.failure, error.message]).toEqual(['misconfigured', 'twilio: answered with error 20404 (404)'])
  })
})

describe('errors of the dictionary', () => {
  it.each([
    [21211, 'refused'],
    [21214, 'refused'],
    [21217, 'refused'],
    [21408, 'refused'],
    [21606, 'refused'],
    [21610, 'refused'],
    [21612, 'refused'],
    [21614, 'refused'],
    [21635, 'refused'],
    [29999, 'refused'],
    [20003, 'misconfigured'],
    [20404, 'misconfigured'],
    [21603, 'misconfigured'],
    [21609, 'misconfigured'],
    [21659, 'misconfigured'],
    [21660, 'misconfigured'],
    [21703, 'misconfigured'],
    [20429, 'throttled'],
    [21611, 'throttled'],
  ] as const)('%i: %s', async (code, failure) => {
    simulator.failNext(code)
    const error = await failureOf(send())
    expect(error.failure).toBe(failure)
    expect(error.message).toContain(String(code))
    expect(simulator.calls).toBe(1)
    expect(simulator.messages).toEqual([])
  })

  it.each([
    ['a wrong token', { authToken: 'another' }, 'misconfigured', 20003],
    ['a wrong account', { accountSid: 'AC00000000000000000000000000000002' }, 'misconfigured', 20003],
    ['a number of somebody else', { from: '+15005550007' }, 'misconfigured', 21659],
    ['an unknown service', { from: 'MG00000000000000000000000000000009' }, 'misconfigured', 21701],
    ['an address that is none', { statusCallback: 'ftp://x' }, 'misconfigured', 21609],
  ] as const)('%s', async (_what, config, failure, code) => {
    const error = await failureOf(send(config))
    expect([error.failure, error.message]).toEqual([failure, expect.stringContaining(String(code))])
  })

  it('too long a text is refused', async () => {
    expect((await failureOf(send({}, 'x'.repeat(1601)))).failure).toBe('refused')
    await send({}, '虎'.repeat(1600))
  })

  it.each([
    ['no time', undefined, undefined],
    ['seconds', '7', 7000],
    ['a date', new Date(clock.now() + 30_000).toUTCString(), 30_000],
    ['a date that has passed', new Date(clock.now() - 30_000).toUTCString(), 0],
    ['a day', '86400', 3_600_000],
    ['nonsense', 'soon', undefined],
    ['a negative number', '-5x', undefined],
  ])('throttled, with %s', async (_what, retryAfter, expected) => {
    const server = await hostileServer((_request, response) =>
      response
        .writeHead(429, retryAfter === undefined ? {} : { 'retry-after': retryAfter })
        .end('{"code":20429,"status":429}'),
    )
    const error = await failureOf(send({ baseUrl: server.baseUrl }))
    expect([error.failure, error.retryAfter]).toEqual(['throttled', expected])
    await server.close()
  })

  it('throttled by the simulator', async () => {
    simulator.failNext('throttle', { retryAfter: 3 })
    expect(await failureOf(send())).toMatchObject({ failure: 'throttled', retryAfter: 3000 })
    await send()
  })
})

describe('faults', () => {
  it.each(['status500', 'cut', 'garbage', 'huge', 'hang'] as const)(
    '%s: it may have been sent, and is not repeated',
    async fault => {
      simulator.failNext(fault)
      const error = await failureOf(send({ timeout: fault === 'hang' ? 300 : 5000 }))
      expect(error.failure).toBe('uncertain')
      expect(simulator.calls).toBe(1)
      expect(simulator.messages).toHaveLength(fault === 'hang' ? 0 : 1)
      await send()
    },
  )

  it.each([
    ['a success without a SID', 201, '{"status":"queued"}', 'uncertain'],
    ['a SID that is none', 201, '{"sid":"\\u001b[2J"}', 'uncertain'],
    ['an array', 200, '[]', 'uncertain'],
    ['an accepted status that is not documented', 202, `{"sid":"SM${'0'.repeat(32)}"}`, 'uncertain'],
    ['a time-out of theirs', 408, '', 'uncertain'],
    ['a gateway', 502, '<html>', 'uncertain'],
    ['a redirect', 307, '', 'misconfigured'],
    ['a page that is not there', 404, '<html>', 'misconfigured'],
    ['forbidden', 403, '', 'misconfigured'],
    ['a code that is text', 400, '{"code":"20003"}', 'refused'],
    ['500 that says it was throttled', 500, '{"code":20429}', 'uncertain'],
    ['200 that says it was refused', 200, '{"code":21610}', 'uncertain'],
  ] as const)('%s', async (_what, status, body, failure) => {
    let calls = 0
    const server = await hostileServer((_request, response) => {
      calls += 1
      response.writeHead(status, { location: simulator.baseUrl }).end(body)
    })
    expect((await failureOf(send({ baseUrl: server.baseUrl }))).failure).toBe(failure)
    expect([calls, simulator.calls]).toEqual([1, 0])
    await server.close()
  })

  it('an answer that never ends', async () => {
    const server = await hostileServer((_request, response) => {
      response.writeHead(201).write('{"sid":')
      const drip = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(drip))
    })
    const error = await failureOf(send({ baseUrl: server.baseUrl, timeout: 300 }))
    expect([error.failure, error.message]).toEqual(['uncertain', 'twilio: did not answer in time'])
    await server.close()
  })

  it('nobody listens, or nothing is found there: certainly not sent', async () => {
    expect((await failureOf(send({ baseUrl: 'http://127.0.0.1:9' }))).failure).toBe('unreachable')
    expect((await failureOf(send({ baseUrl: 'http://no-such-host.invalid' }))).failure).toBe('unreachable')
  })

  it('a TLS handshake that hangs or fails: certainly not sent', async () => {
    const silent = createServer(socket => socket.on('error', () => {}))
    await new Promise<void>(resolve => {
      silent.listen(0, '127.0.0.1', resolve)
    })
    const address = silent.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const error = await failureOf(send({ baseUrl: `https://127.0.0.1:${address.port}`, timeout: 300 }))
    expect(error.failure).toBe('unreachable')
    silent.close()
    const plain = await hostileServer((_request, response) => response.end())
    const broken = await failureOf(send({ baseUrl: plain.baseUrl.replace('http:', 'https:') }))
    expect(broken.failure).toBe('unreachable')
    await plain.close()
  })

  it('given up by who asked: before the connection not sent, after it uncertain', async () => {
    expect((await failureOf(twilio().send(messageTo(number), AbortSignal.abort()))).failure).toBe('unreachable')
    simulator.failNext('hang')
    const asking = new AbortController()
    const sending = failureOf(twilio().send(messageTo(number), asking.signal))
    await expect.poll(() => simulator.calls).toBe(1)
    asking.abort()
    expect((await sending).failure).toBe('uncertain')
  })

  it('closing ends what is under way', async () => {
    simulator.failNext('hang')
    const provider = twilio()
    const sending = failureOf(provider.send(messageTo(number), never))
    await expect.poll(() => simulator.calls).toBe(1)
    await provider.close()
    expect((await sending).message).toBe('twilio: the call was ended before its answer came')
  })
})

describe('the check', () => {
  const check = (config: Partial<TwilioConfig> = {}) => twilio(config).check(never)

  it('asks for the account and sends nothing', async () => {
    await check()
    expect([simulator.calls, simulator.messages]).toEqual([1, []])
  })

  it('tells wrong credentials and an account that is not active', async () => {
    expect((await failureOf(check({ authToken: 'another' }))).failure).toBe('misconfigured')
    const suspended = await startTwilioSimulator({
      clock,
      random: systemRandom,
      account: { ...account, status: 'suspended' },
    })
    expect((await failureOf(check({ baseUrl: suspended.baseUrl }))).message).toBe('twilio: the account is not active')
    await suspended.close()
  })

  it.each(['status500', 'cut', 'garbage', 'huge', 'hang'] as const satisfies TwilioFault[])(
    '%s: nothing is uncertain',
    async fault => {
      simulator.failNext(fault)
      const error = await failureOf(check({ timeout: fault === 'hang' ? 300 : 5000 }))
      expect(error.failure).toBe('unreachable')
      expect(error.message).toMatch(/^twilio: (?!twilio)/)
    },
  )
})
