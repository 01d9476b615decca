import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { ApiError } from './errors.ts'
import type { ProxyServer } from './proxy.ts'
import { proxyError, proxyRefusal } from './transport-error.ts'

export interface TunnelOptions {
  /** How long the proxy may take to open a tunnel. */
  readonly limitMilliseconds: number
  readonly idleMilliseconds: number
  /** For a proxy that is spoken to by TLS. */
  readonly tls: { readonly ca?: string; readonly minVersion: 'TLSv1.2'; readonly rejectUnauthorized: true }
}

type Wanted = Parameters<HttpsProxyAgent<string>['connect']>[1]

/**
 * Reaches servers through the CONNECT of a proxy (RFC 9110 section 9.3.6). Nothing of what is sent to the server is seen
 * by the proxy, nor is anything that the proxy answers read as the server's.
 */
export class Tunnel extends HttpsProxyAgent<string> {
  private readonly proxyName: string
  private readonly limit: number
  private readonly pending = new Set<AbortController>()

  constructor(proxy: ProxyServer, { limitMilliseconds, idleMilliseconds, tls }: TunnelOptions) {
    // The library writes the address into its debug log: user and password go by the header alone.
    const headers = proxy.authorization === undefined ? {} : { 'Proxy-Authorization': proxy.authorization }
    super(new URL(proxy.url), { ...tls, headers, keepAlive: true, timeout: idleMilliseconds })
    // The library leaves out what it was given, and would keep idle tunnels for ever.
    this.options = { ...this.options, timeout: idleMilliseconds }
    this.proxyName = proxy.name
    this.limit = limitMilliseconds
  }

  override async connect(request: ClientRequest, wanted: Wanted): Promise<Socket> {
    const giveUp = new AbortController()
    const isLate = setTimeout(() => giveUp.abort(this.silence()), this.limit)
    this.pending.add(giveUp)
    let status: number | undefined
    const note = (answer: { statusCode: number }) => {
      status = answer.statusCode
    }
    request.once('proxyConnect', note)
    // Read by the library before it waits for anything, so that each tunnel has a signal of its own.
    this.connectOpts = { ...this.connectOpts, signal: giveUp.signal }
    try {
      const socket = await super.connect(request, wanted)
      if (status === 200) return socket
      socket.destroy()
      throw proxyRefusal(status, this.proxyName)
    } catch (error) {
      throw proxyError(giveUp.signal.aborted ? giveUp.signal.reason : error, this.proxyName)
    } finally {
      clearTimeout(isLate)
      this.pending.delete(giveUp)
      request.removeListener('proxyConnect', note)
    }
  }

  /** Closes what is idle, and gives up tunnels that are still asked for. */
  override destroy(): void {
    for (const each of this.pending) each.abort(this.silence())
    super.destroy()
  }

  private silence(): ApiError {
    const detail = `The proxy ${this.proxyName} did not answer within ${this.limit / 1000} seconds.`
    return new ApiError('server_unreachable', { reason: 'proxy_silent', detail, proxy: this.proxyName })
  }
}
