import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that a simulator answers. */
export interface LoopbackRequest {
  readonly method: string
  /** Without the query, percent-encoded as sent. */
  readonly path: string
  /** The raw query, without its question mark. */
  readonly query: string
  readonly headers: IncomingHttpHeaders
  /** At most the server's `maximumBodyLength` bytes. */
  readonly body: string
}

export interface LoopbackAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
  /** `hang`: the answer never comes. `cut`: the connection ends in the middle of its body. */
  readonly broken?: 'hang' | 'cut'
  /** Where a redirect leads. */
  readonly location?: string
}

export interface LoopbackServer {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly origin: string
  /** Ends open connections, too. */
  close(): Promise<void>
}

/** A JSON answer (200, when the status is left out). */
export const json = (body: unknown, status = 200): LoopbackAnswer => ({
  status,
  contentType: 'application/json; charset=utf-8',
  body: JSON.stringify(body),
})

/** An RFC 9457 problem with a stable `code`. */
export const problem = (status: number, code: string, detail: string): LoopbackAnswer => ({
  ...json({ status, code, detail }, status),
  contentType: 'application/problem+json; charset=utf-8',
})

/**
 * An HTTP server on 127.0.0.1 and a free port. It answers 421 to requests for a host that is not this machine and 403
 * to pages of other origins, so that no web site reaches it through somebody's browser (DNS rebinding).
 * @param maximumBodyLength bytes; more is answered with 413
 */
export async function startLoopbackServer(
  maximumBodyLength: number,
  answer: (request: LoopbackRequest) => LoopbackAnswer | Promise<LoopbackAnswer>,
): Promise<LoopbackServer> {
  const server = createServer((message, response) => {
    respond(message, maximumBodyLength, answer).then(
      result => send(response, result),
      () => send(response, problem(500, 'internal_error', 'The simulator failed.')),
    )
  })
  server.requestTimeout = 30_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function respond(
  message: IncomingMessage,
  maximumBodyLength: number,
  answer: (request: LoopbackRequest) => LoopbackAnswer | Promise<LoopbackAnswer>,
): Promise<LoopbackAnswer> {
  if (!isThisMachine(message.headers.host)) return problem(421, 'wrong_host', 'This server is for this machine alone.')
  const { origin } = message.headers
  if (origin !== undefined && !isThisMachine(origin.replace(/^https?:\/\//, ''))) {
    return problem(403, 'wrong_origin', 'This server is for this machine alone.')
  }
  const body = await readBody(message, maximumBodyLength)
  if (body === undefined) return problem(413, 'body_too_large', `At most ${maximumBodyLength} bytes.`)
  const [path = '/', query = ''] = splitOnce(message.url ?? '/', '?')
  return answer({ method: message.method ?? 'GET', path, query, headers: message.headers, body })
}

const isThisMachine = (host: string | undefined): boolean =>
  host !== undefined && /^(?:localhost|127\.0\.0\.1)(?::\d{1,5})?$/i.test(host)

const splitOnce = (text: string, separator: string): string[] => {
  const at = text.indexOf(separator)
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

async function readBody(message: IncomingMessage, maximumLength: number): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  // What is too much is read and forgotten, or the sender would see a broken connection in place of the answer.
  for await (const chunk of message as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length <= maximumLength) chunks.push(chunk)
    if (length > maximumLength * 256) return undefined
  }
  return length > maximumLength ? undefined : Buffer.concat(chunks).toString('utf8')
}

function send(response: ServerResponse, { status, contentType, body, broken, location }: LoopbackAnswer): void {
  if (response.destroyed || broken === 'hang') return
  const bytes = Buffer.from(body, 'utf8')
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': bytes.length,
    'cache-control': 'no-store',
    ...(location === undefined ? {} : { location }),
  })
  if (broken === 'cut') response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
  else response.end(bytes)
}
