import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemRandom } from '../../../src/lib/random.ts'
import { aliyunReceipts } from '../../../src/server/providers/sms/aliyun/receipt.ts'
import { aliyunAuthorization, canonicalQuery } from '../../../src/server/providers/sms/aliyun/signature.ts'
import { signatureError } from '../../../src/simulators/sms/aliyun/signature.ts'
import { type AliyunSimulator, startAliyunSimulator } from '../../../src/simulators/sms/aliyun/simulator.ts'
import type { TextMessage } from '../../../src/simulators/sms/text-message.ts'
import { type ManualClock, manualClock } from '../../support/manual-clock.ts'
import { receiptsAt } from './support.ts'

const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

describe('the gateway', () => {
  const credentials = { accessKeyId: 'YourAccessKeyId', accessKeySecret: 'YourAccessKeySecret' }
  const now = Date.UTC(2023, 9, 26, 10, 22, 32)
  const minute = 60_000
  const authorization =
    'ACS3-HMAC-SHA256 Credential=YourAccessKeyId,' +
    'SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,' +
    'Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0'
  /** The example of "Request syntax and signature method V3". */
  const headers = {
    host: 'ecs.cn-shanghai.aliyuncs.com',
    'x-acs-action': 'RunInstances',
    'x-acs-content-sha256': emptyHash,
    'x-acs-date': '2023-10-26T10:22:32Z',
    'x-acs-signature-nonce': '3156853299f313e23d1673dc12e1703d',
    'x-acs-version': '2014-05-26',
    authorization,
  }
  const request = {
    method: 'POST',
    path: '/',
    query: 'ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai',
    headers,
    body: '',
  }

  it("takes the documentation's example, for 15 minutes before and after", () => {
    for (const at of [now, now + 15 * minute, now - 15 * minute]) {
      expect(signatureError(request, credentials, at)).toBeUndefined()
    }
    for (const at of [now + 15 * minute + 1, now - 15 * minute - 1]) {
      expect(signatureError(request, credentials, at)).toBe('InvalidTimeStamp.Expired')
    }
  })

  it.each([
    [{ method: 'GET' }, 'SignatureDoesNotMatch'],
    [{ path: '/x' }, 'SignatureDoesNotMatch'],
    [{ query: '' }, 'SignatureDoesNotMatch'],
    [{ query: `${request.query}&a=b` }, 'SignatureDoesNotMatch'],
    [{ body: 'x' }, 'SignatureDoesNotMatch'],
    [{ headers: { ...headers, host: 'elsewhere' } }, 'SignatureDoesNotMatch'],
    [{ headers: { ...headers, 'x-acs-action': 'StopInstances' } }, 'SignatureDoesNotMatch'],
    [{ headers: { ...headers, 'x-acs-signature-nonce': '1' } }, 'SignatureDoesNotMatch'],
    [{ headers: { ...headers, 'x-acs-date': '26 Oct 2023' } }, 'InvalidTimeStamp.Format'],
    [{ headers: { ...headers, authorization: undefined } }, 'IncompleteSignature'],
    [{ headers: { ...headers, authorization: authorization.replace('x-acs-date;', '') } }, 'IncompleteSignature'],
    [{ headers: { ...headers, authorization: authorization.replace('Your', 'My') } }, 'InvalidAccessKeyId.NotFound'],
  ] as const)('refuses it with %j', (change, error) => {
    expect(signatureError({ ...request, ...change }, credentials, now)).toBe(error)
  })
})

