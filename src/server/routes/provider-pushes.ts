import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Domain } from '../domain/domain.ts'
import { ReceiptRefused } from '../domain/ports/receipt-refused.ts'
import { WeChatPushRefused } from '../domain/ports/wechat-error.ts'
import { refusePush } from '../domain/push-throttle.ts'

/**
 * Readies a scope for what a provider pushes: bodies of its media types come as the text that was signed, and whoever
 * pushes anything else learns nothing but 403, or 429 when there are many.
 * @param path the route's pattern, for the log and the counters
 * @param bodyLimit bytes
 */
export function takePushes(
  scope: FastifyInstance,
  domain: Domain,
  { path, mediaTypes, bodyLimit }: { path: string; mediaTypes: string[]; bodyLimit: number },
): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(mediaTypes, { parseAs: 'string', bodyLimit }, (_request, body, done) => done(null, body))
  scope.setErrorHandler(async (error, request, reply) => {
    const reason = reasonOf(error)
    if (reason === undefined) throw error
    return refuse(domain, request, reply, { path, reason })
  })
}

/** Why a push was not taken; `undefined` for what is no push's fault. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof ReceiptRefused || error instanceof WeChatPushRefused) return error.reason
  const { code, statusCode = 500 } = error as { code?: string; statusCode?: number }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return 'size'
  return statusCode >= 400 && statusCode < 500 ? 'format' : undefined
}

async function refuse(
  domain: Domain,
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
