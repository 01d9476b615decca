import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tencentAuthorization } from '../../../../../src/server/providers/sms/tencent/signature.ts'
import { signatureError } from '../../../../../src/simulators/sms/tencent/signature.ts'

const example = {
  service: 'cvm',
  method: 'POST',
  path: '/',
  headers: { host: 'cvm.tencentcloudapi.com', 'content-type': 'application/json; charset=utf-8' },
  body: '{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}',
  timestamp: 1551113065,
}

describe('the signature v3', () => {
  it('is the one of the example in "Signature v3" (签名方法 v3)', () => {
    const credentials = { secretId: `AKID${'*'.repeat(32)}`, secretKey: '*'.repeat(32) }
    const headers = { ...example.headers, 'x-tc-action': 'DescribeInstances' }
    expect(tencentAuthorization({ ...example, headers }, credentials)).toBe(
      'TC3-HMAC-SHA256 Credential=AKID********************************/2019-02-25/cvm/tc3_request, ' +
        'SignedHeaders=content-type;host;x-tc-action, ' +
        'Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f',
    )
  })

  it("is the one of the example in its earlier edition, which signs two headers with the documentation's own key", () => {
    const credentials = {
      secretId: 'AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE',
      secretKey: 'Gu5t9xGARNpq86cd98joQYCN3EXAMPLE',
    }
    expect(tencentAuthorization(example, credentials)).toBe(
      'TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, ' +
        'SignedHeaders=content-type;host, ' +
        'Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168',
    )
  })

  it('is what the other side reckons, for any body at any time', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 })
    const times = fc.integer({ min: 1_000_000_000, max: 4_000_000_000 })
    fc.assert(
      fc.property(text, times, fc.string({ minLength: 1 }), (body, timestamp, secretKey) => {
        const credentials = { secretId: 'AKIDexample', secretKey }
        const signed = {
          'content-type': 'application/json; charset=utf-8',
          host: 'localhost:80',
          'x-tc-action': 'SendSms',
        }
        const request = { service: 'sms', method: 'POST', path: '/', headers: signed, body, timestamp }
        const authorization = tencentAuthorization(request, credentials)
        const headers = { ...signed, authorization, 'x-tc-timestamp': String(timestamp) }
        const received = { method: 'POST', path: '/', query: '', headers, body }
        expect(signatureError(received, credentials, timestamp * 1000)).toBeUndefined()
        const tampered = { ...received, body: `${body}.` }
        expect(signatureError(tampered, credentials, timestamp * 1000)).toBe('AuthFailure.SignatureFailure')
      }),
      { numRuns: 300 },
    )
  })
})