describe('the service', () => {
  const credentials = { accessKeyId: 'key', accessKeySecret: 'secret' }
  let clock: ManualClock
  let simulator: AliyunSimulator
  let inbox: TextMessage[]

  beforeEach(async () => {
    clock = manualClock()
    inbox = []
    simulator = await startAliyunSimulator({
      clock,
      random: systemRandom,
      credentials,
      signName: '虎符',
      templates: {
        SMS_1: { kind: 'code', variables: ['code'], review: 'approved' },
        SMS_2: { kind: 'notice', variables: ['what', 'time'], review: 'approved' },
        SMS_3: { kind: 'code', variables: ['code'], review: 'pending' },
      },
      deliver: message => inbox.push(message),
    })
  })

  afterEach(() => simulator.close())

  const good = {
    PhoneNumbers: '13800138000',
    SignName: '虎符',
    TemplateCode: 'SMS_1',
    TemplateParam: '{"code":"012345"}',
  }

  async function call(
    query: Readonly<Record<string, string>>,
    { operation = 'SendSms', version = '2017-05-25', nonce = String(Math.random()) } = {},
  ): Promise<{ status: number; Code: string; BizId?: string }> {
    const headers = {
      host: new URL(simulator.baseUrl).host,
      'x-acs-action': operation,
      'x-acs-version': version,
      'x-acs-date': '2026-11-22T13:05:00Z',
      'x-acs-signature-nonce': nonce,
      'x-acs-content-sha256': emptyHash,
    }
    const signed = { method: 'POST', path: '/', query, headers, bodyHash: emptyHash }
    const authorization = aliyunAuthorization(signed, credentials)
    const answer = await fetch(`${simulator.baseUrl}/?${canonicalQuery(query)}`, {
      method: 'POST',
      headers: { ...headers, authorization },
    })
    return { status: answer.status, ...((await answer.json()) as { Code: string }) }
  }

  it('delivers', async () => {
    const answer = await call(good)
    expect(answer).toMatchObject({ status: 200, Code: 'OK' })
    expect(inbox).toMatchObject([{ to: '+8613800138000', code: '012345', providerMessageId: answer.BizId }])
  })

  it.each(['+8613800138000', '8613800138000', '008613800138000', '+13800138000'])('knows %s', async number => {
    await call({ ...good, PhoneNumbers: number })
    expect(inbox.map(message => message.to)).toEqual(['+8613800138000'])
  })

  it('takes a nonce once, and only in a request that is signed', async () => {
    expect(await call(good, { nonce: '1' })).toMatchObject({ Code: 'OK' })
    expect(await call(good, { nonce: '1' })).toMatchObject({ status: 400, Code: 'SignatureNonceUsed' })
    expect(inbox).toHaveLength(1)
  })

  it.each([
    [{ PhoneNumbers: '12' }, 'isv.MOBILE_NUMBER_ILLEGAL'],
    [{ PhoneNumbers: '+85261234567' }, 'isv.MOBILE_NUMBER_ILLEGAL'],
    [{ SignName: 'x' }, 'isv.SMS_SIGNATURE_ILLEGAL'],
    [{ TemplateCode: 'SMS_3' }, 'isv.SMS_TEMPLATE_ILLEGAL'],
    [{ TemplateCode: 'SMS_4' }, 'isv.SMS_TEMPLATE_ILLEGAL'],
    [{ TemplateParam: '{' }, 'isv.INVALID_JSON_PARAM'],
    [{ TemplateParam: '[]' }, 'isv.INVALID_JSON_PARAM'],
    [{ TemplateParam: '{"code":12345}' }, 'isv.INVALID_JSON_PARAM'],
    [{ TemplateParam: '{}' }, 'isv.TEMPLATE_MISSING_PARAMETERS'],
    [{ TemplateParam: '{"code":""}' }, 'isv.TEMPLATE_MISSING_PARAMETERS'],
    [{ TemplateParam: '{"code":"123"}' }, 'isv.PARAM_LENGTH_LIMIT'],
    [{ TemplateParam: '{"code":"1234567"}' }, 'isv.PARAM_LENGTH_LIMIT'],
    [{ TemplateParam: '{"code":"12 45"}' }, 'isv.TEMPLATE_PARAMS_ILLEGAL'],
    [notice('x'.repeat(36)), 'isv.PARAM_LENGTH_LIMIT'],
    [notice('see www.example'), 'isv.PARAM_NOT_SUPPORT_URL'],
    [notice('example.org'), 'isv.PARAM_NOT_SUPPORT_URL'],
    [notice('🐯'), 'isv.UNSUPPORTED_CONTENT'],
    [notice('【虎】'), 'isv.UNSUPPORTED_CONTENT'],
    [notice('x', 'tomorrow'), 'isv.TEMPLATE_PARAMS_ILLEGAL'],
  ])('refuses %j with %s', async (change, code) => {
    expect(await call({ ...good, ...change })).toMatchObject({ status: 200, Code: code })
    expect(inbox).toEqual([])
  })

  it('knows two operations of one version', async () => {
    expect(await call(good, { operation: 'SendBatchSms' })).toMatchObject({ Code: 'InvalidAction.NotFound' })
    expect(await call(good, { version: '2018-05-01' })).toMatchObject({ Code: 'InvalidVersion' })
  })

  it('pushes reports that are read as receipts, and is content with the answer', async () => {
    const { url, receipts, close } = await receiptsAt(aliyunReceipts('the-secret'))
    const reports = [
      { providerMessageId: '1^0', delivered: true },
      { providerMessageId: '2^0', delivered: false },
    ]
    expect(await simulator.pushReports(`${url}/the-secret`, reports)).toBe(true)
    expect(receipts).toEqual([
      { provider: 'aliyun', providerMessageId: '1^0', receipt: 'delivered' },
      { provider: 'aliyun', providerMessageId: '2^0', receipt: 'undelivered' },
    ])
    expect(await simulator.pushReports(`${url}/another`, reports)).toBe(false)
    await close()
    expect(await simulator.pushReports(`${url}/the-secret`, reports)).toBe(false)
  })
})

function notice(what: string, time = '2026-11-22 13:05') {
  return { TemplateCode: 'SMS_2', TemplateParam: JSON.stringify({ what, time }) }
}
