import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ReceiptRefused } from '../domain/ports/receipt-refused.ts'
import type { ReceiptReader } from '../domain/ports/receipts.ts'
import { refusePush } from '../domain/push-throttle.ts'
import type { Services } from '../domain/services.ts'

/** Twilio signs its pushes; the others are known by a secret in the address that they were given. */
export const receiptPaths: Readonly<Partial<Record<ReceiptReader['provider'], string>>> = {
  twilio: '/receipts/twilio',
  aliyun: '/receipts/aliyun/:secret',
  tencent: '/receipts/tencent/:secret',
}

/** Bytes: more than 200 receipts in one push. */
const longestPush = 64 * 1024

/**
 * The addresses that providers push receipts to, of those that are set up. Not of the contract: their form is the
 * provider's. A push that is not taken learns nothing but 403, whatever was wrong with it, and 429 when there are many.
 */
export function serveReceipts(app: FastifyInstance, services: Services): void {
  for (const reader of services.domain.receiptReaders) {
    const path = receiptPaths[reader.provider]
    if (path !== undefined) app.register(async scope => serveReader(scope, path, reader, services))
  }
}

function serveReader(scope: FastifyInstance, path: string, reader: ReceiptReader, services: Services): void {
  // As text: what was signed is the bytes that came.
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(
    ['application/x-www-form-urlencoded', 'application/json'],
    { parseAs: 'string', bodyLimit: longestPush },
    (_request, body, done) => done(null, body),
  )
  scope.setErrorHandler(async (error: FastifyError, request, reply) => {
    const reason = reasonOf(error)
    if (reason === undefined) throw error
    return refuse(services, request, reply, { path, reason })
  })
  scope.post(path, async (request, reply) => {
    const { url, headers } = request
    const query = request.query as Record<string, unknown>
    const params = request.params as Record<string, string>
    const body = typeof request.body === 'string' ? request.body : ''
    await services.receipts.take(reader.read({ url, headers, query, params, body }))
    return reply.type(reader.accepted.contentType).send(reader.accepted.body)
  })
}

/** Why a push was not taken; `undefined` for what is no push's fault. */
function reasonOf(error: FastifyError): ReceiptRefused['reason'] | undefined {
  if (error instanceof ReceiptRefused) return error.reason
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return 'size'
  return error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500 ? 'format' : undefined
}

async function refuse(
  { domain }: Services,
  request: FastifyRequest,
  reply: FastifyReply,
  refused: { path: string; reason: string },
): Promise<FastifyReply> {
  const outcome = await refusePush(domain, { source: request.ip, ...refused })
  if (outcome === 'refused') request.log.warn(refused, 'push refused')
  // Nor a line for the request: this logger is the request's own.
  else request.log.level = 'silent'
  return reply
    .code(outcome === 'refused' ? 403 : 429)
    .type('text/plain')
    .send('refused')
}
