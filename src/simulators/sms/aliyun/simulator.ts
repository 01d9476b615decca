import { type Clock, wallTime } from '../../../lib/clock.ts'
import { type Random, randomDigits } from '../../../lib/random.ts'
import { createFaults, type Faults } from '../../faults.ts'
import { json, type LoopbackAnswer, type LoopbackRequest, startLoopbackServer } from '../../loopback-server.ts'
import { acknowledged, pushJson } from '../push.ts'
import type { SmsReport, SmsTemplate, TextMessage } from '../text-message.ts'
import { readSendSms } from './send-sms.ts'
import { type AliyunCredentials, gatewayErrors, header, parametersOf, signatureError } from './signature.ts'

export interface AliyunSimulatorOptions {
  readonly clock: Clock
  readonly random: Random
  readonly credentials: AliyunCredentials
  readonly signName: string
  /** By their codes (`SMS_…`). */
  readonly templates: Readonly<Record<string, SmsTemplate>>
  /** Told of every message that is accepted. */
  readonly deliver: (message: TextMessage) => void
}

/** Aliyun's Short Message Service, as far as one account sees it. */
export interface AliyunSimulator extends Pick<Faults, 'failNext'> {
  readonly baseUrl: string
  /** The operations that were called with a right signature, in their order. */
  readonly calls: readonly string[]
  /** Pushes delivery reports. @returns whether they were answered so that they are not pushed again */
  pushReports(url: string, reports: readonly SmsReport[]): Promise<boolean>
  close(): Promise<void>
}

const reviews = { pending: '0', approved: '1', rejected: '2' } as const

/** Starts an HTTP server that speaks dysmsapi 2017-05-25 on 127.0.0.1: SendSms and GetSmsTemplate. */
export async function startAliyunSimulator(options: AliyunSimulatorOptions): Promise<AliyunSimulator> {
  const { clock, random, credentials, signName, deliver } = options
  const templates = new Map(Object.entries(options.templates))
  const nonces = new Set<string>()
  const calls: string[] = []

  const requestId = (): string => Buffer.from(random.bytes(16)).toString('hex').toUpperCase()
  const answer = (fields: Readonly<Record<string, unknown>>, status = 200): LoopbackAnswer =>
    json({ RequestId: requestId(), ...fields }, status)
  const error = (code: string, message = code): LoopbackAnswer => {
    // The service answers with 200, the gateway before it with a status of its own.
    if (/^is[vp]\./.test(code)) return answer({ Code: code, Message: message })
    const status = new Map<string, number>(Object.entries(gatewayErrors)).get(code)
    return answer({ Code: code, Message: message, HostId: 'dysmsapi.aliyuncs.com' }, status ?? 400)
  }
  const faults = createFaults({
    throttle: () => error('isv.BUSINESS_LIMIT_CONTROL', '触发分钟级流控Permits:1'),
    error,
  })

  function sendSms(parameters: ReadonlyMap<string, string>): LoopbackAnswer {
    const read = readSendSms(parameters, signName, templates)
    if ('error' in read) return error(read.error)
    const providerMessageId = `${randomDigits(random, 18)}^0`
    deliver({ ...read, providerMessageId })
    return answer({ Code: 'OK', Message: 'OK', BizId: providerMessageId })
  }

  function getSmsTemplate(parameters: ReadonlyMap<string, string>): LoopbackAnswer {
    const code = parameters.get('TemplateCode') ?? ''
    const template = templates.get(code)
    if (template === undefined) return error('isv.SMS_TEMPLATE_ILLEGAL')
    const status = reviews[template.review]
    return answer({ Code: 'OK', Message: 'OK', TemplateCode: code, TemplateStatus: status })
  }

  function serve(request: LoopbackRequest): LoopbackAnswer {
    const wrong = signatureError(request, credentials, clock.now())
    if (wrong !== undefined) return error(wrong)
    const nonce = header(request, 'x-acs-signature-nonce')
    if (nonces.has(nonce)) return error('SignatureNonceUsed')
    nonces.add(nonce)
    if (header(request, 'x-acs-version') !== '2017-05-25') return error('InvalidVersion')
    const operation = header(request, 'x-acs-action')
    calls.push(operation)
    return faults.answer(() => {
      const parameters = parametersOf(request.query)
      if (operation === 'SendSms') return sendSms(parameters)
      if (operation === 'GetSmsTemplate') return getSmsTemplate(parameters)
      return error('InvalidAction.NotFound')
    })
  }

  const server = await startLoopbackServer(64 * 1024, serve)
  return {
    baseUrl: server.origin,
    calls,
    failNext: faults.failNext,
    pushReports: async (url, reports) => {
      const time = `${wallTime(clock.now(), 'Asia/Shanghai')}:00`
      const list = reports.map(({ providerMessageId, delivered }) => ({
        phone_number: '13800138000',
        send_time: time,
        report_time: time,
        success: delivered,
        err_code: delivered ? 'DELIVERED' : 'MOBILE_NOT_ON_SERVICE',
        err_msg: delivered ? '用户接收成功' : '停机、空号、关机等',
        sms_size: '1',
        biz_id: providerMessageId,
        out_id: '',
      }))
      return acknowledged(await pushJson(url, list), ({ code }) => typeof code === 'number')
    },
    close: server.close,
  }
}
