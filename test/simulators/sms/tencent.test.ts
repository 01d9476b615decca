import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemRandom } from '../../../src/lib/random.ts'
import { tencentReceipts } from '../../../src/server/providers/sms/tencent/receipt.ts'
import { tencentAuthorization } from '../../../src/server/providers/sms/tencent/signature.ts'
import { signatureError } from '../../../src/simulators/sms/tencent/signature.ts'
import { startTencentSimulator, type TencentSimulator } from '../../../src/simulators/sms/tencent/simulator.ts'
import type { TextMessage } from '../../../src/simulators/sms/text-message.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'
import { receiptsAt } from './support.ts'

const credentials = { secretId: 'AKIDexample', secretKey: 'secret' }
const timestamp = Date.UTC(2026, 10, 22, 13, 5) / 1000
const contentType = 'application/json; charset=utf-8'

function signed(operation: string, host: string, body: string, service = 'sms') {
  const headers = { 'content-type': contentType, host, 'x-tc-action': operation }
  const request = { service, method: 'POST', path: '/', headers, body, timestamp }
  const authorization = tencentAuthorization(request, credentials)
  const others = { 'x-tc-timestamp': String(timestamp), 'x-tc-version': '2021-01-11', 'x-tc-region': 'ap-guangzhou' }
  return { method: 'POST', path: '/', query: '', headers: { ...headers, ...others, authorization }, body }
}

describe('API 3.0', () => {
  const request = signed('SendSms', 'sms.tencentcloudapi.com', '{}')
  const { headers } = request
  const minute = 60_000

  it('takes a request for 5 minutes before and after', () => {
    const now = timestamp * 1000
    for (const at of [now, now + 5 * minute, now - 5 * minute]) {
      expect(signatureError(request, credentials, at)).toBeUndefined()
    }
    for (const at of [now + 5 * minute + 1, now - 5 * minute - 1]) {
      expect(signatureError(request, credentials, at)).toBe('AuthFailure.SignatureExpire')
    }
  })

  it.each([
    [{ method: 'GET' }, 'AuthFailure.SignatureFailure'],
    [{ query: 'a=b' }, 'AuthFailure.SignatureFailure'],
    [{ body: '{ }' }, 'AuthFailure.SignatureFailure'],
    [{ headers: { ...headers, 'content-type': 'application/json' } }, 'AuthFailure.SignatureFailure'],
    [{ headers: { ...headers, host: 'elsewhere' } }, 'AuthFailure.SignatureFailure'],
    [{ headers: { ...headers, 'x-tc-action': 'AddSmsSign' } }, 'AuthFailure.SignatureFailure'],
    [{ headers: { ...headers, 'x-tc-timestamp': String(timestamp + 1) } }, 'AuthFailure.SignatureFailure'],
    [{ headers: signed('SendSms', headers.host, '{}', 'cvm').headers }, 'AuthFailure.SignatureFailure'],
    [{ headers: { ...headers, 'x-tc-timestamp': 'now' } }, 'AuthFailure.InvalidAuthorization'],
    [{ headers: { ...headers, authorization: undefined } }, 'AuthFailure.InvalidAuthorization'],
    [
      { headers: { ...headers, authorization: headers.authorization.replace('content-type;', '') } },
      'AuthFailure.InvalidAuthorization',
    ],
    [
      { headers: { ...headers, authorization: headers.authorization.replace('AKID', 'XKID') } },
      'AuthFailure.SecretIdNotFound',
    ],
  ] as const)('refuses it with %j', (change, error) => {
    expect(signatureError({ ...request, ...change }, credentials, timestamp * 1000)).toBe(error)
  })
})

