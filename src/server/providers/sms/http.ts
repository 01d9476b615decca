import { Client } from 'undici'
import { DeliveryError, type DeliveryFailure, type MessageProviderName } from '../../domain/ports/delivery-error.ts'

export interface HttpCall {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** Sent as UTF-8. */
  readonly body: string | undefined
  /**
   * What it means that the request may have arrived and its answer has not: `uncertain` for a call that sends a message,
   * `unreachable` for one that asks a question.
   */
  readonly ifLost: Extract<DeliveryFailure, 'uncertain' | 'unreachable'>
}

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** Bytes; real answers have a few hundred. */
const maximumAnswerLength = 64 * 1024

class AnswerTooLong extends Error {}

export interface HttpCaller {
  /**
   * Makes one call, once, over a connection of its own: on one that was kept open, a request that crosses the other
   * side's closing of it would be neither certainly lost nor certainly taken. Nothing is repeated, no redirect followed.
   * @returns the answer, whatever its status, of at most 64 KiB
   * @throws {DeliveryError} `unreachable` when there was no connection; `ifLost` when it broke, the time ran out or
   * `signal` aborted after that, or when the answer is longer. It holds nothing of what was sent or answered
   */
  call(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer>
  /** Ends what is under way, and refuses what comes later. */
  close(): Promise<void>
}

/** @param options `timeout`: milliseconds from the start of a call to the last byte of its answer */
export function openHttp(options: { readonly provider: MessageProviderName; readonly timeout: number }): HttpCaller {
  const { provider, timeout } = options
  const closing = new AbortController()
  return {
    async call(call, signal) {
      const limit = AbortSignal.any([signal, closing.signal, AbortSignal.timeout(timeout)])
      // The one limit is the call's own: a second one would tell of the same with another error.
      const client = new Client(call.url.origin, { pipelining: 0, headersTimeout: 0, bodyTimeout: 0 })
      let connected = false
      client.on('connect', () => {
        connected = true
      })
      try {
        return await untilAborted(client, limit, () => exchange(client, call))
      } catch (error) {
        const reason = reasonOf(limit.aborted ? limit.reason : error)
        throw new DeliveryError(connected ? call.ifLost : 'unreachable', provider, reason)
      }
    },
    async close() {
      closing.abort()
    },
  }
}

/** A signal given to the request itself would be heard only once the connection stands. */
async function untilAborted<Result>(client: Client, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
  const giveUp = () => void client.destroy(signal.reason)
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    signal.throwIfAborted()
    return await work()
  } finally {
    signal.removeEventListener('abort', giveUp)
    void client.destroy()
  }
}

async function exchange(client: Client, { method, url, headers, body }: HttpCall): Promise<HttpAnswer> {
  const path = `${url.pathname}${url.search}`
  const answer = await client.request({ method, path, headers: { ...headers }, body: body ?? null })
  return { status: answer.statusCode, headers: answer.headers, text: await textOf(answer.body) }
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    // Leaving the loop destroys the stream, and with it the connection.
    if (length > maximumAnswerLength) throw new AnswerTooLong()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The error itself may quote the address, and with it a number and a code. */
function reasonOf(error: unknown): string {
  if (error instanceof AnswerTooLong) return 'gave too long an answer'
  if (!(error instanceof Error)) return 'the call failed'
  if (error.name === 'TimeoutError') return 'did not answer in time'
  if (error.name === 'AbortError') return 'the call was ended before its answer came'
  const code = 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? `the call failed with ${code}` : 'the call failed'
}
