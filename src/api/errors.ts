import type { ProblemCode } from '../contract/problems.ts'

/** Faults between the client and the server, for which no server has a code. */
export const clientFaults = [
  'server_url_invalid',
  'server_insecure',
  'proxy_invalid',
  'server_unreachable',
  'server_timeout',
  'server_not_hufud',
  'answer_malformed',
] as const
export type ClientFault = (typeof clientFaults)[number]

/** Why no server could be reached: the stable part of `server_unreachable`. */
export type UnreachableReason =
  | 'connection_refused'
  | 'connection_lost'
  | 'host_unknown'
  | 'no_route'
  | 'tls_certificate_expired'
  | 'tls_certificate_untrusted'
  | 'tls_certificate_other_host'
  | 'tls_too_old'
  | 'tls_failed'
  | 'proxy_unreachable'
  | 'proxy_authentication'
  | 'proxy_refused'
  | 'proxy_silent'
  | 'proxy_failed'
  | 'other'

export interface ApiErrorOptions {
  /** HTTP status; left out where there was no answer. */
  readonly status?: number | undefined
  readonly detail?: string | undefined
  readonly retryAfterSeconds?: number | undefined
  readonly reason?: UnreachableReason | undefined
  readonly issuer?: string | undefined
  readonly proxy?: string | undefined
  readonly problem?: Readonly<Record<string, unknown>> | undefined
}

/**
 * An operation that has not been answered as it should: a problem of the contract, or a fault on the way. Its texts
 * are printable, and never hold what was sent.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  /** A code of the contract, a `ClientFault`, or the code of a newer server. */
  readonly code: ProblemCode | ClientFault | (string & {})
  /** HTTP status; `undefined` where there was no answer. */
  readonly status: number | undefined
  /** A sentence in English. */
  readonly detail: string
  /** When to try again, where the server says so. */
  readonly retryAfterSeconds: number | undefined
  /** With `server_unreachable`: why. */
  readonly reason: UnreachableReason | undefined
  /** With `tls_certificate_untrusted`: who issued the certificate, as it says itself. */
  readonly issuer: string | undefined
  /** Host and port of the proxy that the fault is of, or the variable that names it. */
  readonly proxy: string | undefined
  /** The whole problem document, as the server sent it; empty where there was none. Not made printable. */
  readonly problem: Readonly<Record<string, unknown>>

  constructor(code: string, options: ApiErrorOptions = {}) {
    const detail = options.detail ?? code
    super(`${code}: ${detail}`)
    this.code = code
    this.status = options.status
    this.detail = detail
    this.retryAfterSeconds = options.retryAfterSeconds
    this.reason = options.reason
    this.issuer = options.issuer
    this.proxy = options.proxy
    this.problem = options.problem ?? {}
  }
}

/** Whether `error` is an `ApiError` with one of `codes`. */
export const isApiError = (error: unknown, ...codes: readonly string[]): error is ApiError =>
  error instanceof ApiError && (codes.length === 0 || codes.includes(error.code))
