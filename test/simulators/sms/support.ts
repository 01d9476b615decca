import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Receipt, ReceiptReader } from '../../../src/server/domain/ports/receipts.ts'

/** An address where receipts are read as the account server reads them; its last part is the secret. */
export async function receiptsAt(
  reader: ReceiptReader,
): Promise<{ url: string; receipts: Receipt[]; close(): Promise<void> }> {
  const receipts: Receipt[] = []
  const server = createServer(async (message, response) => {
    let body = ''
    for await (const chunk of message) body += chunk
    const url = message.url ?? ''
    try {
      const params = { secret: url.slice(url.lastIndexOf('/') + 1) }
      receipts.push(...reader.read({ url, headers: message.headers, query: {}, params, body }))
      response.writeHead(200, { 'content-type': reader.accepted.contentType }).end(reader.accepted.body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    receipts,
    close: () => new Promise(resolve => server.close(() => resolve())),
  }
}
