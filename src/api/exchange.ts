import type { Agent, IncomingMessage, request } from 'node:http'
import type { RequestOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { PeerCertificate } from 'node:tls'
import { serverHeader } from '../contract/server.ts'
import { ApiError } from './errors.ts'
import { type Peer, watchPeer } from './peer.ts'
import type { ProxyServer } from './proxy.ts'
import { transportError } from './transport-error.ts'

/** The largest answer that is read. */
export const answerLimitBytes = 1024 * 1024

/** Behind some routers an idle connection is dropped without a word, and a person takes their time to type a code. */
const idleLimitMilliseconds = 15_000

/** A server that is there accepts a connection, and agrees on TLS, well before. */
const connectLimitMilliseconds = 10_000

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

const firstValue = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value

/** How requests to one origin are sent: over which module, with which agent. */
interface Sender {
  readonly request: typeof request
  readonly agent: Agent
  readonly options: RequestOptions
  readonly connectMilliseconds: number
  readonly onPeer: ((peer: Peer) => void) | undefined
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

/** Calls `late` when a new connection is not ready in time: TCP, and TLS where the server is spoken to by it. */
function limitConnecting(socket: Socket, isSecure: boolean, milliseconds: number, late: () => void): void {
  if (!isSecure && !socket.connecting) return
  const timer = setTimeout(late, milliseconds)
  const stop = () => clearTimeout(timer)
  socket.once(isSecure ? 'secureConnect' : 'connect', stop)
  socket.once('close', stop)
}

/** Sends one request and collects the answer. Rejects with an `ApiError`, or with the reason of `signal`. */
function dispatch(
  sender: Sender,
  { method, path, headers, body }: HttpRequest,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    let peer: Peer | undefined
    const fail = (error: unknown) => reject(signal.aborted ? signal.reason : transportError(error, peer?.issuer))
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
    // A request that is still without a connection tells of its abort when it gets one.
    signal.addEventListener('abort', fail, { once: true })
    sent.once('close', () => signal.removeEventListener('abort', fail))
    sent.once('socket', socket => {
      if (sent.reusedSocket) return
      watchPeer(socket, found => {
        peer = found
        sender.onPeer?.(found)
      })
      const seconds = sender.connectMilliseconds / 1000
      limitConnecting(socket, sender.options.protocol === 'https:', sender.connectMilliseconds, () =>
        sent.destroy(new ApiError('server_timeout', { detail: `No connection within ${seconds} seconds.` })),
      )
    })
    sent.end(body)
  })
}

export interface ExchangeOptions {
  readonly afterAbort?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** For this exchange alone. */
  readonly timeoutMilliseconds?: number | undefined
}

export interface ConnectionOptions {
  /** For one exchange as a whole, however the answer trickles in. */
  readonly timeoutMilliseconds: number
  /** For a new connection to be ready; left out: ten seconds. */
  readonly connectMilliseconds?: number | undefined
  /** Aborts exchanges under way. */
  readonly signal?: AbortSignal | undefined
  /** At most; exchanges beyond wait in line. Through a proxy, each exchange under way has its own. Left out: one. */
  readonly connections?: number | undefined
  /** PEM: the only issuers whose certificates are trusted; left out: those that node trusts. */
  readonly ca?: string | undefined
  readonly proxy?: ProxyServer | undefined
  /** Told who is at the other end of each TLS connection, before it is known whether that one is trusted. */
  readonly onPeer?: ((peer: Peer) => void) | undefined
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

async function openSender(origin: string, connection: ConnectionOptions): Promise<Sender> {
  const { timeoutMilliseconds, connections = 1, ca, proxy, onPeer } = connection
  const connectMilliseconds = Math.min(connection.connectMilliseconds ?? connectLimitMilliseconds, timeoutMilliseconds)
  const { protocol, hostname: written, port } = new URL(origin)
  // A URL writes an IPv6 address in brackets, a socket takes it without.
  const hostname = written.replace(/^\[(.*)\]$/, '$1')
  const options = { protocol, hostname, port }
  if (protocol !== 'https:') {
    const { request, Agent } = await import('node:http')
    const agent = new Agent({ keepAlive: true, maxSockets: connections, timeout: idleLimitMilliseconds })
    // There is no server to name, but node would work one out, with a regular expression of 4 ms.
    return { request, agent, options: { ...options, servername: '' }, connectMilliseconds, onPeer }
  }
  const { request, Agent } = await import('node:https')
  // Said outright, so that no variable of the environment (NODE_TLS_REJECT_UNAUTHORIZED, NODE_OPTIONS) says otherwise.
  const tls = { minVersion: 'TLSv1.2', rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) } as const
  if (!proxy) {
    const agent = new Agent({ keepAlive: true, maxSockets: connections, timeout: idleLimitMilliseconds })
    return { request, agent, options: { ...options, ...tls }, connectMilliseconds, onPeer }
  }
  const [{ Tunnel }, { checkServerIdentity }] = await Promise.all([import('./tunnel.ts'), import('node:tls')])
  const agent = new Tunnel(proxy, {
    limitMilliseconds: connectMilliseconds,
    idleMilliseconds: idleLimitMilliseconds,
    tls,
  })
  // In a tunnel node takes the host of the socket, which is the proxy, where the server's name is an address.
  const identity = {
    checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(hostname, certificate),
  }
  return { request, agent, options: { ...options, ...tls, ...identity }, connectMilliseconds, onPeer }
}

/**
 * A keep-alive connection to `origin`, opened by the first exchange, or so many of them as exchanges are under way.
 *
 * node:http and not undici: undici's client and its WebAssembly parser take 25 ms of processor time to load, node's own
 * 10, and `hufu status` has about 50 in all (docs/adr/0003-node-http-in-the-client.md).
 */
export function openConnection(origin: string, connection: ConnectionOptions): Connection {
  const { timeoutMilliseconds, signal } = connection
  let opened: Promise<Sender> | undefined
  return {
    async exchange(request, { afterAbort = false, signal: own, timeoutMilliseconds: limit } = {}) {
      const aborts = [afterAbort ? undefined : signal, own].filter(each => each !== undefined)
      const abort = aborts.length > 1 ? AbortSignal.any(aborts) : aborts[0]
      abort?.throwIfAborted()
      opened ??= openSender(origin, connection)
      const sender = await opened
      const milliseconds = limit ?? timeoutMilliseconds
      const deadline = AbortSignal.timeout(afterAbort ? lastCallMilliseconds : milliseconds)
      try {
        return await dispatch(sender, request, abort ? AbortSignal.any([deadline, abort]) : deadline)
      } catch (error) {
        if (!deadline.aborted || abort?.aborted) throw error
        throw new ApiError('server_timeout', { detail: `No answer within ${milliseconds / 1000} seconds.` })
      }
    },
    async close() {
      const sender = await opened
      opened = undefined
      sender?.agent.destroy()
    },
  }
}
