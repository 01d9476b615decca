import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemRandom } from '../../../../../src/lib/random.ts'
import type { AliyunConfig } from '../../../../../src/server/config/config.ts'
import type { MessageProvider } from '../../../../../src/server/domain/ports/messages.ts'
import { openAliyun } from '../../../../../src/server/providers/sms/aliyun/aliyun.ts'
import { json, startLoopbackServer } from '../../../../../src/simulators/loopback-server.ts'
import { type AliyunSimulator, startAliyunSimulator } from '../../../../../src/simulators/sms/aliyun/simulator.ts'
import type { TextMessage } from '../../../../../src/simulators/sms/text-message.ts'
import { type ManualClock, manualClock } from '../../../../support/manual-clock.ts'
import {
  codeMessage,
  codeTemplate,
  deliveryErrorOf,
  linkSecret,
  noSignal,
  noticeMessage,
  noticeTemplate,
  secretMark,
} from '../support.ts'

let clock: ManualClock
let simulator: AliyunSimulator
let inbox: TextMessage[]
let opened: MessageProvider[]

const credentials = { accessKeyId: 'LTAI-example', accessKeySecret: `${secretMark}/+=` }
const signName = '虎符 & Co.'

beforeEach(async () => {
  clock = manualClock()
  inbox = []
  opened = []
  simulator = await startAliyunSimulator({
    clock,
    random: systemRandom,
    credentials,
    signName,
    templates: {
      SMS_100: codeTemplate,
      SMS_101: codeTemplate,
      SMS_200: noticeTemplate,
      SMS_201: { ...noticeTemplate, variables: ['what', 'account', 'time'] },
      SMS_300: { ...codeTemplate, review: 'pending' },
      SMS_301: { ...noticeTemplate, review: 'rejected' },
    },
    deliver: message => inbox.push(message),
  })
})

afterEach(async () => {
  for (const provider of opened) await provider.close()
  await simulator.close()
})

function provider(config: Partial<AliyunConfig> = {}): MessageProvider {
  const aliyun = openAliyun(
    {
      ...credentials,
      signName,
      codeTemplates: { 'zh-CN': 'SMS_100', en: 'SMS_101' },
      noticeTemplates: { 'zh-CN': 'SMS_201', en: undefined },
      noticeTemplatesWithLink: { 'zh-CN': 'SMS_200', en: undefined },
      baseUrl: simulator.baseUrl,
      timeout: 5_000,
      ...config,
    },
    { clock, random: systemRandom },
  )
  opened.push(aliyun)
  return aliyun
}

const failure = (message = codeMessage(), config: Partial<AliyunConfig> = {}) =>
  deliveryErrorOf(provider(config).send(message, noSignal()))

describe('a message with a code', () => {
  it('is handed over whole, zero and all', async () => {
    const sent = await provider().send(codeMessage(), noSignal())
    expect(inbox).toEqual([
      {
        to: '+8613800138000',
        template: 'SMS_100',
        parameters: { code: '012345' },
        code: '012345',
        providerMessageId: sent.providerMessageId,
      },
    ])
    expect(sent).toEqual({ provider: 'aliyun', providerMessageId: expect.stringMatching(/^\d{18}\^0$/) })
  })

  it.each(['+85261234567', '+12125550123', '+447700900123', '+8613912345678'])('reaches %s', async to => {
    await provider().send(codeMessage({ to }), noSignal())
    expect(inbox.map(message => message.to)).toEqual([to])
  })

  it('goes to no stranger in China who has the number of somebody in America', async () => {
    expect(await failure(codeMessage({ to: '+14155550123' }))).toMatchObject({ failure: 'refused' })
    expect(simulator.calls).toEqual([])
  })

  it('comes in its language, or else in the other', async () => {
    await provider().send(codeMessage({ locale: 'en' }), noSignal())
    await provider({ codeTemplates: { 'zh-CN': 'SMS_100', en: undefined } }).send(
      codeMessage({ locale: 'en' }),
      noSignal(),
    )
    await provider({ codeTemplates: { 'zh-CN': undefined, en: 'SMS_101' } }).send(codeMessage(), noSignal())
    expect(inbox.map(message => message.template)).toEqual(['SMS_101', 'SMS_100', 'SMS_101'])
  })

  it('is refused for a number that is none', async () => {
    expect(await failure(codeMessage({ to: '+8612' }))).toMatchObject({ failure: 'refused' })
  })

  it.each([
    ['no template at all', { codeTemplates: { 'zh-CN': undefined, en: undefined } }],
    ['a template that is not there', { codeTemplates: { 'zh-CN': 'SMS_999', en: undefined } }],
    ['a template that is not approved', { codeTemplates: { 'zh-CN': 'SMS_300', en: undefined } }],
    ['a template of another kind', { codeTemplates: { 'zh-CN': 'SMS_200', en: undefined } }],
    ['another signature', { signName: '别人' }],
    ['an unknown key', { accessKeyId: 'LTAI-other' }],
    ['a wrong secret', { accessKeySecret: `${secretMark}!` }],
  ])('is a matter of configuration with %s', async (_name, config) => {
    expect(await failure(codeMessage(), config)).toMatchObject({ failure: 'misconfigured', provider: 'aliyun' })
    expect(inbox).toEqual([])
  })

  it.each([16, -16])('is a matter of configuration with a clock that is %i minutes off', async minutes => {
    const off = openAliyun(
      {
        ...credentials,
        signName,
        codeTemplates: { 'zh-CN': 'SMS_100', en: undefined },
        noticeTemplates: undefined,
        noticeTemplatesWithLink: undefined,
        baseUrl: simulator.baseUrl,
        timeout: 5_000,
      },
      { clock: manualClock(clock.now() + minutes * 60_000), random: systemRandom },
    )
    opened.push(off)
    expect(await deliveryErrorOf(off.send(codeMessage(), noSignal()))).toMatchObject({
      failure: 'misconfigured',
      message: expect.stringContaining('InvalidTimeStamp.Expired'),
    })
  })
})

