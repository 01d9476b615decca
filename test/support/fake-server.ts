import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { serverHeader } from '../../src/contract/server.ts'

export interface FakeServer {
  readonly url: string
  /** The requests that came, `METHOD /path`. */
  readonly requests: readonly string[]
  close(): Promise<void>
}

/** Something that listens where a hufud should. */
export async function startFakeServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<FakeServer> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    answer(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no address')
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** An answer as hufud gives it. */
export function sayAsHufud(response: ServerResponse, status: number, body: unknown): void {
  const type = status >= 400 ? 'application/problem+json' : 'application/json'
  response.writeHead(status, { 'content-type': `${type}; charset=utf-8`, [serverHeader]: '9.9.9' })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}
