import { setFlagsFromString } from 'node:v8'
import type { Client } from 'undici'
import { serverHeader } from '../contract/server.ts'
import { ApiError, type UnreachableReason } from './errors.ts'

/** The largest answer that is read. */
export const answerLimitBytes = 1024 * 1024

/** Behind some routers an idle connection is dropped without a word, and a person takes their time to type a code. */
const idleLimitMilliseconds = 15_000

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

export interface HttpAnswer {
  readonly status: number
  /** One value of a header of the answer, by its lower-case name. */
  header(name: string): string | undefined
  readonly body: Uint8Array
}

const unreachableReasons: Readonly<Record<string, readonly [UnreachableReason, string]>> = {
  ECONNREFUSED: ['connection_refused', 'Nothing listens there.'],
  ENOTFOUND: ['host_unknown', 'There is no such host.'],
  EAI_AGAIN: ['host_unknown', 'The name of the host cannot be looked up now.'],
  EHOSTUNREACH: ['no_route', 'There is no way to this host.'],
  ENETUNREACH: ['no_route', 'There is no way to this network.'],
  ECONNRESET: ['connection_lost', 'The connection was lost.'],
  EPIPE: ['connection_lost', 'The connection was lost.'],
  UND_ERR_SOCKET: ['connection_lost', 'The connection was lost.'],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ['connection_lost', 'The connection was lost.'],
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

/** What undici, `node:net` or `node:tls` says, as an `ApiError`. */
export function transportError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  const code = codeOf(error)
  const known = unreachableReasons[code]
  if (known) return new ApiError('server_unreachable', { reason: known[0], detail: known[1] })
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return new ApiError('server_timeout', { detail: 'No connection in time.' })
  }
  // undici leaves the code out where its parser has a sentence of its own.
  const isUnparsed = error instanceof Error && error.name === 'HTTPParserError'
  if (isUnparsed || code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new ApiError('server_not_hufud', { detail: 'What answers there does not speak HTTP as hufud does.' })
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS')) {
    return new ApiError('server_unreachable', { reason: 'tls_failed', detail: `TLS failed (${code}).` })
  }
  return new ApiError('server_unreachable', {
    reason: 'other',
    detail: `The connection failed (${code || 'unknown'}).`,
  })
}

const firstValue = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value

/** Sends one request on `client` and collects the answer. Rejects with an `ApiError`, or with the reason of `signal`. */
function dispatch(client: Client, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    let onAbort: () => void = () => reject(signal.reason)
    const listener = () => onAbort()
    const settle = (finish: () => void) => {
      signal.removeEventListener('abort', listener)
      finish()
    }
    signal.addEventListener('abort', listener, { once: true })
    let status = 0
    let headers: Readonly<Record<string, string | string[] | undefined>> = {}
    let length = 0
    const chunks: Uint8Array[] = []
    client.dispatch(
      {
        method: request.method,
        path: request.path,
        headers: request.headers,
        ...(request.body === undefined ? {} : { body: request.body }),
      },
      {
        onRequestStart(controller) {
          onAbort = () => {
            controller.abort(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
            reject(signal.reason)
          }
          if (signal.aborted) onAbort()
        },
        onResponseStart(controller, statusCode, answerHeaders) {
          if (statusCode < 200) return
          status = statusCode
          headers = answerHeaders
          if (headers[serverHeader] === undefined) {
            const detail = `What answers there (HTTP ${statusCode}) is no hufud.`
            controller.abort(new ApiError('server_not_hufud', { status, detail }))
          }
        },
        onResponseData(controller, chunk) {
          length += chunk.length
          if (length > answerLimitBytes) {
            controller.abort(new ApiError('answer_malformed', { status, detail: 'The answer is too large.' }))
          } else chunks.push(new Uint8Array(chunk))
        },
        onResponseEnd() {
          const body = new Uint8Array(Buffer.concat(chunks))
          settle(() => resolve({ status, header: name => firstValue(headers[name]), body }))
        },
        onResponseError(_controller, error) {
          settle(() => reject(signal.aborted ? signal.reason : transportError(error)))
        },
      },
    )
  })
}

export interface Connection {
  /**
   * Sends one request; redirects are not followed.
   * @throws {ApiError} `server_unreachable`, `server_timeout`, `server_not_hufud`, `answer_malformed`; or the reason
   * with which the connection's signal was aborted.
   */
  exchange(request: HttpRequest): Promise<HttpAnswer>
  close(): Promise<void>
}

/**
 * One keep-alive connection to `origin`, opened (and undici loaded) by the first exchange.
 * @param timeoutMilliseconds for one exchange as a whole.
 */
export function openConnection(
  origin: string,
  timeoutMilliseconds: number,
  signal: AbortSignal | undefined,
): Connection {
  let opened: Promise<Client> | undefined
  const open = async (): Promise<Client> => {
    // undici parses HTTP in WebAssembly. V8 would optimise that parser after a few hundred bytes, for some 70 ms on
    // another core that the end of the process waits for: more than a short command takes in all.
    // (V8 complains on stderr of flags that it does not know; this one is there up to Node 24.)
    if (Number.parseInt(process.versions.node, 10) <= 24) setFlagsFromString('--wasm-tiering-budget=1000000000')
    const { default: UndiciClient } = await import('undici/lib/dispatcher/client.js')
    return new UndiciClient(origin, {
      connect: { timeout: Math.min(timeoutMilliseconds, 10_000) },
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveMaxTimeout: idleLimitMilliseconds,
    })
  }
  return {
    async exchange(request) {
      opened ??= open()
      const client = await opened
      const deadline = AbortSignal.timeout(timeoutMilliseconds)
      try {
        return await dispatch(client, request, signal ? AbortSignal.any([deadline, signal]) : deadline)
      } catch (error) {
        if (!deadline.aborted || signal?.aborted) throw error
        throw new ApiError('server_timeout', { detail: `No answer within ${timeoutMilliseconds / 1000} seconds.` })
      }
    },
    async close() {
      const client = await opened
      opened = undefined
      await client?.destroy()
    },
  }
}
