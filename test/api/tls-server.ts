import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { hufudHeaders } from './test-server.ts'

export interface TlsTestServer {
  /** `https://localhost:PORT`. */
  readonly origin: string
  readonly port: number
  /** Requests that came through TLS. */
  readonly requests: string[]
  close(): Promise<void>
}

const healthy = (response: ServerResponse) =>
  response.writeHead(200, hufudHeaders).end('{"status":"ok","time":"2026-11-22T13:05:00.000Z"}')

/** A real HTTPS server on loopback, that says it is a hufud and well. */
export async function startTlsServer(
  options: ServerOptions,
  answer: (response: ServerResponse) => void = healthy,
): Promise<TlsTestServer> {
  const requests: string[] = []
  const server = createServer(options, (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    answer(response)
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    origin: `https://localhost:${port}`,
    port,
    requests,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
