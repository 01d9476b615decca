import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemRandom } from '../../../../../src/lib/random.ts'
import type { TencentConfig } from '../../../../../src/server/config/config.ts'
import type { MessageProvider } from '../../../../../src/server/domain/ports/messages.ts'
import { openTencent } from '../../../../../src/server/providers/sms/tencent/tencent.ts'
import { startLoopbackServer } from '../../../../../src/simulators/loopback-server.ts'
import { startTencentSimulator, type TencentSimulator } from '../../../../../src/simulators/sms/tencent/simulator.ts'
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
let simulator: TencentSimulator
let inbox: TextMessage[]
let opened: { close(): Promise<void> }[]

const credentials = { secretId: 'AKIDexample', secretKey: `${secretMark}短` }
const application = { sdkAppId: '1400006666', signName: '虎符' }

const simulate = (company: boolean): Promise<TencentSimulator> =>
  startTencentSimulator({
    clock,
    random: systemRandom,
    credentials,
    ...application,
    company,
    templates: {
      100: codeTemplate,
      101: { ...codeTemplate, international: true },
      200: noticeTemplate,
      201: { ...noticeTemplate, variables: ['what', 'account', 'time'] },
      300: { ...codeTemplate, review: 'pending' },
      301: { ...noticeTemplate, review: 'rejected' },
    },
    deliver: message => inbox.push(message),
  })

beforeEach(async () => {
  clock = manualClock()
  inbox = []
  opened = []
  simulator = await simulate(true)
  opened.push(simulator)
})

afterEach(async () => {
  for (const each of opened.reverse()) await each.close()
})

function provider(config: Partial<TencentConfig> = {}, ownClock: ManualClock = clock): MessageProvider {
  const tencent = openTencent(
    {
      ...credentials,
      ...application,
      region: 'ap-guangzhou',
      codeTemplates: { 'zh-CN': '100', en: '101' },
      noticeTemplates: { 'zh-CN': '201', en: undefined },
      noticeTemplatesWithLink: { 'zh-CN': '200', en: undefined },
      baseUrl: simulator.baseUrl,
      timeout: 5_000,
      ...config,
    },
    { clock: ownClock },
  )
  opened.push(tencent)
  return tencent
}

const failure = (message = codeMessage(), config: Partial<TencentConfig> = {}) =>
  deliveryErrorOf(provider(config).send(message, noSignal()))

describe('a message with a code', () => {
  it('is handed over whole, zero and all', async () => {
    const sent = await provider().send(codeMessage(), noSignal())
    expect(inbox).toEqual([
      {
        to: '+8613800138000',
        template: '100',
        parameters: { code: '012345' },
        code: '012345',
        providerMessageId: sent.providerMessageId,
      },
    ])
    expect(sent).toEqual({ provider: 'tencent', providerMessageId: expect.stringMatching(/^5000:\d{28}$/) })
  })

  it.each(['+85261234567', '+14155550123', '+8613912345678'])('reaches %s', async to => {
    await provider().send(codeMessage({ to }), noSignal())
    expect(inbox.map(message => message.to)).toEqual([to])
  })

  it('comes in its language, or else in the other', async () => {
    await provider().send(codeMessage({ locale: 'en' }), noSignal())
    await provider({ codeTemplates: { 'zh-CN': '100', en: undefined } }).send(codeMessage({ locale: 'en' }), noSignal())
    await provider({ codeTemplates: { 'zh-CN': undefined, en: '101' } }).send(codeMessage(), noSignal())
    expect(inbox.map(message => message.template)).toEqual(['101', '100', '101'])
  })

  it('is refused for a number that is none', async () => {
    expect(await failure(codeMessage({ to: '+8612' }))).toMatchObject({ failure: 'refused' })
  })

  it.each([
    ['no template at all', { codeTemplates: { 'zh-CN': undefined, en: undefined } }],
    ['a template that is not there', { codeTemplates: { 'zh-CN': '999', en: undefined } }],
    ['a template that is not approved', { codeTemplates: { 'zh-CN': '300', en: undefined } }],
    ['a template of another kind', { codeTemplates: { 'zh-CN': '200', en: undefined } }],
    ['another signature', { signName: '别人' }],
    ['another application', { sdkAppId: '1' }],
    ['an unknown key', { secretId: 'AKIDother' }],
    ['a wrong secret', { secretKey: `${secretMark}!` }],
    ['a region that is none', { region: 'nowhere' }],
  ])('is a matter of configuration with %s', async (_name, config) => {
    expect(await failure(codeMessage(), config)).toMatchObject({ failure: 'misconfigured', provider: 'tencent' })
    expect(inbox).toEqual([])
  })

  it.each([6, -6])('is a matter of configuration with a clock that is %i minutes off', async minutes => {
    const off = provider({}, manualClock(clock.now() + minutes * 60_000))
    expect(await deliveryErrorOf(off.send(codeMessage(), noSignal()))).toMatchObject({
      failure: 'misconfigured',
      message: expect.stringContaining('AuthFailure.SignatureExpire'),
    })
  })
})

