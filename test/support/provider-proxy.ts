import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * What goes wrong with an answer. After `hang`, `cut`, `garbage` and `huge` the provider has done what it was asked for,
 * and nobody is told: the worst case. `huge` is the answer with 10 MB of blanks behind it. What gets `status500` does not
 * reach the provider.
 */
export type ProviderFault = 'hang' | 'status500' | 'cut' | 'garbage' | 'huge'

/** Stands before a provider's simulator and spoils its answers. */
export interface ProviderProxy {
  readonly baseUrl: string
  /** Requests that have come. */
  readonly asked: number
  /** Requests that wait for an answer that will not come. */
  readonly hanging: number
  /** The next request meets this fault. */
  failNext(fault: ProviderFault): void
  /** The next `count` requests are answered at once, when all have come, each with 10 MB. */
  answerTogether(count: number): void
  /** Refuses connections until `open`. */
  shut(): Promise<void>
  open(): Promise<void>
  close(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer
}

const hugeLength = 10_000_000

export async function startProviderProxy(target: string): Promise<ProviderProxy> {
  const planned: ProviderFault[] = []
  let together: { left: number; readonly answers: (() => void)[] } | undefined
  let asked = 0
  let hanging = 0
  let port = 0

  async function respond(message: IncomingMessage, response: ServerResponse): Promise<void> {
    asked += 1
    const fault = planned.shift()
    if (fault === 'status500') return send(response, failed)
    const answer = await forwarded(target, message)
    if (fault === 'hang') {
      hanging += 1
      response.once('close', () => {
        hanging -= 1
      })
    } else if (fault === 'cut') cut(response, answer)
    else if (fault === 'garbage') send(response, { ...answer, body: Buffer.from('<html>\u001b[2J{"Code') })
    else if (fault === 'huge') sendHuge(response, answer)
    else if (together) gather(together, () => sendHuge(response, answer))
    else send(response, answer)
  }

  function gather(group: { left: number; readonly answers: (() => void)[] }, answer: () => void): void {
    group.answers.push(answer)
    group.left -= 1
    if (group.left > 0) return
    together = undefined
    for (const each of group.answers) each()
  }

  const server = createServer((message, response) => {
    respond(message, response).catch(() => response.destroy())
  })
  const open = () =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
  const shut = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  await open()
  port = (server.address() as AddressInfo).port
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    get asked() {
      return asked
    },
    get hanging() {
      return hanging
    },
    failNext: fault => void planned.push(fault),
    answerTogether: count => {
      together = { left: count, answers: [] }
    },
    shut,
    open,
    close: shut,
  }
}

const failed: Answer = {
  status: 500,
  headers: { 'content-type': 'text/html' },
  body: Buffer.from('<h1>Internal Server Error</h1>'),
}

/** With all its headers, that of the host among them, which signatures are made over. */
function forwarded(target: string, message: IncomingMessage): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method, headers, url = '/' } = message
    const call = request(new URL(url, target), { method, headers, agent: false }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => {
        const { connection, 'transfer-encoding': _, ...kept } = response.headers
        resolve({ status: response.statusCode ?? 0, headers: kept, body: Buffer.concat(chunks) })
      })
    })
    call.once('error', reject)
    message.pipe(call)
  })
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, 'content-length': body.length })
  response.end(body)
}

const sendHuge = (response: ServerResponse, answer: Answer): void =>
  send(response, { ...answer, body: Buffer.concat([answer.body, Buffer.alloc(hugeLength, ' ')]) })

function cut(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, 'content-length': body.length })
  response.write(body.subarray(0, body.length / 2), () => response.destroy())
}