describe('the service', () => {
  let clock: ManualClock
  let simulator: TencentSimulator
  let inbox: TextMessage[]

  beforeEach(async () => {
    clock = manualClock()
    inbox = []
    simulator = await startTencentSimulator({
      clock,
      random: systemRandom,
      credentials,
      sdkAppId: '1400006666',
      signName: '虎符',
      templates: {
        1: { kind: 'code', variables: ['1'], review: 'approved' },
        2: { kind: 'notice', variables: ['1', '2'], review: 'approved' },
        3: { kind: 'code', variables: ['1'], review: 'pending' },
      },
      deliver: message => inbox.push(message),
    })
  })

  afterEach(() => simulator.close())

  const good = {
    PhoneNumberSet: ['+8613800138000'],
    SmsSdkAppId: '1400006666',
    SignName: '虎符',
    TemplateId: '1',
    TemplateParamSet: ['012345'],
  }

  interface Answer {
    readonly Error?: { readonly Code: string }
    readonly SendStatusSet?: readonly { readonly Code: string; readonly SerialNo: string }[]
  }

  async function call(body: unknown, operation = 'SendSms'): Promise<Answer> {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const { method, headers } = signed(operation, new URL(simulator.baseUrl).host, text)
    const answer = await fetch(simulator.baseUrl, { method, headers, body: text })
    expect(answer.status).toBe(200)
    return ((await answer.json()) as { Response: Answer }).Response
  }

  it('delivers', async () => {
    const { SendStatusSet } = await call(good)
    expect(SendStatusSet).toMatchObject([{ Code: 'Ok' }])
    expect(inbox).toMatchObject([
      { to: '+8613800138000', code: '012345', providerMessageId: SendStatusSet?.[0]?.SerialNo },
    ])
  })

  it.each([
    ['{', 'InvalidParameter'],
    [{ ...good, TemplateParamSet: [12345] }, 'InvalidParameter'],
    [{ ...good, PhoneNumberSet: '+8613800138000' }, 'InvalidParameter'],
    [{ ...good, PhoneNumberSet: [] }, 'MissingParameter.EmptyPhoneNumberSet'],
    [{ ...good, SessionContext: 'x'.repeat(512) }, 'InvalidParameterValue'],
  ])('refuses the request %j', async (body, code) => {
    expect(await call(body)).toMatchObject({ Error: { Code: code } })
  })

  it.each([
    [{ PhoneNumberSet: ['12'] }, 'InvalidParameterValue.IncorrectPhoneNumber'],
    [{ PhoneNumberSet: ['85261234567'] }, 'InvalidParameterValue.IncorrectPhoneNumber'],
    [{ SmsSdkAppId: '1' }, 'UnauthorizedOperation.SmsSdkAppIdVerifyFail'],
    [{ SignName: 'x' }, 'FailedOperation.SignatureIncorrectOrUnapproved'],
    [{ TemplateId: 1 }, 'FailedOperation.TemplateIncorrectOrUnapproved'],
    [{ TemplateId: '3' }, 'FailedOperation.TemplateIncorrectOrUnapproved'],
    [{ TemplateParamSet: [] }, 'FailedOperation.TemplateParamSetNotMatchApprovedTemplate'],
    [{ TemplateParamSet: ['1234567'] }, 'InvalidParameterValue.TemplateParameterFormatError'],
    [{ TemplateParamSet: ['abcdef'] }, 'InvalidParameterValue.TemplateParameterFormatError'],
    [
      { TemplateId: '2', TemplateParamSet: ['x', 'https://x'] },
      'InvalidParameterValue.ProhibitedUseUrlInTemplateParameter',
    ],
  ])('refuses the number with %j: %s', async (change, code) => {
    expect(await call({ ...good, ...change })).toMatchObject({ SendStatusSet: [{ Code: code, SerialNo: '' }] })
    expect(inbox).toEqual([])
  })

  it('knows two operations', async () => {
    expect(await call({}, 'AddSmsSign')).toMatchObject({ Error: { Code: 'InvalidAction' } })
  })

  it('pushes reports that are read as receipts, and is content with the answer', async () => {
    const { url, receipts, close } = await receiptsAt(tencentReceipts('the-secret'))
    const reports = [
      { providerMessageId: '5000:1', delivered: true },
      { providerMessageId: '5000:2', delivered: false },
    ]
    expect(await simulator.pushReports(`${url}/the-secret`, reports)).toBe(true)
    expect(receipts).toEqual([
      { provider: 'tencent', providerMessageId: '5000:1', receipt: 'delivered' },
      { provider: 'tencent', providerMessageId: '5000:2', receipt: 'undelivered' },
    ])
    expect(await simulator.pushReports(`${url}/another`, reports)).toBe(false)
    await close()
  })
})
