import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReceiptRefused } from '../../../../src/server/domain/ports/receipt-refused.ts'
import type { ReceiptReader, ReceiptRequest } from '../../../../src/server/domain/ports/receipts.ts'
import { aliyunReceipts } from '../../../../src/server/providers/sms/aliyun/receipt.ts'
import { tencentReceipts } from '../../../../src/server/providers/sms/tencent/receipt.ts'

const secret = 'c2VjcmV0LXRoYXQtbm8tb25lLXNlZXM'

const pushed = (body: string, params: Readonly<Record<string, string>> = { secret }): ReceiptRequest => ({
  url: `https://account.example.org/v1/receipts/${params.secret}`,
  headers: { 'content-type': 'application/json' },
  query: {},
  params,
  body,
})

function refusalOf(read: () => unknown): ReceiptRefused['reason'] {
  try {
    read()
  } catch (error) {
    if (!(error instanceof ReceiptRefused)) throw error
    expect(`${error} ${error.stack}`).not.toContain(secret)
    return error.reason
  }
  return expect.unreachable('it was read')
}

/** As in "SmsReport" (HTTP批量推送模式). */
const aliyunEntry = {
  phone_number: '13811110000',
  send_time: '2017-01-01 00:00:00',
  report_time: '2017-01-01 00:00:00',
  success: true,
  err_code: 'DELIVERED',
  err_msg: '用户接收成功',
  sms_size: '1',
  biz_id: '848922680159657299^0',
  out_id: '67890',
}

/** As in "SMS Sending Status Notification" (短信下发状态通知). */
const tencentEntry = {
  user_receive_time: '2015-10-17 08:03:04',
  nationcode: '86',
  mobile: '13800138000',
  report_status: 'SUCCESS',
  errmsg: 'DELIVRD',
  description: '用户短信送达成功',
  sid: '5000:1045710669157053657849499619',
}

const cases: readonly {
  reader: ReceiptReader
  entry: Readonly<Record<string, unknown>>
  failed: Readonly<Record<string, unknown>>
  id: string
  odd: readonly Readonly<Record<string, unknown>>[]
}[] = [
  {
    reader: aliyunReceipts(secret),
    entry: aliyunEntry,
    failed: { success: false, err_code: 'MOBILE_NOT_ON_SERVICE' },
    id: 'biz_id',
    odd: [{ success: 'true' }, { success: undefined }, { success: null }, { success: 1 }],
  },
  {
    reader: tencentReceipts(secret),
    entry: tencentEntry,
    failed: { report_status: 'FAIL', errmsg: 'UNDELIV' },
    id: 'sid',
    odd: [{ report_status: 'success' }, { report_status: undefined }, { report_status: true }, { report_status: 0 }],
  },
]

describe.each(cases)('receipts of $reader.provider', ({ reader, entry, failed, id, odd }) => {
  const { provider } = reader
  const read = (list: unknown) => reader.read(pushed(JSON.stringify(list)))

  it('are read one by one from a list', () => {
    expect(read([entry, { ...entry, ...failed, [id]: '2' }])).toEqual([
      { provider, providerMessageId: entry[id], receipt: 'delivered' },
      { provider, providerMessageId: '2', receipt: 'undelivered' },
    ])
  })

  it.each(['', 'x', secret.slice(1), `${secret}x`, secret.toUpperCase()])('are refused with the secret %j', wrong => {
    const body = JSON.stringify([entry])
    expect(refusalOf(() => reader.read(pushed(body, { secret: wrong })))).toBe('secret')
    expect(refusalOf(() => reader.read(pushed('{', { secret: wrong })))).toBe('secret')
  })

  it('are refused without a secret', () => {
    expect(refusalOf(() => reader.read(pushed(JSON.stringify([entry]), {})))).toBe('secret')
    expect(refusalOf(() => reader.read({ ...pushed('[]', {}), query: { secret } }))).toBe('secret')
  })

  it.each(['', '{', 'null', '1', '"x"', '{}', '[]', '[null]', '[[]]', '[{}]', JSON.stringify({ 0: entry, length: 1 })])(
    'are refused where there are none: %s',
    body => {
      expect(refusalOf(() => reader.read(pushed(body)))).toBe('format')
    },
  )

  it.each([
    ...odd,
    { [id]: '' },
    { [id]: 1 },
    { [id]: null },
    { [id]: 'a b' },
    { [id]: '\u001b[2J' },
    { [id]: 'x'.repeat(129) },
  ])('take no other with them when they are odd: %j', change => {
    expect(refusalOf(() => read([{ ...entry, ...change }]))).toBe('format')
    expect(read([{ ...entry, ...change }, entry, null, 'x', []])).toHaveLength(1)
  })

  it('are refused when they are too many', () => {
    expect(read(Array.from({ length: 600 }, () => entry))).toHaveLength(600)
    expect(refusalOf(() => read(Array.from({ length: 1001 }, () => 0)))).toBe('size')
    expect(read([...Array.from({ length: 999 }, () => 0), entry])).toHaveLength(1)
  })

  it('are read or refused, whatever comes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), body => {
        try {
          for (const receipt of reader.read(pushed(body))) expect(receipt.provider).toBe(provider)
        } catch (error) {
          expect(error).toBeInstanceOf(ReceiptRefused)
        }
      }),
    )
  })
})