describe('a notice', () => {
  it('says what changed, whose and when, in this order, and brings the secret part of the link', async () => {
    await provider().send(noticeMessage(), noSignal())
    expect(inbox).toMatchObject([
      {
        template: '200',
        code: null,
        parameters: { what: '手机号', account: '138****8000', time: '2026-11-22 13:05', link: linkSecret },
      },
    ])
  })

  it('has no link where no template takes one', async () => {
    await provider({ noticeTemplatesWithLink: undefined }).send(noticeMessage({ locale: 'en' }), noSignal())
    expect(inbox[0]?.parameters).toEqual({ what: '手机号', account: '138****8000', time: '2026-11-22 13:05' })
  })

  it('is refused, and nothing is asked, without a template for notices', async () => {
    const none = { noticeTemplates: undefined, noticeTemplatesWithLink: undefined }
    const error = await failure(noticeMessage(), none)
    expect(error).toMatchObject({ failure: 'refused', message: expect.stringContaining('no template for notices') })
    expect(simulator.calls).toEqual([])
  })

  it.each(['301', '999', '201'])('turns off nothing when its template %s is wrong', async id => {
    const noticeTemplatesWithLink = { 'zh-CN': id, en: undefined }
    expect(await failure(noticeMessage(), { noticeTemplatesWithLink })).toMatchObject({ failure: 'refused' })
  })

  it('is taken whatever it is about', async () => {
    const tencent = provider()
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ maxLength: 60 }),
      fc.constantFrom('john.smith', 'https://evil.example/x', 'www.example.org', 'a***e@g***l.com', '\ud800', ''),
    )
    await fc.assert(
      fc.asyncProperty(text, text, async (what, account) => {
        await tencent.send(noticeMessage({ notice: { what, account, time: '2026-11-22 13:05' } }), noSignal())
      }),
      { numRuns: 150 },
    )
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
    expect(error).toMatchObject({ failure: expected, provider: 'tencent' })
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
    const tencent = provider({ baseUrl: 'http://127.0.0.1:9' })
    expect(await deliveryErrorOf(tencent.send(codeMessage(), noSignal()))).toMatchObject({ failure: 'unreachable' })
  })

  it.each([
    '[]',
    'null',
    '{}',
    '{"Response":null}',
    '{"Response":{}}',
    '{"Response":{"Error":{}}}',
    '{"Response":{"Error":null}}',
    '{"Response":{"SendStatusSet":[]}}',
    '{"Response":{"SendStatusSet":{}}}',
    '{"Response":{"SendStatusSet":[null]}}',
    '{"Response":{"SendStatusSet":[{"Code":1}]}}',
    '{"Response":{"SendStatusSet":[{"Code":"Ok","SerialNo":"1"},{"Code":"Ok","SerialNo":"2"}]}}',
  ])('is uncertain after the answer %s', async body => {
    const server = await startLoopbackServer(64 * 1024, () => ({ status: 200, contentType: 'application/json', body }))
    opened.push(server)
    expect(await failure(codeMessage(), { baseUrl: server.origin })).toMatchObject({ failure: 'uncertain' })
  })

  it('is uncertain after a good answer with a bad HTTP status', async () => {
    const body = '{"Response":{"SendStatusSet":[{"Code":"Ok","SerialNo":"1"}]}}'
    const server = await startLoopbackServer(64 * 1024, () => ({ status: 502, contentType: 'application/json', body }))
    opened.push(server)
    expect(await failure(codeMessage(), { baseUrl: server.origin })).toMatchObject({ failure: 'uncertain' })
  })

  it('counts a message as sent though its id is none', async () => {
    const body = '{"Response":{"SendStatusSet":[{"Code":"Ok","SerialNo":"\\u001b[2J"}]}}'
    const server = await startLoopbackServer(64 * 1024, () => ({ status: 200, contentType: 'application/json', body }))
    opened.push(server)
    const sent = await provider({ baseUrl: server.origin }).send(codeMessage(), noSignal())
    expect(sent).toEqual({ provider: 'tencent', providerMessageId: null })
  })
})

