import { request } from 'node:http'

/** What a callback answered; undefined when it did not in time, or broke the connection. */
export interface CallbackAnswer {
  readonly status: number
  readonly body: string
}

const maximumAnswerLength = 64 * 1024

/**
 * Sends one request to the account server's callback.
 * @param timeout milliseconds from the start to the last byte of the answer
 */
export function callCallback(url: URL, timeout: number, xml: string | undefined): Promise<CallbackAnswer | undefined> {
  return new Promise(resolve => {
    const call = request(
      url,
      {
        method: xml === undefined ? 'GET' : 'POST',
        agent: false,
        signal: AbortSignal.timeout(timeout),
        headers: xml === undefined ? {} : { 'content-type': 'text/xml', 'content-length': Buffer.byteLength(xml) },
      },
      response => {
        const chunks: Buffer[] = []
        let length = 0
        response.on('data', (chunk: Buffer) => {
          length += chunk.length
          if (length > maximumAnswerLength) response.destroy()
          else chunks.push(chunk)
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
        )
        response.on('close', () => resolve(undefined))
        response.on('error', () => resolve(undefined))
      },
    )
    call.on('error', () => resolve(undefined))
    call.end(xml)
  })
}
