import type { Receipt, ReceiptReader } from '../../../domain/ports/receipts.ts'
import { messageIdOf } from '../answers.ts'
import { pushedList, readEntries } from '../pushed-list.ts'

const meanings = new Map<unknown, Receipt['receipt']>([
  ['SUCCESS', 'delivered'],
  ['FAIL', 'undelivered'],
])

/**
 * Tencent Cloud's delivery reports: Short Message Service, "SMS Sending Status Notification" (短信下发状态通知). It wants
 * a JSON object with the `result` 0.
 * @param secret what stands in the address to which they are pushed
 */
export const tencentReceipts = (secret: string): ReceiptReader => ({
  provider: 'tencent',
  accepted: { contentType: 'application/json; charset=utf-8', body: '{"result":0,"errmsg":"OK"}' },
  read: request =>
    readEntries(pushedList(request, secret), ({ sid, report_status: status }): Receipt | undefined => {
      const receipt = meanings.get(status)
      const id = messageIdOf(sid)
      return id !== undefined && receipt ? { provider: 'tencent', providerMessageId: id, receipt } : undefined
    }),
})
