import { createHmac, hash } from 'node:crypto'

const algorithm = 'ACS3-HMAC-SHA256'

export interface AliyunRequest {
  readonly method: string
  /** The path, percent-encoded; `/` for operations of the RPC style. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** All headers that are signed, their names in lower case: `host` and every `x-acs-…`. */
  readonly headers: Readonly<Record<string, string>>
  /** The body's SHA-256, hexadecimal, as in the header `x-acs-content-sha256`. */
  readonly bodyHash: string
}

/** RFC 3986: everything but letters, digits, `-`, `_`, `.` and `~` is encoded. Lone surrogates become U+FFFD. */
const percentEncode = (text: string): string =>
  encodeURIComponent(Buffer.from(text, 'utf8').toString('utf8')).replace(
    /[!'()*]/g,
    sign => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** The query as it is signed, and as it is to be sent: encoded, sorted by name. */
export const canonicalQuery = (query: Readonly<Record<string, string>>): string =>
  Object.entries(query)
    .map(([name, value]) => [percentEncode(name), percentEncode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')

/**
 * The header `Authorization` for a call of Aliyun's OpenAPI: Alibaba Cloud SDK, "Request syntax and signature method V3"
 * (V3 版本请求体 & 签名机制), section "Signature mechanism" (签名机制).
 */
export function aliyunAuthorization(
  { method, path, query, headers, bodyHash }: AliyunRequest,
  { accessKeyId, accessKeySecret }: { readonly accessKeyId: string; readonly accessKeySecret: string },
): string {
  const names = Object.keys(headers).sort()
  const signedHeaders = names.join(';')
  const canonicalHeaders = names.map(name => `${name}:${headers[name]?.trim()}\n`).join('')
  const canonicalRequest = [method, path, canonicalQuery(query), canonicalHeaders, signedHeaders, bodyHash].join('\n')
  const stringToSign = `${algorithm}\n${hash('sha256', canonicalRequest)}`
  const signature = createHmac('sha256', accessKeySecret).update(stringToSign).digest('hex')
  return `${algorithm} Credential=${accessKeyId},SignedHeaders=${signedHeaders},Signature=${signature}`
}
