import { hash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isoTime } from '../../../../../src/lib/clock.ts'
import { aliyunAuthorization, canonicalQuery } from '../../../../../src/server/providers/sms/aliyun/signature.ts'
import { parametersOf, signatureError } from '../../../../../src/simulators/sms/aliyun/signature.ts'

const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

describe('the signature V3', () => {
  it('is the one of the example in "Request syntax and signature method V3" (V3版本请求体&签名机制)', () => {
    const authorization = aliyunAuthorization(
      {
        method: 'POST',
        path: '/',
        query: { RegionId: 'cn-shanghai', ImageId: 'win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd' },
        headers: {
          'x-acs-version': '2014-05-26',
          'x-acs-action': 'RunInstances',
          host: 'ecs.cn-shanghai.aliyuncs.com',
          'x-acs-date': '2023-10-26T10:22:32Z',
          'x-acs-signature-nonce': '3156853299f313e23d1673dc12e1703d',
          'x-acs-content-sha256': emptyHash,
        },
        bodyHash: emptyHash,
      },
      { accessKeyId: 'YourAccessKeyId', accessKeySecret: 'YourAccessKeySecret' },
    )
    expect(authorization).toBe(
      'ACS3-HMAC-SHA256 Credential=YourAccessKeyId,' +
        'SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,' +
        'Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0',
    )
  })

  it('encodes as the documentation tells: a blank as %20, an asterisk as %2A, a tilde not at all', () => {
    expect(canonicalQuery({ b: "!'()* ~+", a: '短', A: '' })).toBe('A=&a=%E7%9F%AD&b=%21%27%28%29%2A%20~%2B')
  })

  it('is what the other side reckons, for any parameters and any body', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    const lone = fc.constantFrom('\ud800', 'a\udc00b', '')
    const values = fc.dictionary(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }),
      fc.tuple(text, lone).map(parts => parts.join('')),
      { noNullPrototype: true },
    )
    fc.assert(
      fc.property(values, text, fc.string({ minLength: 1 }), (query, body, accessKeySecret) => {
        const now = Date.UTC(2026, 10, 22)
        const credentials = { accessKeyId: 'key', accessKeySecret }
        const bodyHash = hash('sha256', body)
        const headers = {
          host: 'localhost',
          'x-acs-action': 'SendSms',
          'x-acs-version': '2017-05-25',
          'x-acs-date': isoTime(now).replace('.000', ''),
          'x-acs-signature-nonce': '1',
          'x-acs-content-sha256': bodyHash,
        }
        const signed = { method: 'POST', path: '/', query, headers, bodyHash }
        const authorization = aliyunAuthorization(signed, credentials)
        const sent = canonicalQuery(query)
        const request = { method: 'POST', path: '/', query: sent, headers: { ...headers, authorization }, body }
        expect(signatureError(request, credentials, now)).toBeUndefined()
        expect(Object.fromEntries(parametersOf(sent))).toEqual(
          Object.fromEntries(Object.entries(query).map(([name, value]) => [name, value.replace(/\p{Cs}/gu, '\ufffd')])),
        )
        const tampered = { ...request, body: `${body}.` }
        expect(signatureError(tampered, credentials, now)).toBe('SignatureDoesNotMatch')
      }),
      { numRuns: 300 },
    )
  })
})
