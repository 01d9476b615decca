import { request } from 'node:http'

/** What the account server answered to a push. */
export interface PushAnswer {
  readonly status: number
  readonly body: string
}

const maximumAnswerLength = 64 * 1024

/**
 * Sends one request to an address of the account server, over a connection of its own.
 * @param timeout milliseconds from the start to the last byte of the answer
 * @param content what is posted; `undefined` makes it a GET
 * @returns undefined when there was no answer in time, or the connection broke
 */
export function callOut(
  url: string | URL,
  timeout: number,
  content: { readonly type: string; readonly body: string } | undefined,
): Promise<PushAnswer | undefined> {
  return new Promise(resolve => {
    const call = request(
      url,
      {
        method: content === undefined ? 'GET' : 'POST',
        agent: false,
        signal: AbortSignal.timeout(timeout),
        headers: content && { 'content-type': content.type, 'content-length': Buffer.byteLength(content.body) },
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
    call.end(content?.body)
  })
}
