import Fastify, { type FastifyBaseLogger, type FastifyError, type FastifyInstance, LogController } from 'fastify'
import { serverHeader } from '../../contract/server.ts'
import { StoreUnavailable } from '../domain/ports/store-unavailable.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Services } from '../domain/services.ts'
import { serveEnrol } from './enrol.ts'
import { sendProblem } from './problems.ts'
import { serveReceipts } from './receipts.ts'
import { serveContract } from './routes.ts'
import { serveUndo } from './undo.ts'
import { serveWeChatAuthorisation } from './wechat-authorisation.ts'
import { serveWeChatCallback } from './wechat-callback.ts'

/** A security key's response has at most 16 KiB; with base64url and JSON around it, no body is longer than this. */
const longestBody = 32_768
const requestTimeout = 30_000

const frameworkProblems: Readonly<Record<string, 'body_too_large' | 'media_type_unsupported'>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media_type_unsupported',
}

/** The HTTP server over the services; it does not listen yet. */
export function createHttpServer({
  services,
  version,
  logger,
  trustedProxies,
}: {
  services: Services
  version: string
  logger: FastifyBaseLogger
  /** Addresses whose `X-Forwarded-For` is believed. */
  trustedProxies: readonly string[]
}): FastifyInstance {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: longestBody,
    requestTimeout,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    forceCloseConnections: 'idle',
    // Whatever comes over a connection that is still open while the server stops is served: that is its last.
    return503OnClosing: false,
    // The longest is the secret in the address of receipts.
    routerOptions: { maxParamLength: 128 },
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    reply.header(serverHeader, version)
    done(null, payload)
  })
  // The route's pattern and nothing of the URL, headers or body: those may hold secrets.
  app.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions } = request
    const line = {
      method,
      route: routeOptions.url,
      status: reply.statusCode,
      milliseconds: Math.round(reply.elapsedTime),
    }
    request.log.info(line, 'request')
    done()
  })
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'not_found'))
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (error instanceof Refusal) {
      if (error.cause instanceof Error) request.log.warn({ code: error.code, cause: error.cause.message }, 'refused')
      return sendProblem(reply, error.code, error.members)
    }
    if (error instanceof StoreUnavailable) {
      request.log.warn({ cause: error.message }, 'the database could not be used')
      return sendProblem(reply, 'busy', { retry_after: 1 })
    }
    const known = frameworkProblems[error.code]
    if (known) return sendProblem(reply, known)
    if (error.statusCode && error.statusCode >= 400 && error.statusCode < 500)
      return sendProblem(reply, 'invalid_request')
    request.log.error({ err: { name: error.name, message: error.message, stack: error.stack } }, 'internal error')
    return sendProblem(reply, 'internal_error', { request_id: request.id })
  })
  serveContract(app, services)
  serveWeChatCallback(app, services)
  serveReceipts(app, services)
  serveUndo(app, services)
  serveEnrol(app, services)
  serveWeChatAuthorisation(app, services)
  return app
}