describe('a notice', () => {
  it('says what changed, whose and when, and brings the secret part of the link', async () => {
    await provider().send(noticeMessage(), noSignal())
    expect(inbox).toMatchObject([
      {
        template: 'SMS_200',
        code: null,
        parameters: { what: '手机号', account: '138****8000', time: '2026-11-22 13:05', link: linkSecret },
      },
    ])
  })

  it('has no link where no template takes one', async () => {
    await provider({ noticeTemplatesWithLink: undefined }).send(noticeMessage({ locale: 'en' }), noSignal())
    expect(inbox[0]?.parameters).toEqual({ what: '手机号', account: '138****8000', time: '2026-11-22 13:05' })
  })

  it.each([null, `https://account.example.org/undo/${'x'.repeat(36)}`])('is told without the link %s', async link => {
    await provider().send(noticeMessage({ link }), noSignal())
    expect(inbox[0]).toMatchObject({ template: 'SMS_201' })
    expect(inbox[0]?.parameters).not.toHaveProperty('link')
  })

  it('brings a link of 35 characters whole', async () => {
    const secret = 'k'.repeat(35)
    await provider().send(noticeMessage({ link: `https://account.example.org/undo/${secret}` }), noSignal())
    expect(inbox[0]?.parameters.link).toBe(secret)
  })

  it.each([undefined, { 'zh-CN': undefined, en: undefined }])(
    'is refused, and nothing is asked, without a template for notices',
    async noticeTemplates => {
      const error = await failure(noticeMessage(), { noticeTemplates, noticeTemplatesWithLink: noticeTemplates })
      expect(error).toMatchObject({ failure: 'refused', message: expect.stringContaining('no template for notices') })
      expect(simulator.calls).toEqual([])
    },
  )

  it('turns off nothing when its template is wrong', async () => {
    for (const id of ['SMS_301', 'SMS_999', 'SMS_100']) {
      const noticeTemplatesWithLink = { 'zh-CN': id, en: undefined }
      if (id === 'SMS_100') {
        simulator.failNext({ code: 'isv.TEMPLATE_PARAMS_ILLEGAL' })
      }
      expect(await failure(noticeMessage(), { noticeTemplatesWithLink })).toMatchObject({ failure: 'refused' })
    }
  })

  it('is taken whatever it is about', async () => {
    const aliyun = provider()
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ maxLength: 60 }),
      fc.constantFrom(
        'john.smith',
        'https://evil.example/x',
        'www.example.org',
        '【签名】',
        '🐯',
        'ℹ',
        'a***e@g***l.com',
        '\ud800',
        '',
      ),
    )
    await fc.assert(
      fc.asyncProperty(text, text, async (what, account) => {
        await aliyun.send(noticeMessage({ notice: { what, account, time: '2026-11-22 13:05' } }), noSignal())
      }),
      { numRuns: 150 },
    )
    expect(inbox.length).toBeGreaterThanOrEqual(150)
    expect(inbox.every(({ parameters }) => [...(parameters.what ?? '')].length <= 20)).toBe(true)
  })
})

