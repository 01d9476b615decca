import { isOfSchema } from '../contract/check.ts'
import type { AnswerOf, Operation } from '../contract/operation.ts'
import { proofHeader } from '../contract/server.ts'
import { readAnswer } from './answer.ts'
import type { ApiClient, CallArguments } from './client.ts'
import { ApiError } from './errors.ts'
import { type ConnectionOptions, openConnection } from './exchange.ts'
import { type RetryOptions, withRetries } from './retry.ts'
import { parseServerUrl } from './server-url.ts'

export interface ApiClientOptions extends Omit<ConnectionOptions, 'onPeer'> {
  /** The server's origin; checked by `parseServerUrl`. */
  readonly origin: string
  readonly sessionSecret?: string | undefined
  /** A service token, for admins' operations that take one. */
  readonly serviceCredential?: string | undefined
  /**
   * Gives what is sent for a session that `sessionSecret` only stands for; asked by calls that need one. `undefined`:
   * there is none any more.
   */
  readonly secretOf?: ((sessionSecret: string) => Promise<string | undefined>) | undefined
  readonly userAgent: string
  /** `Accept-Language`: the language of messages that the server sends to people. */
  readonly language: string
  /** How calls that only read are made again; left out: they are not. */
  readonly retry?: RetryOptions | undefined
  /** Called when the server says that the session in use has ended. */
  readonly onSessionEnded?: () => void | Promise<void>
}

interface AnyArguments {
  readonly params?: Readonly<Record<string, unknown>> | undefined
  readonly query?: Readonly<Record<string, unknown>> | undefined
  readonly body?: unknown
  readonly proof?: string | undefined
  readonly afterAbort?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** Path and query of a call. @throws {ApiError} `invalid_request` for parameters that are not of the schema. */
function pathOf(operation: Operation, call: AnyArguments): string {
  for (const [schema, value] of [
    [operation.params, call.params],
    [operation.query, call.query],
  ] as const) {
    if (schema && !isOfSchema(schema, value)) {
      throw new ApiError('invalid_request', { detail: `This is no parameter of ${operation.id}.` })
    }
  }
  const path = operation.url.replace(/:([a-z_]+)/g, (_, name: string) =>
    encodeURIComponent(String(call.params?.[name])),
  )
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined) query.set(name, String(value))
  return query.size === 0 ? path : `${path}?${query}`
}

/**
 * What says who is calling: a script's token before the session of whoever runs it, where any token serves at all.
 * @throws {ApiError} `not_logged_in` where neither is at hand
 */
async function credentialFor(operation: Operation, session: string | undefined, options: ApiClientOptions) {
  if (operation.access === 'anyone') return undefined
  const takesToken = operation.access === 'admin' && operation.scope !== null
  if (takesToken && options.serviceCredential !== undefined) return options.serviceCredential
  const secret = session !== undefined && options.secretOf ? await options.secretOf(session) : session
  if (secret !== undefined) return secret
  throw new ApiError('not_logged_in', { detail: 'Nothing is at hand to say who is calling.' })
}

/**
 * The typed client of hufud. It connects with its first call, and keeps one connection.
 * @throws {ApiError} `server_url_invalid` or `server_insecure` for an origin that secrets must not travel to.
 */
export function createApiClient(options: ApiClientOptions): ApiClient {
  const origin = parseServerUrl(options.origin)
  const connection = openConnection(origin, options)

  async function exchange(operation: Operation, call: AnyArguments, secret: string | undefined, limit?: number) {
    const answer = await connection.exchange(
      {
        method: operation.method,
        path: pathOf(operation, call),
        headers: {
          accept: 'application/json, application/problem+json',
          'accept-language': options.language,
          'user-agent': options.userAgent,
          ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
          ...(call.proof === undefined ? {} : { [proofHeader]: call.proof }),
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
      },
      { ...call, timeoutMilliseconds: limit },
    )
    return readAnswer(operation, answer)
  }

  async function call(operation: Operation, call: AnyArguments): Promise<unknown> {
    const session = client.sessionSecret
    const secret = await credentialFor(operation, session, options)
    const isSession = secret !== undefined && secret !== options.serviceCredential
    const once = (limit?: number) => exchange(operation, call, secret, limit)
    try {
      // Of all else it is not known whether the server has done it.
      if (!options.retry || operation.method !== 'GET' || call.afterAbort) return await once()
      return await withRetries(once, options.retry, options.timeoutMilliseconds, [options.signal, call.signal])
    } catch (error) {
      const ended = error instanceof ApiError && error.code === 'not_logged_in' && isSession
      if (ended && client.sessionSecret === session) await options.onSessionEnded?.()
      throw error
    }
  }

  const client: ApiClient = {
    origin,
    sessionSecret: options.sessionSecret,
    call: <O extends Operation>(operation: O, args: CallArguments<O>) =>
      call(operation, args as AnyArguments) as Promise<AnswerOf<O>>,
    close: connection.close,
  }
  return client
}
