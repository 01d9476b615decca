import type { Receipt, ReceiptReader } from '../../../domain/ports/receipts.ts'
import { messageIdOf } from '../answers.ts'
import { pushedList, readEntries } from '../pushed-list.ts'

/**
 * Aliyun's delivery reports: Short Message Service, "SmsReport" (HTTP 批量推送模式). Whatever is not answered with HTTP
 * status 200 and a JSON object with a number as `code` is pushed again after 1, 5 and 10 minutes.
 * @param secret what stands in the address to which they are pushed
 */
export const aliyunReceipts = (secret: string): ReceiptReader => ({
  provider: 'aliyun',
  accepted: { contentType: 'application/json; charset=utf-8', body: '{"code":0,"msg":"OK"}' },
  read: request =>
    readEntries(pushedList(request, secret), ({ biz_id: bizId, success }): Receipt | undefined => {
      const id = messageIdOf(bizId)
      return id !== undefined && typeof success === 'boolean'
        ? { provider: 'aliyun', providerMessageId: id, receipt: success ? 'delivered' : 'undelivered' }
        : undefined
    }),
})
