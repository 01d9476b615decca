import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReceiptRefused } from '../../../../src/server/domain/ports/receipt-refused.ts'
import { twilioReceiptReader } from '../../../../src/server/providers/sms/twilio/receipt.ts'
import { isSignedByTwilio, twilioSignature } from '../../../../src/server/providers/sms/twilio/signature.ts'
import { pushBody, signPush } from '../../../../src/simulators/sms/twilio/status-callback.ts'

// Twilio, "Webhooks security": the example of "Explore the algorithm yourself".
const example = {
  authToken: '12345',
  url: 'https://mycompany.com/myapp.php?foo=1&bar=2',
  parameters: {
    Digits: '1234',
    To: '+18005551212',
    From: '+14158675310',
    Caller: '+14158675310',
    CallSid: 'CA1234567890ABCDE',
  },
  signature: 'GvWf1cFY/Q7PnoempGyD5oXAezc=',
}

const authToken = 'token-that-no-one-sees'
const statusCallback = 'https://id.example.com/receipts/twilio'
const sid = `SM${'0123456789abcdef'.repeat(2)}`
const reader = twilioReceiptReader({ authToken, statusCallback })

const request = (body: string, signature: unknown) => ({
  url: '/receipts/twilio',
  headers: { 'x-twilio-signature': signature },
  query: {},
  params: {},
  body,
})
const signed = (parameters: Record<string, string>, url = statusCallback) =>
  request(pushBody(parameters), signPush(authToken, url, parameters))
const push = { MessageSid: sid, MessageStatus: 'delivered', To: '+14155552671', ErrorCode: '' }

function reasonOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof ReceiptRefused) return error.reason
    throw error
  }
  return 'taken'
}

describe('the signature', () => {
  it('is the documented one, by the server and by the simulator', () => {
    const parameters = new URLSearchParams(example.parameters)
    expect(twilioSignature(example.authToken, example.url, parameters)).toBe(example.signature)
    expect(signPush(example.authToken, example.url, example.parameters)).toBe(example.signature)
  })

  it('holds for any parameters, as the simulator signs them, and for no others', () => {
    // Names are ASCII: of others nobody says in which order Twilio has them.
    const name = fc.string({ minLength: 1, unit: 'grapheme-ascii' })
    fc.assert(
      fc.property(fc.dictionary(name, fc.string({ unit: 'grapheme' })), name, (parameters, name) => {
        const signature = signPush(authToken, statusCallback, parameters)
        const arrived = (sent: Record<string, string>) => new URLSearchParams(pushBody(sent))
        const isSigned = (sent: Record<string, string>) =>
          isSignedByTwilio(authToken, statusCallback, arrived(sent), signature)
        expect(isSigned(parameters)).toBe(true)
        expect(isSigned({ ...parameters, [name]: `${parameters[name] ?? ''}!` })).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  it('is looked for with the port and without it, as Twilio makes it now so, now so', () => {
    const isSigned = (configured: string, by: string) =>
      isSignedByTwilio('t', configured, new URLSearchParams(), signPush('t', by, {}))
    expect(isSigned('https://a.example/r?x', 'https://a.example:443/r?x')).toBe(true)
    expect(isSigned('https://a.example:8443/r', 'https://a.example/r')).toBe(true)
    expect(isSigned('http://a.example/r', 'http://a.example:80/r')).toBe(true)
    expect(isSigned('https://a.example/r', 'https://a.example:8443/r')).toBe(false)
    expect(isSigned('https://a.example/r', 'http://a.example/r')).toBe(false)
    expect(isSigned('https://a.example/r', 'https://a.example/r/')).toBe(false)
  })
})

describe('the reader', () => {
  it.each([
    ['delivered', 'delivered'],
    ['undelivered', 'undelivered'],
    ['failed', 'undelivered'],
  ])('%s is %s', (MessageStatus, receipt) => {
    expect(reader.read(signed({ ...push, MessageStatus }))).toEqual([
      { provider: 'twilio', providerMessageId: sid, receipt },
    ])
  })

  it.each(['queued', 'sending', 'sent', 'accepted', 'a state of next year', 'constructor'])(
    '%s is taken, and no receipt',
    MessageStatus => expect(reader.read(signed({ ...push, MessageStatus }))).toEqual([]),
  )

  it('takes parameters that nobody has announced, and the address with its query', () => {
    expect(reader.read(signed({ ...push, RawDlrDoneDate: '2611221305', 新: '虎 +&=%' }))).toHaveLength(1)
    const url = `${statusCallback}?a=1&b=2`
    const withQuery = twilioReceiptReader({ authToken, statusCallback: url })
    expect(withQuery.read(signed(push, url))).toHaveLength(1)
    expect(reasonOf(() => withQuery.read(signed(push)))).toBe('signature')
  })

  it.each([
    ['no signature', request(pushBody(push), undefined)],
    ['an empty one', request(pushBody(push), '')],
    ['two', request(pushBody(push), [signPush(authToken, statusCallback, push), 'x'])],
    ['one by another token', request(pushBody(push), signPush('another', statusCallback, push))],
    ['one for another address', signed(push, 'https://id.example.com/receipts/twilio2')],
    ['one for another state', request(pushBody(push), signed({ ...push, MessageStatus: 'failed' }).headers)],
    ['one for a parameter less', request(`${pushBody(push)}&x=y`, signPush(authToken, statusCallback, push))],
    ['no body', request('', signPush(authToken, statusCallback, push))],
  ])('refuses %s', (_what, pushed) => expect(reasonOf(() => reader.read(pushed))).toBe('signature'))

  it.each([
    ['no message', { MessageStatus: 'delivered' }],
    ['a message that is none', { ...push, MessageSid: 'CA1' }],
    ['no state', { MessageSid: sid }],
    ['JSON', { '{"MessageSid":1}': '' }],
  ])('refuses %s', (_what, parameters) => expect(reasonOf(() => reader.read(signed(parameters)))).toBe('format'))

  it('judges 64 KiB of parameters that nobody signed as quickly as others', () => {
    const body = Array.from({ length: 16_000 }, (_, index) => index.toString(36)).join('&')
    expect(body.length).toBeLessThan(64 * 1024)
    expect(reasonOf(() => reader.read(request(body, 'x')))).toBe('signature')
    expect(reasonOf(() => reader.read(request('a=1&'.repeat(16_000), 'x')))).toBe('signature')
  })
})
