import type { Agent, IncomingMessage, RequestOptions, request } from 'node:http'
import { serverHeader } from '../contract/server.ts'
import { ApiError, type UnreachableReason } from './errors.ts'

/** The largest answer that is read. */
export const answerLimitBytes = 1024 * 1024

/** Behind some routers an idle connection is dropped without a word, and a person takes their time to type a code. */
const idleLimitMilliseconds = 15_000

/** For a call that puts away what an aborted run began: nobody waits for it longer. */
const lastCallMilliseconds = 2000

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

/** What `node:http`, `node:net` or `node:tls` says, as an `ApiError`. */
export function transportError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  const code = codeOf(error)
  const known = unreachableReasons[code]
  if (known) return new ApiError('server_unreachable', { reason: known[0], detail: known[1] })
  if (code === 'ETIMEDOUT') {
    return new ApiError('server_timeout', { detail: 'No connection in time.' })
  }
  if (code.startsWith('HPE_')) {
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

/** How requests to one origin are sent: over which module, with which agent. */
interface Sender {
  readonly request: typeof request
  readonly agent: Agent
  readonly options: RequestOptions
}

/** Collects an answer. @throws {ApiError} `server_not_hufud` and `answer_malformed` as soon as they are known. */
async function collect(answer: IncomingMessage): Promise<HttpAnswer> {
  const status = answer.statusCode ?? 0
  if (answer.headers[serverHeader] === undefined) {
    const detail = `What answers there (HTTP ${status}) is no hufud.`
    throw new ApiError('server_not_hufud', { status, detail })
  }
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > answerLimitBytes)
      throw new ApiError('answer_malformed', { status, detail: 'The answer is too large.' })
    chunks.push(chunk)
  }
  const body = new Uint8Array(Buffer.concat(chunks))
  return { status, header: name => firstValue(answer.headers[name]), body }
}

/** Sends one request and collects the answer. Rejects with an `ApiError`, or with the reason of `signal`. */
function dispatch(
  sender: Sender,
  { method, path, headers, body }: HttpRequest,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(signal.aborted ? signal.reason : transportError(error))
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const options = { ...sender.options, agent: sender.agent, method, path, headers: { ...headers, ...length }, signal }
    const sent = sender.request(options, answer => {
      collect(answer).then(resolve, error => {
        // An answer that nobody reads to its end would hold the connection.
        sent.destroy()
        fail(error)
      })
    })
    sent.on('error', fail)
    sent.end(body)
  })
}

export interface ExchangeOptions {
  readonly afterAbort?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Connection {
  /**
   * Sends one request; redirects are not followed.
   * @param options `afterAbort`: send it although the connection's signal was aborted, for two seconds at most;
   * `signal`: give it up when this aborts
   * @throws {ApiError} `server_unreachable`, `server_timeout`, `server_not_hufud`, `answer_malformed`; or the reason
   * with which the connection's signal, or its own, was aborted.
   */
  exchange(request: HttpRequest, options?: ExchangeOptions): Promise<HttpAnswer>
  close(): Promise<void>
}

/**
 * A keep-alive connection to `origin`, opened by the first exchange, or so many of them as exchanges are under way.
 *
 * node:http and not undici: undici's client and its WebAssembly parser take 25 ms of processor time to load, node's own
 * 10, and `hufu status` has about 50 in all (docs/adr/0003-node-http-in-the-client.md).
 * @param timeoutMilliseconds for one exchange as a whole.
 * @param connections at most; exchanges beyond wait in line.
 */
export function openConnection(
  origin: string,
  timeoutMilliseconds: number,
  signal: AbortSignal | undefined,
  connections = 1,
): Connection {
  let opened: Promise<Sender> | undefined
  const open = async (): Promise<Sender> => {
    const { protocol, hostname, port } = new URL(origin)
    const { request, Agent } = protocol === 'https:' ? await import('node:https') : await import('node:http')
    return {
      request,
      agent: new Agent({ keepAlive: true, maxSockets: connections, timeout: idleLimitMilliseconds }),
      options: {
        protocol,
        // A URL writes an IPv6 address in brackets, a socket takes it without.
        hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
        port,
        // Without TLS there is no server to name, but node would work one out, with a regular expression of 4 ms.
        ...(protocol === 'https:' ? {} : { servername: '' }),
      },
    }
  }
  return {
    async exchange(request, { afterAbort = false, signal: own } = {}) {
      const aborts = [afterAbort ? undefined : signal, own].filter(each => each !== undefined)
      const abort = aborts.length > 1 ? AbortSignal.any(aborts) : aborts[0]
      abort?.throwIfAborted()
      opened ??= open()
      const sender = await opened
      const deadline = AbortSignal.timeout(afterAbort ? lastCallMilliseconds : timeoutMilliseconds)
      try {
        return await dispatch(sender, request, abort ? AbortSignal.any([deadline, abort]) : deadline)
      } catch (error) {
        if (!deadline.aborted || abort?.aborted) throw error
        throw new ApiError('server_timeout', { detail: `No answer within ${timeoutMilliseconds / 1000} seconds.` })
      }
    },
    async close() {
      const sender = await opened
      opened = undefined
      sender?.agent.destroy()
    },
  }
}