describe('faults of the service', () => {
  it.each([
    ['hang', 'uncertain', 1],
    ['cut', 'uncertain', 1],
    ['garbage', 'uncertain', 1],
    ['huge', 'uncertain', 1],
    ['status500', 'uncertain', 0],
    ['throttle', 'throttled', 0],
  ] as const)('%s: %s, and nothing is sent a second time', async (fault, expected, delivered) => {
    simulator.failNext(fault)
    const error = await failure(codeMessage(), { timeout: fault === 'hang' ? 300 : 5_000 })
    expect(error).toMatchObject({ failure: expected, provider: 'aliyun' })
    expect(simulator.calls).toEqual(['SendSms'])
    expect(inbox).toHaveLength(delivered)
    await provider().send(codeMessage(), noSignal())
  })

  it('ends a hanging call when its signal aborts', async () => {
    simulator.failNext('hang')
    const ending = new AbortController()
    const error = deliveryErrorOf(provider().send(codeMessage(), ending.signal))
    await expect.poll(() => simulator.calls).toEqual(['SendSms'])
    ending.abort()
    expect(await error).toMatchObject({ failure: 'uncertain' })
  })

  it('is unreachable once the service is gone', async () => {
    const aliyun = provider({ baseUrl: 'http://127.0.0.1:9' })
    expect(await deliveryErrorOf(aliyun.send(codeMessage(), noSignal()))).toMatchObject({ failure: 'unreachable' })
  })

  it.each([
    [200, '[]'],
    [200, 'null'],
    [200, '{}'],
    [200, '{"Code":null}'],
    [200, '{"Code":0,"BizId":"1"}'],
    [500, '{"Code":"OK","BizId":"1"}'],
    [202, '{"Code":"OK","BizId":"1"}'],
    [302, ''],
    [403, '<h1>Forbidden</h1>'],
  ])('is uncertain after HTTP status %i with %s', async (status, body) => {
    const server = await startLoopbackServer(1024, () => ({ status, contentType: 'application/json', body }))
    const error = await failure(codeMessage(), { baseUrl: server.origin })
    await server.close()
    expect(error).toMatchObject({ failure: 'uncertain', message: expect.stringContaining(`HTTP status ${status}`) })
  })

  it.each([undefined, 5, '', '\u001b[2J', 'x'.repeat(129)])('counts a message with the id %j as sent', async BizId => {
    const server = await startLoopbackServer(1024, () => json({ Code: 'OK', BizId }))
    const sent = await provider({ baseUrl: server.origin }).send(codeMessage(), noSignal())
    await server.close()
    expect(sent).toEqual({ provider: 'aliyun', providerMessageId: null })
  })

  it('reads none of many answers of 10 MB to its end', async () => {
    const aliyun = provider()
    simulator.failNext('huge', 8)
    for (let round = 0; round < 8; round += 1) {
      expect((await deliveryErrorOf(aliyun.send(codeMessage(), noSignal()))).message).toContain('too long')
    }
  })
})

const minute = 60_000
const hour = 60 * minute
/** The manual clock stands at 13:05 UTC, which is 21:05 in China. */
const untilMidnight = 2 * hour + 55 * minute

