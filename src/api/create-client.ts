import { isOfSchema } from '../contract/check.ts'
import type { AnswerOf, Operation } from '../contract/operation.ts'
import { proofHeader } from '../contract/server.ts'
import { readAnswer } from './answer.ts'
import type { ApiClient, CallArguments } from './client.ts'
import { ApiError } from './errors.ts'
import { openConnection } from './exchange.ts'
import { parseServerUrl } from './server-url.ts'

export interface ApiClientOptions {
  /** The server's origin; checked by `parseServerUrl`. */
  readonly origin: string
  readonly sessionSecret?: string | undefined
  /** A service token, for admins' operations that take one. */
  readonly serviceCredential?: string | undefined
  /** At most; left out: one. */
  readonly connections?: number | undefined
  /** For one call as a whole. */
  readonly timeoutMilliseconds: number
  readonly userAgent: string
  /** `Accept-Language`: the language of messages that the server sends to people. */
  readonly language: string
  /** Aborts calls under way; they reject with its reason. */
  readonly signal?: AbortSignal | undefined
  /** Called when the server says that the session in use has ended. */
  readonly onSessionEnded?: () => void
}

interface AnyArguments {
  readonly params?: Readonly<Record<string, unknown>> | undefined
  readonly query?: Readonly<Record<string, unknown>> | undefined
  readonly body?: unknown
  readonly proof?: string | undefined
  readonly afterAbort?: boolean | undefined
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
function credentialFor(operation: Operation, session: string | undefined, service: string | undefined) {
  if (operation.access === 'anyone') return undefined
  const takesToken = operation.access === 'admin' && operation.scope !== null
  const secret = takesToken ? (service ?? session) : session
  if (secret !== undefined) return secret
  throw new ApiError('not_logged_in', { detail: 'Nothing is at hand to say who is calling.' })
}

/**
 * The typed client of hufud. It connects with its first call, and keeps one connection.
 * @throws {ApiError} `server_url_invalid` or `server_insecure` for an origin that secrets must not travel to.
 */
export function createApiClient(options: ApiClientOptions): ApiClient {
  const origin = parseServerUrl(options.origin)
  const connection = openConnection(origin, options.timeoutMilliseconds, options.signal, options.connections)

  async function call(operation: Operation, call: AnyArguments): Promise<unknown> {
    const secret = credentialFor(operation, client.sessionSecret, options.serviceCredential)
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
      call,
    )
    try {
      return await readAnswer(operation, answer)
    } catch (error) {
      const ended = error instanceof ApiError && error.code === 'not_logged_in' && secret !== undefined
      if (ended && client.sessionSecret === secret) options.onSessionEnded?.()
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
