import { type Clock, wallTime } from '../../../lib/clock.ts'
import { type Random, randomDigits } from '../../../lib/random.ts'
import { createFaults, type Faults } from '../../faults.ts'
import { json, type LoopbackAnswer, type LoopbackRequest, startLoopbackServer } from '../../loopback-server.ts'
import { acknowledged, pushJson } from '../push.ts'
import type { SmsReport, SmsTemplate, TextMessage } from '../text-message.ts'
import { type Parameters, readSendSms } from './send-sms.ts'
import { header, signatureError, type TencentCredentials } from './signature.ts'

export interface TencentSimulatorOptions {
  readonly clock: Clock
  readonly random: Random
  readonly credentials: TencentCredentials
  readonly sdkAppId: string
  readonly signName: string
  /** By their ids, whether for messages to mainland China or to elsewhere. */
  readonly templates: Readonly<Record<string, SmsTemplate & { readonly international?: boolean }>>
  /** Whether the account is a company's; a person's may not ask for templates. Left out: yes. */
  readonly company?: boolean
  /** Told of every message that is accepted. */
  readonly deliver: (message: TextMessage) => void
}

/** Tencent Cloud's Short Message Service, as far as one account sees it. */
export interface TencentSimulator extends Pick<Faults, 'failNext'> {
  readonly baseUrl: string
  /** The operations that were called with a right signature, in their order. */
  readonly calls: readonly string[]
  /** Lets the next message be refused in `SendStatusSet`, with the request itself in order. */
  refuseNext(code: string): void
  /** Pushes delivery reports. @returns whether they were answered so that they are not pushed again */
  pushReports(url: string, reports: readonly SmsReport[]): Promise<boolean>
  close(): Promise<void>
}

const reviews = { approved: 0, pending: 1, rejected: -1 } as const

/** Starts an HTTP server that speaks sms 2021-01-11 on 127.0.0.1: SendSms and DescribeSmsTemplateList. */
export async function startTencentSimulator(options: TencentSimulatorOptions): Promise<TencentSimulator> {
  const { clock, random, credentials, company = true, deliver } = options
  const templates = new Map(Object.entries(options.templates))
  const calls: string[] = []
  const refusals: string[] = []

  const requestId = (): string => Buffer.from(random.bytes(16)).toString('hex')
  /** API 3.0 answers with HTTP status 200, errors included. */
  const answer = (fields: Readonly<Record<string, unknown>>): LoopbackAnswer =>
    json({ Response: { ...fields, RequestId: requestId() } })
  const error = (code: string): LoopbackAnswer => answer({ Error: { Code: code, Message: `simulated: ${code}` } })
  const faults = createFaults({ throttle: () => error('RequestLimitExceeded'), error })

  function sendSms(parameters: Parameters): LoopbackAnswer {
    const read = readSendSms(parameters, options, templates)
    if ('error' in read && read.of === 'request') return error(read.error)
    const refusal = 'error' in read ? read.error : refusals.shift()
    const sent = refusal === undefined && !('error' in read) ? read : undefined
    const providerMessageId = sent === undefined ? '' : `5000:${randomDigits(random, 28)}`
    if (sent !== undefined) deliver({ ...sent, providerMessageId })
    const status = {
      SerialNo: providerMessageId,
      PhoneNumber: sent?.to ?? '',
      Fee: sent === undefined ? 0 : 1,
      SessionContext: parameters.SessionContext ?? '',
      Code: refusal ?? 'Ok',
      Message: refusal === undefined ? 'send success' : `simulated: ${refusal}`,
      IsoCode: sent?.to.startsWith('+86') ? 'CN' : '',
    }
    return answer({ SendStatusSet: [status] })
  }

  function describeTemplates({ International, TemplateIdSet }: Parameters): LoopbackAnswer {
    if (!company) return error('FailedOperation.NotEnterpriseCertification')
    if (International !== 0 && International !== 1) return error('MissingParameter')
    if (!Array.isArray(TemplateIdSet) || !TemplateIdSet.every(id => Number.isInteger(id))) {
      return error('InvalidParameter')
    }
    const found = TemplateIdSet.flatMap(id => {
      const template = templates.get(String(id))
      if (template === undefined || (template.international ?? false) !== (International === 1)) return []
      return [{ TemplateId: id, International, StatusCode: reviews[template.review], ReviewReply: '' }]
    })
    if (found.length === 0) return error('FailedOperation.MissingTemplateList')
    return answer({ DescribeTemplateStatusSet: found })
  }

  function serve(request: LoopbackRequest): LoopbackAnswer {
    const wrong = signatureError(request, credentials, clock.now())
    if (wrong !== undefined) return error(wrong)
    if (header(request, 'x-tc-version') !== '2021-01-11') return error('NoSuchVersion')
    if (!/^[a-z]+-[a-z]+$/.test(header(request, 'x-tc-region'))) return error('UnsupportedRegion')
    const operation = header(request, 'x-tc-action')
    calls.push(operation)
    return faults.answer(() => {
      const parameters = objectIn(request.body)
      if (parameters === undefined) return error('InvalidParameter')
      if (operation === 'SendSms') return sendSms(parameters)
      if (operation === 'DescribeSmsTemplateList') return describeTemplates(parameters)
      return error('InvalidAction')
    })
  }

  const server = await startLoopbackServer(64 * 1024, serve)
  return {
    baseUrl: server.origin,
    calls,
    failNext: faults.failNext,
    refuseNext: code => {
      refusals.push(code)
    },
    pushReports: async (url, reports) => {
      const list = reports.map(({ providerMessageId, delivered }) => ({
        user_receive_time: `${wallTime(clock.now(), 'Asia/Shanghai')}:00`,
        nationcode: '86',
        mobile: '13800138000',
        report_status: delivered ? 'SUCCESS' : 'FAIL',
        errmsg: delivered ? 'DELIVRD' : 'UNDELIV',
        description: delivered ? '用户短信送达成功' : '用户短信接收失败',
        sid: providerMessageId,
      }))
      return acknowledged(await pushJson(url, list), ({ result }) => result === 0)
    },
    close: server.close,
  }
}

function objectIn(json: string): Parameters | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Parameters) : undefined
  } catch {
    return undefined
  }
}
