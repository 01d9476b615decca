import { ApiError, type UnreachableReason } from './errors.ts'

const unreachableReasons: Readonly<Record<string, readonly [UnreachableReason, string]>> = {
  ECONNREFUSED: ['connection_refused', 'Nothing listens there.'],
  ENOTFOUND: ['host_unknown', 'There is no such host.'],
  EAI_AGAIN: ['host_unknown', 'The name of the host cannot be looked up now.'],
  EHOSTUNREACH: ['no_route', 'There is no way to this host.'],
  ENETUNREACH: ['no_route', 'There is no way to this network.'],
  ECONNRESET: ['connection_lost', 'The connection was lost.'],
  EPIPE: ['connection_lost', 'The connection was lost.'],
  CERT_HAS_EXPIRED: ['tls_certificate_expired', 'The certificate of the server has expired.'],
  CERT_NOT_YET_VALID: [
    'tls_certificate_expired',
    'The certificate of the server is not valid yet; is the clock right?',
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: ['tls_certificate_other_host', 'The certificate is for another host.'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['tls_certificate_untrusted', 'The certificate is self-signed.'],
  SELF_SIGNED_CERT_IN_CHAIN: ['tls_certificate_untrusted', 'The issuer of the certificate is not trusted here.'],
  UNABLE_TO_GET_ISSUER_CERT: ['tls_certificate_untrusted', 'The issuer of the certificate is unknown.'],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['tls_certificate_untrusted', 'The issuer of the certificate is unknown.'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['tls_certificate_untrusted', 'The issuer of the certificate is unknown.'],
  CERT_UNTRUSTED: ['tls_certificate_untrusted', 'The issuer of the certificate is not trusted here.'],
  CERT_REVOKED: ['tls_certificate_untrusted', 'The certificate has been revoked.'],
}

const codeOf = (error: unknown): string => {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

/**
 * What `node:http`, `node:net` or `node:tls` says, as an `ApiError`.
 * @param issuer of the certificate that the server showed
 */
export function transportError(error: unknown, issuer?: string): ApiError {
  if (error instanceof ApiError) return error
  const code = codeOf(error)
  const known = unreachableReasons[code]
  if (known) {
    const [reason, detail] = known
    if (reason !== 'tls_certificate_untrusted' || !issuer) return new ApiError('server_unreachable', { reason, detail })
    return new ApiError('server_unreachable', {
      reason,
      detail: `${detail} Its issuer says that it is ${issuer}.`,
      issuer,
    })
  }
  if (code === 'ETIMEDOUT') {
    return new ApiError('server_timeout', { detail: 'No connection in time.' })
  }
  if (code.startsWith('HPE_')) {
    return new ApiError('server_not_hufud', { detail: 'What answers there does not speak HTTP as hufud does.' })
  }
  // OpenSSL's words: the code that node gives depends on where the alert comes in.
  if (error instanceof Error && /alert protocol version|unsupported protocol/.test(error.message)) {
    return new ApiError('server_unreachable', { reason: 'tls_too_old', detail: 'The server speaks no TLS 1.2.' })
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS')) {
    return new ApiError('server_unreachable', { reason: 'tls_failed', detail: `TLS failed (${code}).` })
  }
  return new ApiError('server_unreachable', {
    reason: 'other',
    detail: `The connection failed (${code || 'unknown'}).`,
  })
}

const unreachableCodes = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']

/** What went wrong on the way to a proxy, or in asking it for a tunnel, as an `ApiError`. */
export function proxyError(error: unknown, proxy: string): ApiError {
  if (error instanceof ApiError) return error
  const code = codeOf(error)
  if (unreachableCodes.includes(code)) {
    return new ApiError('server_unreachable', {
      reason: 'proxy_unreachable',
      detail: `The proxy ${proxy} cannot be reached (${code}).`,
      proxy,
    })
  }
  return new ApiError('server_unreachable', {
    reason: 'proxy_failed',
    detail: `The proxy ${proxy} did not answer as a proxy does${code ? ` (${code})` : ''}.`,
    proxy,
  })
}

/** What a proxy answered to CONNECT in the place of 200 (RFC 9110 section 9.3.6), as an `ApiError`. */
export function proxyRefusal(status: number | undefined, proxy: string): ApiError {
  if (status === 407) {
    const detail = `The proxy ${proxy} asks for a user and a password, or refuses those given.`
    return new ApiError('server_unreachable', { reason: 'proxy_authentication', detail, proxy })
  }
  const detail = `The proxy ${proxy} refuses to connect to the server (HTTP ${status ?? 'unknown'}).`
  return new ApiError('server_unreachable', { reason: 'proxy_refused', detail, proxy })
}
