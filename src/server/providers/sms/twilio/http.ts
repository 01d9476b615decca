import { Client } from 'undici'

export interface HttpCall {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** A call that got no whole answer. The message holds neither address nor headers, nor anything that was sent. */
export class HttpFailure extends Error {
  /** Whether a connection stood, so that the request may have arrived. */
  readonly mayHaveArrived: boolean

  constructor(message: string, mayHaveArrived: boolean) {
    super(message)
    this.name = 'HttpFailure'
    this.mayHaveArrived = mayHaveArrived
  }
}

/** Bytes; real answers have about one KiB. */
const longestAnswer = 64 * 1024

/**
 * Makes one call over a connection of its own: on one that was kept open, a request that crosses the other side's
 * closing of it would be neither certainly lost nor certainly taken. Follows no redirects and repeats nothing.
 * @throws {HttpFailure} when the whole answer has not come, or `signal` aborts before it has
 */
export async function callHttp(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
  const { method, url, headers, body } = call
  const client = new Client(url.origin, { pipelining: 0 })
  let connected = false
  client.on('connect', () => {
    connected = true
  })
  // A signal given to the request itself would be heard only once the connection stands.
  const giveUp = () => void client.destroy(signal.reason)
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    signal.throwIfAborted()
    const path = `${url.pathname}${url.search}`
    const answer = await client.request({ method, path, headers: { ...headers }, body: body ?? null })
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
      length += chunk.length
      if (length > longestAnswer) throw new HttpFailure('gave too long an answer', true)
      chunks.push(chunk)
    }
    return { status: answer.statusCode, headers: answer.headers, text: Buffer.concat(chunks).toString('utf8') }
  } catch (error) {
    throw error instanceof HttpFailure
      ? error
      : new HttpFailure(reasonOf(signal.aborted ? signal.reason : error), connected)
  } finally {
    signal.removeEventListener('abort', giveUp)
    void client.destroy()
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  if (error.name === 'TimeoutError') return 'did not answer in time'
  if (error.name === 'AbortError') return 'was given up'
  const code = 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z_]+$/.test(code) ? `failed with ${code}` : 'failed'
}
