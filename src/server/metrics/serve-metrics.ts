import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from './metrics.ts'

/** Where figures are served. */
export interface MetricsListener {
  /** `http://HOST:PORT` */
  readonly address: string
  close(): Promise<void>
}

const answerPlainly = (response: ServerResponse, status: number, text: string) =>
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text)

/**
 * Serves `GET /metrics` and nothing else, on a listener of its own: the API is for everybody, the figures are not.
 * @param onFailure told of a scrape that failed
 */
export async function serveMetrics(
  metrics: Pick<Metrics, 'text' | 'contentType'>,
  { host, port }: { readonly host: string; readonly port: number },
  onFailure: (error: unknown) => void,
): Promise<MetricsListener> {
  const server = createServer({ requestTimeout: 10_000, maxHeaderSize: 8192 }, (request, response) => {
    request.resume()
    if (request.url?.split('?')[0] !== '/metrics') return answerPlainly(response, 404, 'GET /metrics\n')
    if (request.method !== 'GET') return answerPlainly(response, 405, 'GET /metrics\n')
    return metrics.text().then(
      text => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      error => {
        onFailure(error)
        answerPlainly(response, 500, 'the figures could not be read\n')
      },
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, () => resolve())
  })
  const bound = (server.address() as AddressInfo).port
  return {
    address: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
