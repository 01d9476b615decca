import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { type AliyunSimulator, startAliyunSimulator } from '../../src/simulators/sms/aliyun/simulator.ts'
import { startTencentSimulator, type TencentSimulator } from '../../src/simulators/sms/tencent/simulator.ts'
import type { SmsTemplate, TextMessage } from '../../src/simulators/sms/text-message.ts'
import { startTwilioSimulator, type TwilioSimulator } from '../../src/simulators/sms/twilio/simulator.ts'

export const smsNames = ['aliyun', 'tencent', 'twilio'] as const
export type SmsName = (typeof smsNames)[number]

/** A text message that somebody's phone has got. */
export interface ArrivedText {
  readonly by: SmsName
  readonly to: string
  readonly code: string | null
  readonly text: string
  readonly providerMessageId: string
}

/** The three services of text messages, and what has arrived by them, the oldest first. */
export interface SmsProviders {
  readonly aliyun: AliyunSimulator
  readonly tencent: TencentSimulator
  readonly twilio: TwilioSimulator
  readonly arrived: readonly ArrivedText[]
  readonly secrets: Readonly<Record<string, string>>
  /** The section `sms` in YAML. @param routes in YAML, a list */
  section(routes: string, options?: SectionOptions): string
  close(): Promise<void>
}

export interface SectionOptions {
  /** Seconds. */
  readonly timeout?: number
  /** Instead of the simulators' own. */
  readonly baseUrls?: Readonly<Record<SmsName, string>>
}

const signName = '虎符'
const accessKeyId = 'LTAI5tTestTestTestTestTe'
const secretId = 'AKIDTestTestTestTestTestTestTest0001'
const sdkAppId = '1400006666'
const code: SmsTemplate = { kind: 'code', variables: ['code'], review: 'approved' }
const notice: SmsTemplate = { kind: 'notice', variables: ['what', 'account', 'time'], review: 'approved' }
const linked: SmsTemplate = { ...notice, variables: ['what', 'account', 'time', 'link'] }

/** @param deliver told of each text message that arrives */
export async function startSmsProviders(deliver: (text: ArrivedText) => void = () => {}): Promise<SmsProviders> {
  const arrived: ArrivedText[] = []
  const edge = { clock: systemClock, random: systemRandom }
  const arrive = (text: ArrivedText) => {
    arrived.push(text)
    deliver(text)
  }
  const by = (name: 'aliyun' | 'tencent') => (message: TextMessage) =>
    arrive({ ...message, by: name, text: Object.values(message.parameters).join(' ') })
  const random = (bytes: number) => Buffer.from(systemRandom.bytes(bytes)).toString('hex')
  const [accessKeySecret, secretKey] = [random(15), random(16)]
  const aliyun = await startAliyunSimulator({
    ...edge,
    credentials: { accessKeyId, accessKeySecret },
    signName,
    templates: { SMS_100000001: code, SMS_100000002: linked, SMS_100000003: notice },
    deliver: by('aliyun'),
  })
  const tencent = await startTencentSimulator({
    ...edge,
    credentials: { secretId, secretKey },
    sdkAppId,
    signName,
    templates: { 2001: code, 2002: linked, 2003: notice },
    deliver: by('tencent'),
  })
  const twilio = await startTwilioSimulator({
    ...edge,
    onMessage: ({ sid, to, body }) => {
      const [found = null] = /(?<![\w-])\d{6}(?![\w-])/.exec(body) ?? []
      arrive({ by: 'twilio', to, code: found, text: body, providerMessageId: sid })
    },
  })
  return {
    aliyun,
    tencent,
    twilio,
    arrived,
    secrets: {
      HUFUD_ALIYUN_ACCESS_KEY_SECRET: accessKeySecret,
      HUFUD_TENCENT_SECRET_KEY: secretKey,
      HUFUD_TWILIO_AUTH_TOKEN: twilio.account.authToken,
    },
    section: (routes, { timeout = 10, baseUrls } = {}) => `
sms:
  routes: ${routes}
  aliyun:
    access_key_id: ${accessKeyId}
    sign_name: ${signName}
    code_templates: { zh-CN: SMS_100000001 }
    notice_templates: { zh-CN: SMS_100000003 }
    notice_templates_with_link: { zh-CN: SMS_100000002 }
    base_url: ${baseUrls?.aliyun ?? aliyun.baseUrl}
    timeout_seconds: ${timeout}
  tencent:
    secret_id: ${secretId}
    sdk_app_id: '${sdkAppId}'
    sign_name: ${signName}
    code_templates: { zh-CN: '2001' }
    notice_templates: { zh-CN: '2003' }
    notice_templates_with_link: { zh-CN: '2002' }
    base_url: ${baseUrls?.tencent ?? tencent.baseUrl}
    timeout_seconds: ${timeout}
  twilio:
    account_sid: ${twilio.account.accountSid}
    from: '${twilio.account.senders[0]}'
    receipts: true
    base_url: ${baseUrls?.twilio ?? twilio.baseUrl}
    timeout_seconds: ${timeout}`,
    async close() {
      await Promise.all([aliyun.close(), tencent.close(), twilio.close()])
    },
  }
}