describe('error codes', () => {
  it.each([
    ['isv.DAY_LIMIT_CONTROL', 'throttled', untilMidnight],
    ['isv.MONTH_LIMIT_CONTROL', 'throttled', untilMidnight],
    ['isv.BUSINESS_LIMIT_CONTROL', 'throttled', undefined],
    ['Throttling', 'throttled', 1_000],
    ['Throttling.User', 'throttled', 1_000],
    ['isv.MOBILE_NUMBER_ILLEGAL', 'refused', undefined],
    ['isv.DOMESTIC_NUMBER_NOT_SUPPORTED', 'refused', undefined],
    ['isv.BLACK_KEY_CONTROL_LIMIT', 'refused', undefined],
    ['isv.SMS_CONTENT_ILLEGAL', 'refused', undefined],
    ['isv.PARAM_NOT_SUPPORT_URL', 'refused', undefined],
    ['isv.SOMETHING_NEW', 'refused', undefined],
    ['isv.INVALID_PARAMETERS', 'refused', undefined],
    ['isv.SMS_TEMPLATE_ILLEGAL', 'misconfigured', undefined],
    ['isv.SMS_SIGNATURE_ILLEGAL', 'misconfigured', undefined],
    ['isv.SMS_SIGNATURE_SCENE_ILLEGAL', 'misconfigured', undefined],
    ['isv.TEMPLATE_MISSING_PARAMETERS', 'misconfigured', undefined],
    ['isv.AMOUNT_NOT_ENOUGH', 'misconfigured', undefined],
    ['isv.OUT_OF_SERVICE', 'misconfigured', undefined],
    ['isv.ACCOUNT_ABNORMAL', 'misconfigured', undefined],
    ['isp.RAM_PERMISSION_DENY', 'misconfigured', undefined],
    ['SignatureDoesNotMatch', 'misconfigured', undefined],
    ['InvalidAccessKeyId.NotFound', 'misconfigured', undefined],
    ['InvalidAccessKeyId.Inactive', 'misconfigured', undefined],
    ['Forbidden.RiskControl', 'misconfigured', undefined],
    ['isp.SYSTEM_ERROR', 'unreachable', undefined],
    ['ServiceUnavailable', 'unreachable', undefined],
    ['isp.GATEWAY_ERROR', 'uncertain', undefined],
    ['isp.SOMETHING_NEW', 'uncertain', undefined],
    ['InternalError', 'uncertain', undefined],
    ['SignatureNonceUsed', 'uncertain', undefined],
    ['constructor', 'uncertain', undefined],
  ] as const)('%s: %s', async (code, expected, retryAfter) => {
    simulator.failNext({ code })
    const error = await failure()
    expect(error).toMatchObject({ failure: expected, retryAfter })
    expect(error.message).toContain(`SendSms was answered with ${code}: `)
    expect(inbox).toEqual([])
  })

  it.each([
    ['触发分钟级流控Permits:1', minute],
    ['触发小时级流控Permits:5', hour],
    ['触发天级流控Permits:10', untilMidnight],
    ['', undefined],
    [undefined, undefined],
  ])('of the limits for one number tell which it is: %s', async (Message, retryAfter) => {
    const server = await startLoopbackServer(1024, () => json({ Code: 'isv.BUSINESS_LIMIT_CONTROL', Message }))
    const error = await failure(codeMessage(), { baseUrl: server.origin })
    await server.close()
    expect(error).toMatchObject({ failure: 'throttled', retryAfter })
    expect(error.message).not.toContain('Permits')
  })

  it.each(['13800138000', '012345', `a ${secretMark}`, 'x'.repeat(81), '', '\u001b[2J'])(
    'are not shown when they are none: %j',
    async code => {
      simulator.failNext({ code })
      expect(await failure()).toMatchObject({
        failure: 'uncertain',
        message: expect.stringContaining('no known answer'),
      })
    },
  )

  it.each(['isv.SMS_TEMPLATE_ILLEGAL', 'isv.PARAM_LENGTH_LIMIT', 'isv.SMS_SIGNATURE_SCENE_ILLEGAL'])(
    'of templates turn off nothing for a notice: %s',
    async code => {
      simulator.failNext({ code })
      expect(await failure(noticeMessage())).toMatchObject({ failure: 'refused' })
      simulator.failNext({ code: 'isv.AMOUNT_NOT_ENOUGH' })
      expect(await failure(noticeMessage())).toMatchObject({ failure: 'misconfigured' })
    },
  )
})

it.each(['isv.SMS_TEMPLATE_ILLEGAL', 'isv.SMS_SIGNATURE_ILLEGAL'])(
  'of templates that are the mainland’s alone turn off nothing for a number abroad: %s',
  async code => {
    simulator.failNext({ code })
    expect(await failure(codeMessage({ to: '+85251234567' }))).toMatchObject({ failure: 'refused' })
    simulator.failNext({ code })
    expect(await failure(codeMessage())).toMatchObject({ failure: 'misconfigured' })
  },
)

describe('check', () => {
  const check = (config: Partial<AliyunConfig> = {}) => provider(config).check(noSignal())

  it('asks for every template, and sends nothing', async () => {
    await check()
    expect(simulator.calls).toEqual(Array(4).fill('GetSmsTemplate'))
    expect(inbox).toEqual([])
  })

  it.each(['SMS_300', 'SMS_301'])('says that %s is not approved', async id => {
    const error = await deliveryErrorOf(check({ noticeTemplates: { 'zh-CN': id, en: undefined } }))
    expect(error).toMatchObject({ failure: 'refused', message: `aliyun: the template ${id} is not approved` })
  })

  it('is told of a template that is not there, and of wrong credentials', async () => {
    const codeTemplates = { 'zh-CN': 'SMS_999', en: undefined }
    expect(await deliveryErrorOf(check({ codeTemplates }))).toMatchObject({ failure: 'misconfigured' })
    const wrong = { accessKeySecret: secretMark }
    expect(await deliveryErrorOf(check(wrong))).toMatchObject({ failure: 'misconfigured' })
  })

  it.each(['hang', 'cut', 'garbage', 'huge', 'status500', { code: 'InternalError' }] as const)(
    'is unreachable after %j: there is nothing that could have been sent',
    async fault => {
      simulator.failNext(fault)
      const error = await deliveryErrorOf(check({ timeout: fault === 'hang' ? 300 : 5_000 }))
      expect(error).toMatchObject({ failure: 'unreachable' })
    },
  )
})
