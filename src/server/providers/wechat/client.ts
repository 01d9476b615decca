import { request } from 'undici'
import type { Clock } from '../../../lib/clock.ts'
import { WeChatError } from '../../domain/ports/wechat-error.ts'
import { isBusy, meaningOf } from './errcodes.ts'

/** Where and how patiently WeChat's API is called. */
export interface WeChatEndpoint {
  /** `https://api.weixin.qq.com`, or a stand-in's address. */
  readonly baseUrl: string
  /** Milliseconds from the start of a call to the last byte of its answer. */
  readonly timeout: number
  /** Milliseconds before the one repetition that a busy system (−1) gets. */
  readonly busyDelay: number
  readonly clock: Clock
}

export type WeChatAnswer = Readonly<Record<string, unknown>>

/** Bytes; real answers have a few hundred. */
const maximumAnswerLength = 64 * 1024

/**
 * Calls one operation of WeChat's API, once more when the system is busy.
 * @param operation its path without the leading slash, e.g. `cgi-bin/stable_token`
 * @param query secrets may be in here: it enters no error
 * @param body posted as JSON; `undefined` makes it a GET
 * @returns the answer, whose `errcode`, if any, is 0
 * @throws {WeChatError}
 */
export async function callWeChat(
  endpoint: WeChatEndpoint,
  operation: string,
  query: Readonly<Record<string, string>>,
  body?: unknown,
): Promise<WeChatAnswer> {
  try {
    return await callOnce(endpoint, operation, query, body)
  } catch (error) {
    if (!(error instanceof WeChatError && error.errcode !== undefined && isBusy(error.errcode))) throw error
    await endpoint.clock.sleep(endpoint.busyDelay)
    return callOnce(endpoint, operation, query, body)
  }
}

async function callOnce(
  endpoint: WeChatEndpoint,
  operation: string,
  query: Readonly<Record<string, string>>,
  body?: unknown,
): Promise<WeChatAnswer> {
  const url = new URL(operation, endpoint.baseUrl.endsWith('/') ? endpoint.baseUrl : `${endpoint.baseUrl}/`)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  const text = await exchange(url, operation, endpoint.timeout, body)
  const answer = parseAnswer(operation, text)
  const errcode = answer.errcode ?? 0
  if (typeof errcode !== 'number' || !Number.isSafeInteger(errcode)) throw unavailable(operation, 'gave no errcode')
  if (errcode !== 0) {
    throw new WeChatError(meaningOf(errcode), `WeChat answered ${operation} with errcode ${errcode}`, errcode)
  }
  return answer
}

async function exchange(url: URL, operation: string, timeout: number, body: unknown): Promise<string> {
  const accept = { accept: 'application/json' }
  const posted = {
    method: 'POST' as const,
    headers: { ...accept, 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(body),
  }
  try {
    const answer = await request(url, {
      ...(body === undefined ? { headers: accept } : posted),
      signal: AbortSignal.timeout(timeout),
    })
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
      length += chunk.length
      // Leaving the loop destroys the stream, and with it the connection.
      if (length > maximumAnswerLength) throw unavailable(operation, 'gave too long an answer')
      chunks.push(chunk)
    }
    if (answer.statusCode !== 200) throw unavailable(operation, `answered with HTTP status ${answer.statusCode}`)
    return Buffer.concat(chunks).toString('utf8')
  } catch (error) {
    if (error instanceof WeChatError) throw error
    // The error itself may quote the address, which holds the access token.
    throw unavailable(operation, reasonOf(error))
  }
}

function parseAnswer(operation: string, text: string): WeChatAnswer {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    // The parser quotes what it could not read, and that may be half a token.
    throw unavailable(operation, 'answered with no JSON')
  }
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) {
    throw unavailable(operation, 'answered with no JSON object')
  }
  return answer as WeChatAnswer
}

/** The error for an answer that lacks what the documentation promises, or that never came. */
export const unavailable = (operation: string, reason: string): WeChatError =>
  new WeChatError('wechat_unavailable', `WeChat, ${operation}: ${reason}`)

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  if (error.name === 'TimeoutError') return 'did not answer in time'
  const code = 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z_]+$/.test(code) ? `failed with ${code}` : 'failed'
}
