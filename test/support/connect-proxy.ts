import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Issued } from './certificates.ts'

/**
 * What the proxy does with CONNECT: `open` a tunnel, `refuse` (403), say `bad gateway` (502, as for a host that cannot be
 * reached), `hang`, hang up (`die`), die inside the tunnel (`die inside`), or answer something that is not HTTP.
 */
export type ProxyMood = 'open' | 'refuse' | 'bad gateway' | 'hang' | 'die' | 'die inside' | 'gibberish'

export interface ConnectProxy {
  readonly port: number
  mood: ProxyMood
  /** What was asked for: `HOST:PORT`, and the credentials that came with it. */
  readonly asked: { readonly authority: string; readonly authorization: string | undefined }[]
  /** All bytes that went through its tunnels towards servers. */
  readonly carried: () => Buffer
  /** Tunnels and requests for them that are open now. */
  open(): number
  close(): Promise<void>
}

export interface ConnectProxyOptions {
  /** `user:password`, which it then asks for. */
  readonly credentials?: string
  /** Where it leads to, whatever was asked for. */
  readonly to?: number
  /** It is spoken to by TLS. */
  readonly tls?: Issued
}

const listeningPort = (address: AddressInfo | string | null): number =>
  typeof address === 'object' && address !== null ? address.port : 0

/** A proxy on loopback that opens tunnels (RFC 9110 section 9.3.6), for `https:`. */
export async function startConnectProxy(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const carried: Buffer[] = []
  const asked: ConnectProxy['asked'] = []
  const sockets = new Set<Duplex>()
  const server = options.tls ? createTlsServer({ cert: options.tls.cert, key: options.tls.key }) : createServer()
  const proxy: ConnectProxy = {
    mood: 'open',
    asked,
    carried: () => Buffer.concat(carried),
    open: () => sockets.size,
    get port() {
      return listeningPort(server.address())
    },
    async close() {
      for (const each of sockets) each.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  const tunnel = (client: Duplex, port: number) => {
    const upstream: Socket = connect(port, '127.0.0.1')
    sockets.add(upstream)
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    upstream.on('error', end).on('close', () => sockets.delete(upstream) && end())
    client.on('close', end)
    client.on('data', (chunk: Buffer) => carried.push(chunk))
    upstream.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      if (proxy.mood === 'die inside') client.once('data', end)
      else client.pipe(upstream).pipe(client)
    })
  }
  server.on('connect', (request: IncomingMessage, client: Duplex) => {
    sockets.add(client)
    client.on('error', () => {}).on('close', () => sockets.delete(client))
    // Half of a connection is none.
    client.on('end', () => client.destroy())
    const authorization = request.headers['proxy-authorization']
    asked.push({ authority: request.url ?? '', authorization })
    const wanted = options.credentials && `Basic ${Buffer.from(options.credentials).toString('base64')}`
    if (wanted !== undefined && authorization !== wanted) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n')
    } else if (proxy.mood === 'refuse') client.end('HTTP/1.1 403 Forbidden\r\nhufud-version: 9\r\n\r\n{"status":"ok"}')
    else if (proxy.mood === 'bad gateway') client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    else if (proxy.mood === 'die') client.destroy()
    else if (proxy.mood === 'gibberish') client.end('220 mail.example.org ESMTP\r\n\r\n')
    else if (proxy.mood === 'hang') client.resume()
    else tunnel(client, options.to ?? Number(request.url?.split(':').at(-1)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return proxy
}