const hour = 60 * 60_000
/** The manual clock stands at 13:05 UTC, which is 21:05 in China. */
const untilMidnight = 2 * hour + 55 * 60_000

describe('error codes', () => {
  it.each([
    ['LimitExceeded.PhoneNumberThirtySecondLimit', 'throttled', 30_000],
    ['LimitExceeded.PhoneNumberOneHourLimit', 'throttled', hour],
    ['LimitExceeded.PhoneNumberDailyLimit', 'throttled', untilMidnight],
    ['LimitExceeded.PhoneNumberSameContentDailyLimit', 'throttled', untilMidnight],
    ['LimitExceeded.AppDailyLimit', 'throttled', untilMidnight],
    ['LimitExceeded.DeliveryFrequencyLimit', 'throttled', undefined],
    ['LimitExceeded.SomethingNew', 'throttled', undefined],
    ['RequestLimitExceeded', 'throttled', 1_000],
    ['RequestLimitExceeded.UinLimitExceeded', 'throttled', 1_000],
    ['InvalidParameterValue.IncorrectPhoneNumber', 'refused', undefined],
    ['FailedOperation.PhoneNumberInBlacklist', 'refused', undefined],
    ['UnsupportedOperation.UnsuportedRegion', 'refused', undefined],
    ['FailedOperation.ContainSensitiveWord', 'refused', undefined],
    ['FailedOperation.SomethingNew', 'refused', undefined],
    ['FailedOperation.TemplateIncorrectOrUnapproved', 'misconfigured', undefined],
    ['FailedOperation.SignatureIncorrectOrUnapproved', 'misconfigured', undefined],
    ['InvalidParameterValue.TemplateParameterFormatError', 'misconfigured', undefined],
    ['FailedOperation.InsufficientBalanceInSmsPackage', 'misconfigured', undefined],
    ['AuthFailure.SignatureFailure', 'misconfigured', undefined],
    ['AuthFailure.SomethingNew', 'misconfigured', undefined],
    ['UnauthorizedOperation.RequestIpNotInWhitelist', 'misconfigured', undefined],
    ['UnauthorizedOperation.SerivceSuspendDueToArrears', 'misconfigured', undefined],
    ['InternalError.RequestTimeException', 'misconfigured', undefined],
    ['ServiceUnavailable', 'unreachable', undefined],
    ['InternalError.Timeout', 'uncertain', undefined],
    ['InternalError.SendAndRecvFail', 'uncertain', undefined],
    ['InternalError', 'uncertain', undefined],
    ['SomethingNew', 'uncertain', undefined],
    ['constructor', 'uncertain', undefined],
  ] as const)('%s, of the request or of the number: %s', async (code, expected, retryAfter) => {
    simulator.failNext({ code })
    const ofRequest = await failure()
    simulator.refuseNext(code)
    const ofNumber = await failure()
    for (const error of [ofRequest, ofNumber]) {
      expect(error).toMatchObject({ failure: expected, retryAfter })
      expect(error.message).toContain(`SendSms was answered with ${code}: `)
    }
    expect(inbox).toEqual([])
  })

  it.each(['13800138000', '012345', `a ${secretMark}`, 'x'.repeat(81), '', '\u001b[2J'])(
    'are not shown when they are none: %j',
    async code => {
      simulator.failNext({ code })
      expect(await failure()).toMatchObject({ failure: 'uncertain' })
      simulator.refuseNext(code)
      expect(await failure()).toMatchObject({ failure: 'uncertain' })
    },
  )

  it('of templates turn off nothing for a notice', async () => {
    simulator.refuseNext('InvalidParameterValue.TemplateParameterLengthLimit')
    expect(await failure(noticeMessage())).toMatchObject({ failure: 'refused' })
    simulator.refuseNext('FailedOperation.InsufficientBalanceInSmsPackage')
    expect(await failure(noticeMessage())).toMatchObject({ failure: 'misconfigured' })
  })
})

