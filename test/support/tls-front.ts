import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'

export interface TlsFront {
  readonly port: number
  /** TLS connections that were agreed on. */
  connections(): number
  close(): Promise<void>
}

/** Speaks TLS on loopback, and passes what it is told on to a port without it, as a proxy before hufud does. */
export async function startTlsFront(options: TlsOptions, to: number): Promise<TlsFront> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer(options, socket => {
    connections++
    const upstream = connect(to, '127.0.0.1')
    for (const each of [socket, upstream]) {
      sockets.add(each)
      each.on('error', () => {}).once('close', () => sockets.delete(each))
    }
    socket.pipe(upstream).pipe(socket)
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async close() {
      for (const each of sockets) each.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
