import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../../lib/clock.ts'
import type { Random } from '../../../lib/random.ts'
import { createTwilioApi, errorAnswer, type TwilioAccount, type TwilioAnswer, type TwilioMessage } from './api.ts'
import { type MessageStatus, type PushAnswer, push } from './status-callback.ts'

/** What goes wrong with a call; a number is an error code of Twilio's dictionary. */
export type TwilioFault = 'hang' | 'status500' | 'cut' | 'garbage' | 'huge' | 'throttle' | number

export interface TwilioSimulatorOptions {
  readonly clock: Clock
  readonly random: Random
  /** Left out: fresh random ones, with the one number +15005550006. */
  readonly account?: TwilioAccount
  /** Where what was sent arrives. */
  readonly onMessage?: (message: TwilioMessage) => void
}

/** Twilio, as far as one account sees it. */
export interface TwilioSimulator {
  readonly baseUrl: string
  readonly account: TwilioAccount
  /** What was taken over, the oldest first. */
  readonly messages: readonly TwilioMessage[]
  /** Calls, failed ones included. */
  readonly calls: number
  /** The next call fails; several of these take their turns. @param retryAfter seconds, with `throttle` */
  failNext(fault: TwilioFault, options?: { readonly retryAfter?: number }): void
  /** Pushes a signed status callback about a message. @throws {Error} when it has none, or nobody answers there */
  report(sid: string, status: MessageStatus, more?: Readonly<Record<string, string>>): Promise<PushAnswer>
  close(): Promise<void>
}

const longestBody = 64 * 1024
const hugeLength = 10_000_000

interface PlannedFault {
  readonly fault: TwilioFault
  readonly retryAfter: number | undefined
}

const randomAccount = (random: Random): TwilioAccount => ({
  accountSid: `AC${Buffer.from(random.bytes(16)).toString('hex')}`,
  authToken: Buffer.from(random.bytes(16)).toString('hex'),
  senders: ['+15005550006'],
  status: 'active',
})

/** Starts an HTTP server that speaks Twilio's documented API on 127.0.0.1. */
export async function startTwilioSimulator(options: TwilioSimulatorOptions): Promise<TwilioSimulator> {
  const { clock, random, account = randomAccount(random), onMessage } = options
  const messages: TwilioMessage[] = []
  const planned: PlannedFault[] = []
  let calls = 0
  const api = createTwilioApi(account, {
    clock,
    random,
    onMessage: message => {
      messages.push(message)
      onMessage?.(message)
    },
  })

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request)
    calls += 1
    const failure = planned.shift()
    if (failure?.fault === 'hang') return
    const [path = ''] = (request.url ?? '').split('?')
    const taken = () => api({ method: request.method ?? '', path, headers: request.headers, body })
    if (failure?.fault === 'cut') return cut(response, taken())
    send(response, failure ? answerOf(failure, taken) : taken())
  }

  const server = createServer((request, response) => {
    respond(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    account,
    messages,
    get calls() {
      return calls
    },
    failNext: (fault, { retryAfter } = {}) => void planned.push({ fault, retryAfter }),
    report: (sid, status, more = {}) => {
      const message = messages.find(known => known.sid === sid)
      if (!message?.statusCallback) throw new Error(`no message ${sid} with a status callback`)
      return push(account.authToken, message.statusCallback, {
        AccountSid: account.accountSid,
        ApiVersion: '2010-04-01',
        From: message.from,
        MessageSid: sid,
        MessageStatus: status,
        SmsSid: sid,
        SmsStatus: status,
        To: message.to,
        ...more,
      })
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** After most of these the message is taken over all the same, as it may be with the real one. */
function answerOf({ fault, retryAfter }: PlannedFault, taken: () => TwilioAnswer): TwilioAnswer {
  if (typeof fault === 'number') return errorAnswer(fault)
  if (fault === 'throttle') return errorAnswer(20429, retryAfter)
  const { status, headers } = taken()
  if (fault === 'status500') return { status: 500, headers, body: '{"code":20500,"status":500}' }
  if (fault === 'huge') return { status, headers, body: `{"sid":"${'x'.repeat(hugeLength)}"}` }
  return { status, headers, body: '<html>\u001b[2J{"sid":' }
}

function send(response: ServerResponse, { status, headers, body }: TwilioAnswer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

/** Ends the connection in the middle of the answer. */
function cut(response: ServerResponse, { status, headers, body }: TwilioAnswer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  response.write(body.slice(0, body.length / 2), () => response.destroy())
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > longestBody) throw new Error('too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
