import { createHmac, hash } from 'node:crypto'
import { isoTime } from '../../../../lib/clock.ts'

const algorithm = 'TC3-HMAC-SHA256'

export interface TencentRequest {
  /** The first label of the API's domain name: `sms`. */
  readonly service: string
  readonly method: string
  /** The path; `/` in API 3.0. */
  readonly path: string
  /** The headers that are signed, their names in lower case, their values as they are sent. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Seconds since the Unix epoch, as in the header `X-TC-Timestamp`. */
  readonly timestamp: number
}

/**
 * The header `Authorization` for a call of Tencent Cloud's API 3.0: "Signature v3" (签名方法 v3), sections 1 to 4, for a
 * request without a query.
 */
export function tencentAuthorization(
  { service, method, path, headers, body, timestamp }: TencentRequest,
  { secretId, secretKey }: { readonly secretId: string; readonly secretKey: string },
): string {
  const names = Object.keys(headers).sort()
  const signedHeaders = names.join(';')
  const canonicalHeaders = names.map(name => `${name}:${headers[name]?.trim().toLowerCase()}\n`).join('')
  const canonicalRequest = [method, path, '', canonicalHeaders, signedHeaders, hash('sha256', body)].join('\n')
  const date = isoTime(timestamp * 1000).slice(0, 10)
  const scope = `${date}/${service}/tc3_request`
  const stringToSign = [algorithm, timestamp, scope, hash('sha256', canonicalRequest)].join('\n')
  const key = [date, service, 'tc3_request'].reduce(hmac, Buffer.from(`TC3${secretKey}`, 'utf8'))
  const signature = hmac(key, stringToSign).toString('hex')
  return `${algorithm} Credential=${secretId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`
}

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
