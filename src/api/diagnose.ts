import { readHealth, serverHeader } from '../contract/server.ts'
import { type Clock, timeOf } from '../lib/clock.ts'
import { printable } from '../lib/printable.ts'
import { version } from '../lib/version.ts'
import { readAnswer } from './answer.ts'
import { ApiError, type UnreachableReason } from './errors.ts'
import { type HttpAnswer, openConnection } from './exchange.ts'
import type { Peer } from './peer.ts'
import type { ProxyServer } from './proxy.ts'
import { parseServerUrl } from './server-url.ts'

export interface DiagnoseOptions {
  /** PEM: the only issuers that are trusted; left out: those that node trusts. */
  readonly ca?: string | undefined
  readonly proxy?: ProxyServer | undefined
  readonly clock: Clock
  /** For all of it, in milliseconds. */
  readonly timeout: number
  readonly signal?: AbortSignal | undefined
}

/** What there is to say about a server and the way to it. */
export interface ServerDiagnosis {
  /** Whether a hufud answers. */
  readonly reachable: boolean
  /**
   * What is wrong: why nothing could be reached, or the code of the fault (`server_timeout`, `server_not_hufud`); of a
   * server that is reached and does not serve, such as `busy`, its code.
   */
  readonly reason?: UnreachableReason | (string & {})
  /** The same as a sentence in English. */
  readonly detail?: string
  readonly version?: string
  /** Of the connection by TLS, also where its certificate is not trusted. */
  readonly tls?: Peer
  /** By how many milliseconds the clock of the server is ahead of this one; negative: behind. */
  readonly clockSkewMs?: number
  /** Host and port of the proxy that was used, or was to be. */
  readonly viaProxy?: string
}

/** Its own time as it answers, else that of the `Date` header (RFC 9110 section 6.6.1), which knows seconds only. */
async function timeIn(answer: HttpAnswer): Promise<number> {
  const fromBody = await readAnswer(readHealth, answer).then(
    ({ time }) => timeOf(time),
    () => Number.NaN,
  )
  // A header says the second that has begun: on average half of it has gone by.
  return Number.isNaN(fromBody) ? timeOf(answer.header('date') ?? '') + 500 : fromBody
}

async function readFacts(answer: HttpAnswer, asked: number, answered: number): Promise<Partial<ServerDiagnosis>> {
  const time = await timeIn(answer)
  const fault = await readAnswer(readHealth, answer).then(
    () => undefined,
    (error: unknown) => error,
  )
  return {
    version: printable(answer.header(serverHeader) ?? '').slice(0, 64),
    ...(fault instanceof ApiError ? { reason: fault.code, detail: fault.detail } : {}),
    ...(Number.isNaN(time) ? {} : { clockSkewMs: Math.round(time - (asked + answered) / 2) }),
  }
}

/**
 * Asks a server how it is, and looks at the way to it: two requests, which need no login. Never throws for what is wrong
 * with either.
 * @param origin `https://accounts.example.org`
 * @throws {ApiError} `server_url_invalid` or `server_insecure` for an origin that is none; the reason of `signal`
 */
export async function diagnoseServer(origin: string, options: DiagnoseOptions): Promise<ServerDiagnosis> {
  const { ca, proxy, clock, timeout, signal } = options
  let tls: Peer | undefined
  const connection = openConnection(parseServerUrl(origin), {
    timeoutMilliseconds: timeout,
    ca,
    proxy,
    signal,
    onPeer(peer) {
      tls = peer
    },
  })
  const seen = () => ({ ...(tls ? { tls } : {}), ...(proxy ? { viaProxy: proxy.name } : {}) })
  const headers = { accept: 'application/json, application/problem+json', 'user-agent': `hufu/${version}` }
  try {
    // The first request pays for the connection, so that only the second tells the time.
    await connection.exchange({ method: 'GET', path: readHealth.url, headers, body: undefined })
    const asked = clock.now()
    const answer = await connection.exchange({ method: 'GET', path: readHealth.url, headers, body: undefined })
    return { reachable: true, ...(await readFacts(answer, asked, clock.now())), ...seen() }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return { reachable: false, reason: error.reason ?? error.code, detail: error.detail, ...seen() }
  } finally {
    await connection.close()
  }
}
