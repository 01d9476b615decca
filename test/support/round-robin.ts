import { createServer, request, type Server } from 'node:http'

/** A reverse proxy that sends each request to the next of its servers, whoever asks and whatever for. */
export interface RoundRobin {
  /** How many requests each of the servers has answered. */
  readonly answered: readonly number[]
  close(): Promise<void>
}

/** @param targets URLs of servers, in the order in which they have their turn */
export async function startRoundRobin(port: number, targets: readonly string[]): Promise<RoundRobin> {
  const answered = targets.map(() => 0)
  let turn = 0
  const server = createServer((incoming, outgoing) => {
    const index = turn++ % targets.length
    const { hostname, port: targetPort } = new URL(targets[index] ?? '')
    const { method, url: path, headers } = incoming
    const forwarded = request({ hostname, port: targetPort, method, path, headers }, answer => {
      answered[index] = (answered[index] ?? 0) + 1
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    forwarded.once('error', () => outgoing.destroy())
    incoming.pipe(forwarded)
  })
  await listen(server, port)
  return {
    answered,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, 'localhost', resolve)
  })
