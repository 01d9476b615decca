import { Agent, DecoratorHandler, type Dispatcher, request } from 'undici'
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
  readonly text: string
}

export interface HttpCaller {
  /**
   * Makes one call, once: nothing is repeated, no redirect is followed.
   * @returns the answer, whatever its status, of at most 64 KiB
   * @throws {DeliveryError} `unreachable` when not one byte was sent; `ifLost` when the connection broke, the time ran
   * out or `signal` aborted after that, or when the answer is longer
   */
  call(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer>
  /** Closes connections; what is under way is ended. */
  close(): Promise<void>
}

/** Bytes; real answers have a few hundred. */
const maximumAnswerLength = 64 * 1024
/** Milliseconds. Short, so that hardly a request is written to a connection that the other side is closing. */
const idleTimeout = 4_000

/** @param options `timeout`: milliseconds from the start of a call to the last byte of its answer */
export function openHttp(options: { readonly provider: MessageProviderName; readonly timeout: number }): HttpCaller {
  const { provider, timeout } = options
  // The one limit is the call's own: a second one would tell of the same with another error.
  const agent = new Agent({
    keepAliveTimeout: idleTimeout,
    keepAliveMaxTimeout: idleTimeout,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout },
  })
  return {
    async call(call, signal) {
      let begun = false
      const dispatcher = agent.compose(
        noting(() => {
          begun = true
        }),
      )
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeout)])
      try {
        return await orAbort(exchange(dispatcher, call, limit), limit)
      } catch (error) {
        // The error itself may quote the address, and with it a number and a code.
        throw new DeliveryError(begun ? call.ifLost : 'unreachable', provider, reasonOf(error))
      }
    },
    close: () => agent.destroy(),
  }
}

/** Calls `begin` when a request has its connection and its first byte is about to be written. */
const noting =
  (begin: () => void): Dispatcher.DispatcherComposeInterceptor =>
  dispatch =>
  (options, handler) => {
    const noted: Dispatcher.DispatchHandler = new DecoratorHandler(handler)
    const start = noted.onRequestStart?.bind(noted)
    noted.onRequestStart = (controller, context) => {
      begin()
      start?.(controller, context)
    }
    return dispatch(options, noted)
  }

class AnswerTooLong extends Error {}

async function exchange(dispatcher: Dispatcher, call: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
  const { method, url, headers, body = null } = call
  const answer = await request(url, { dispatcher, method, headers, body, signal })
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    length += chunk.length
    // Leaving the loop destroys the stream, and with it the connection.
    if (length > maximumAnswerLength) throw new AnswerTooLong()
    chunks.push(chunk)
  }
  return { status: answer.statusCode, text: Buffer.concat(chunks).toString('utf8') }
}

/** undici looks at the signal only once it has a connection; whoever waits is not to wait for that. */
async function orAbort<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const aborted = new Promise<never>((_resolve, reject) => {
    const stop = () => reject(signal.reason)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  aborted.catch(() => {})
  work.catch(() => {})
  return Promise.race([work, aborted])
}

function reasonOf(error: unknown): string {
  if (error instanceof AnswerTooLong) return 'gave too long an answer'
  if (!(error instanceof Error)) return 'the call failed'
  if (error.name === 'TimeoutError') return 'did not answer in time'
  if (error.name === 'AbortError') return 'the call was ended before its answer came'
  const code = 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? `the call failed with ${code}` : 'the call failed'
}
