// An SMTP server that keeps nothing of a mail but to whom it came and when. Its list is read, as JSON, from `list`.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

const arrivals: Record<string, number> = {}
const sink = new SMTPServer({
  disabledCommands: ['AUTH', 'STARTTLS'],
  disableReverseLookup: true,
  logger: false,
  onData(stream, { envelope }, done) {
    stream.resume()
    stream.once('end', () => {
      const at = performance.timeOrigin + performance.now()
      for (const { address } of envelope.rcptTo) arrivals[address] = at
      done()
    })
  },
})
const list = createServer((_request, response) => {
  const body = JSON.stringify(arrivals)
  response.writeHead(200, { 'content-length': Buffer.byteLength(body) }).end(body)
})
await new Promise<void>(resolve => sink.listen(0, '127.0.0.1', resolve))
await new Promise<void>(resolve => list.listen(0, '127.0.0.1', resolve))
const portOf = (address: unknown): number => (address as AddressInfo).port
process.stdout.write(
  `${JSON.stringify({ port: portOf(sink.server.address()), list: `http://127.0.0.1:${portOf(list.address())}` })}\n`,
)
process.once('SIGTERM', () => process.exit(0))
