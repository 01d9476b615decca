import { connect } from 'node:net'

export interface Answer {
  readonly status: number
  /** Header lines as they came, the status line first. */
  readonly head: string
  readonly body: Buffer
}

/** There will be no answer to the request that was open. */
export class ConnectionLost extends Error {}

/** One keep-alive connection that costs its process next to nothing. */
export interface Connection {
  /** Sends requests as one write and resolves with the answer to the last; `statuses` of all are checked. */
  send(requests: Buffer, count: number): Promise<Answer>
  /** Whether the server, or this end, has closed it: nothing can be sent any more. */
  readonly isClosed: boolean
  close(): void
}

/** The bytes of a request. */
export function requestBytes(
  method: string,
  path: string,
  options: { bearer?: string; proof?: string; source?: string; body?: unknown } = {},
): Buffer {
  const body = options.body === undefined ? '' : JSON.stringify(options.body)
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'host: localhost',
    ...(options.bearer ? [`authorization: Bearer ${options.bearer}`] : []),
    ...(options.proof ? [`hufu-proof: ${options.proof}`] : []),
    ...(options.source ? [`x-forwarded-for: ${options.source}`] : []),
    ...(body ? ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`] : []),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`)
}

interface Waiting {
  left: number
  resolve(answer: Answer): void
  reject(error: Error): void
}

/** The first whole answer in `bytes` and where the next begins. hufud and Fastify always send a length. */
function firstAnswer(bytes: Buffer): { answer: Answer; end: number } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const head = bytes.toString('latin1', 0, headEnd)
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
  const end = headEnd + 4 + length
  if (bytes.length < end) return undefined
  return { answer: { status: Number(head.slice(9, 12)), head, body: bytes.subarray(headEnd + 4, end) }, end }
}

export async function openConnection(url: string): Promise<Connection> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  let rest: Buffer = Buffer.alloc(0)
  let waiting: Waiting | undefined
  const fail = (error: Error) => {
    waiting?.reject(error)
    waiting = undefined
  }
  socket.on('error', error => fail(new ConnectionLost(error.message)))
  socket.on('close', () => fail(new ConnectionLost('the server closed the connection')))
  socket.on('data', chunk => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let found = firstAnswer(rest); found && waiting; found = firstAnswer(rest)) {
      rest = rest.subarray(found.end)
      waiting.left -= 1
      const { answer } = found
      if (waiting.left > 0 && answer.status >= 400) fail(new Error(`HTTP ${answer.status}: ${answer.body}`))
      else if (waiting.left === 0) {
        const { resolve } = waiting
        waiting = undefined
        resolve(answer)
      }
    }
  })
  return {
    get isClosed() {
      return socket.destroyed || socket.readyState !== 'open'
    },
    send: (requests, count) =>
      new Promise((resolve, reject) => {
        if (waiting) throw new Error('a request is under way')
        waiting = { left: count, resolve, reject }
        socket.write(requests)
      }),
    close: () => socket.destroy(),
  }
}

/** Calls an operation and returns its JSON. @throws when it is refused. */
export async function call<T>(connection: Connection, request: Buffer): Promise<T> {
  const { status, body } = await connection.send(request, 1)
  if (status >= 400) throw new Error(`HTTP ${status}: ${body}`)
  return JSON.parse(body.toString())
}

/** Answers per second to one request, sent over `connections` in batches of `depth`. */
export async function requestRate(
  connections: readonly Connection[],
  request: Buffer,
  depth: number,
  milliseconds: number,
): Promise<number> {
  const batch = Buffer.concat(Array.from({ length: depth }, () => request))
  const start = performance.now()
  let done = 0
  const blast = async (connection: Connection) => {
    while (performance.now() - start < milliseconds) {
      const { status, body } = await connection.send(batch, depth)
      if (status !== 200) throw new Error(`HTTP ${status}: ${body}`)
      done += depth
    }
  }
  await Promise.all(connections.map(blast))
  return (done * 1000) / (performance.now() - start)
}
