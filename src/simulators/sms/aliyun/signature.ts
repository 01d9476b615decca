import { createHash, createHmac } from 'node:crypto'
import { timeOf } from '../../../lib/clock.ts'
import type { LoopbackRequest } from '../../loopback-server.ts'

// Aliyun's gateway, as its documentation of signature V3 has it, and not as the account server signs.

export interface AliyunCredentials {
  readonly accessKeyId: string
  readonly accessKeySecret: string
}

/** Error codes of the gateway, with the HTTP status of each. */
export const gatewayErrors = {
  IncompleteSignature: 400,
  'InvalidAccessKeyId.NotFound': 404,
  'InvalidTimeStamp.Format': 400,
  'InvalidTimeStamp.Expired': 400,
  SignatureNonceUsed: 400,
  SignatureDoesNotMatch: 400,
} as const
export type GatewayError = keyof typeof gatewayErrors

const required = [
  'host',
  'x-acs-action',
  'x-acs-version',
  'x-acs-date',
  'x-acs-signature-nonce',
  'x-acs-content-sha256',
]
const validity = 15 * 60_000

/** The query's parameters, decoded. */
export function parametersOf(query: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const pair of query === '' ? [] : query.split('&')) {
    const at = pair.indexOf('=')
    const [name, value] = at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
    parameters.set(decodeURIComponent(name), decodeURIComponent(value))
  }
  return parameters
}

/** Byte by byte: the unreserved characters of RFC 3986 stay, all else is `%XX`. */
function encode(text: string): string {
  let encoded = ''
  for (const byte of new TextEncoder().encode(text)) {
    const character = String.fromCharCode(byte)
    encoded += /[A-Za-z0-9_.~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

function sortedQuery(parameters: ReadonlyMap<string, string>): string {
  const encoded = new Map([...parameters].map(([name, value]) => [encode(name), encode(value)]))
  const names = [...encoded.keys()].sort()
  return names.map(name => `${name}=${encoded.get(name)}`).join('&')
}

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex')

/**
 * Checks a request as the gateway does, nonces apart.
 * @param now milliseconds since the Unix epoch
 * @returns what is wrong with it; `undefined` when nothing is
 */
export function signatureError(
  request: LoopbackRequest,
  { accessKeyId, accessKeySecret }: AliyunCredentials,
  now: number,
): GatewayError | undefined {
  const form = /^ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})$/
  const [, keyId, signedHeaders, signature] = form.exec(request.headers.authorization ?? '') ?? []
  if (keyId === undefined || signedHeaders === undefined) return 'IncompleteSignature'
  const names = signedHeaders.split(';')
  if (required.some(name => !names.includes(name)) || names.join() !== [...names].sort().join()) {
    return 'IncompleteSignature'
  }
  if (keyId !== accessKeyId) return 'InvalidAccessKeyId.NotFound'
  const date = header(request, 'x-acs-date')
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(date)) return 'InvalidTimeStamp.Format'
  if (Math.abs(timeOf(date) - now) > validity) return 'InvalidTimeStamp.Expired'
  const payload = header(request, 'x-acs-content-sha256')
  if (payload !== sha256(request.body)) return 'SignatureDoesNotMatch'
  const lines = [
    request.method,
    request.path,
    sortedQuery(parametersOf(request.query)),
    ...names.map(name => `${name}:${header(request, name).trim()}`),
    '',
    signedHeaders,
    payload,
  ]
  const expected = createHmac('sha256', accessKeySecret).update(`ACS3-HMAC-SHA256\n${sha256(lines.join('\n'))}`)
  return signature === expected.digest('hex') ? undefined : 'SignatureDoesNotMatch'
}

export const header = (request: LoopbackRequest, name: string): string => {
  const value = request.headers[name]
  return typeof value === 'string' ? value : ''
}
