import { createHash, createHmac } from 'node:crypto'
import { isoTime } from '../../../lib/clock.ts'
import type { LoopbackRequest } from '../../loopback-server.ts'

// Tencent Cloud's API 3.0, as its documentation of signature v3 has it, and not as the account server signs.

export interface TencentCredentials {
  readonly secretId: string
  readonly secretKey: string
}

const validity = 5 * 60

export const header = (request: LoopbackRequest, name: string): string => {
  const value = request.headers[name]
  return typeof value === 'string' ? value : ''
}

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex')

const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text, 'utf8').digest()

/**
 * Checks a request as API 3.0 does.
 * @param now milliseconds since the Unix epoch
 * @returns the code of what is wrong with it; `undefined` when nothing is
 */
export function signatureError(
  request: LoopbackRequest,
  { secretId, secretKey }: TencentCredentials,
  now: number,
): string | undefined {
  const form =
    /^TC3-HMAC-SHA256 Credential=([^/]+)\/(\d{4}-\d\d-\d\d)\/(\w+)\/tc3_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/
  const [, id, date = '', service = '', list = '', signature] = form.exec(request.headers.authorization ?? '') ?? []
  const names = list.split(';')
  if (!names.includes('content-type') || !names.includes('host') || names.join() !== [...names].sort().join()) {
    return 'AuthFailure.InvalidAuthorization'
  }
  if (id !== secretId) return 'AuthFailure.SecretIdNotFound'
  const stamp = header(request, 'x-tc-timestamp')
  if (!/^\d{9,11}$/.test(stamp)) return 'AuthFailure.InvalidAuthorization'
  if (Math.abs(Number(stamp) - now / 1000) > validity) return 'AuthFailure.SignatureExpire'
  if (date !== isoTime(Number(stamp) * 1000).slice(0, 10) || service !== 'sms') return 'AuthFailure.SignatureFailure'
  let canonical = `${request.method}\n${request.path}\n${request.query}\n`
  for (const name of names) canonical += `${name}:${header(request, name).trim().toLowerCase()}\n`
  canonical += `\n${list}\n${sha256(request.body)}`
  const toSign = `TC3-HMAC-SHA256\n${stamp}\n${date}/${service}/tc3_request\n${sha256(canonical)}`
  const secretDate = mac(`TC3${secretKey}`, date)
  const secretService = mac(secretDate, service)
  const secretSigning = mac(secretService, 'tc3_request')
  return signature === mac(secretSigning, toSign).toString('hex') ? undefined : 'AuthFailure.SignatureFailure'
}
