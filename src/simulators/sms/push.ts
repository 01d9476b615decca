import { request } from 'node:http'

/** What whoever was pushed to has answered; undefined when it did not in time, or broke the connection. */
export interface PushAnswer {
  readonly status: number
  readonly body: string
}

const timeout = 5_000
const maximumAnswerLength = 64 * 1024

/** Pushes JSON by HTTP, as providers push receipts. */
export function pushJson(url: string, value: unknown): Promise<PushAnswer | undefined> {
  const body = JSON.stringify(value)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const signal = AbortSignal.timeout(timeout)
  return new Promise(resolve => {
    const call = request(url, { method: 'POST', agent: false, signal, headers }, response => {
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
    })
    call.on('error', () => resolve(undefined))
    call.end(body)
  })
}

/** What `read` finds in an answer of HTTP status 200 that is a JSON object. */
export function acknowledged(
  answer: PushAnswer | undefined,
  read: (value: Readonly<Record<string, unknown>>) => boolean,
): boolean {
  if (answer?.status !== 200) return false
  try {
    const value: unknown = JSON.parse(answer.body)
    return typeof value === 'object' && value !== null && read(value as Readonly<Record<string, unknown>>)
  } catch {
    return false
  }
}
