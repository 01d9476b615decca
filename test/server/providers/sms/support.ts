import { expect } from 'vitest'
import { DeliveryError } from '../../../../src/server/domain/ports/delivery-error.ts'
import type { OutgoingMessage } from '../../../../src/server/domain/ports/messages.ts'
import type { SmsTemplate } from '../../../../src/simulators/sms/text-message.ts'

/** Of every secret: what no error may show. */
export const secretMark = 'SECRET-that-no-one-sees'
export const linkSecret = 'Zq7hT2mKx9Lw4RcV8bNs'

export const codeMessage = (fields: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  id: 'message-1',
  channel: 'phone',
  to: '+8613800138000',
  locale: 'zh-CN',
  subject: '验证码',
  text: '您的验证码是 012345',
  code: '012345',
  link: null,
  notice: null,
  ...fields,
})

export const noticeMessage = (fields: Partial<OutgoingMessage> = {}): OutgoingMessage =>
  codeMessage({
    code: null,
    text: '账户 138****8000 的手机号已变更',
    link: `https://account.example.org/undo/${linkSecret}`,
    notice: { what: '手机号', account: '138****8000', time: '2026-11-22 13:05' },
    ...fields,
  })

export const codeTemplate: SmsTemplate = { kind: 'code', variables: ['code'], review: 'approved' }
export const noticeTemplate: SmsTemplate = {
  kind: 'notice',
  variables: ['what', 'account', 'time', 'link'],
  review: 'approved',
}

export const noSignal = (): AbortSignal => new AbortController().signal

/** What `work` fails with, which must be a `DeliveryError` that gives nothing away. */
export async function deliveryErrorOf(work: Promise<unknown>): Promise<DeliveryError> {
  const error = await work.then(
    () => expect.unreachable('it was delivered'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof DeliveryError)) throw error
  const shown = `${error} ${error.stack} ${JSON.stringify(error)} ${error.cause}`
  for (const hidden of [secretMark, '012345', '13800138000', linkSecret]) expect(shown).not.toContain(hidden)
  return error
}