it('of signatures that are the mainland’s alone turn off nothing for a number abroad', async () => {
  const code = 'FailedOperation.SignatureIncorrectOrUnapproved'
  simulator.refuseNext(code)
  expect(await failure(codeMessage({ to: '+85251234567' }))).toMatchObject({ failure: 'refused' })
  simulator.refuseNext(code)
  expect(await failure(codeMessage())).toMatchObject({ failure: 'misconfigured' })
})

describe('check', () => {
  const check = (config: Partial<TencentConfig> = {}) => provider(config).check(noSignal())

  it('asks for all templates, at home and abroad, and sends nothing', async () => {
    await check({ codeTemplates: { 'zh-CN': '100', en: undefined } })
    expect(simulator.calls).toEqual(['DescribeSmsTemplateList', 'DescribeSmsTemplateList'])
    await check()
    expect(simulator.calls).toHaveLength(5)
    expect(inbox).toEqual([])
  })

  it('finds templates that are all for abroad', async () => {
    const noNotices = { noticeTemplates: undefined, noticeTemplatesWithLink: undefined }
    await check({ codeTemplates: { 'zh-CN': undefined, en: '101' }, ...noNotices })
  })

  it.each(['300', '301'])('says that %s is not approved', async id => {
    const error = await deliveryErrorOf(check({ noticeTemplates: { 'zh-CN': id, en: undefined } }))
    expect(error).toMatchObject({ failure: 'refused', message: `tencent: the template ${id} is not approved` })
  })

  it('says which template is not named by its number', async () => {
    const error = await deliveryErrorOf(check({ codeTemplates: { 'zh-CN': 'SMS_1', en: undefined } }))
    expect(error).toMatchObject({ failure: 'misconfigured', message: expect.stringContaining('SMS_1') })
    expect(simulator.calls).toEqual([])
  })

  it('says which template is not there', async () => {
    const error = await deliveryErrorOf(check({ noticeTemplates: { 'zh-CN': '999', en: undefined } }))
    expect(error).toMatchObject({ failure: 'refused', message: 'tencent: there is no template 999' })
  })

  it('is told of wrong credentials', async () => {
    expect(await deliveryErrorOf(check({ secretKey: secretMark }))).toMatchObject({ failure: 'misconfigured' })
  })

  it("is content with a person's account, which may not ask for templates", async () => {
    const person = await simulate(false)
    opened.push(person)
    await check({ baseUrl: person.baseUrl })
    expect(person.calls).toEqual(['DescribeSmsTemplateList', 'DescribeSmsTemplateList'])
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
