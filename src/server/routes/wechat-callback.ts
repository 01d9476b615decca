import type { FastifyInstance } from 'fastify'
import { WeChatPushRefused } from '../domain/ports/wechat-error.ts'
import { refusePush } from '../domain/push-throttle.ts'
import type { Services } from '../domain/services.ts'

export const wechatCallbackPath = '/wechat/callback'

/** Bytes. WeChat pushes at most a few KiB; twice its largest documented event. */
const longestPush = 16_384

/** Why a request was refused before or while it was read; `undefined`: it was not, the server failed. */
function refusalOf(error: unknown): string | undefined {
  if (error instanceof WeChatPushRefused) return error.reason
  const { code, statusCode = 500 } = error as { code?: string; statusCode?: number }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return 'size'
  return statusCode >= 400 && statusCode < 500 ? 'format' : undefined
}

/**
 * The address that WeChat pushes to. Not of the contract: its form is WeChat's. A request that is not signed by
 * WeChat learns nothing but 403. A genuine one is answered with `success` or what the person is to read; where we fail,
 * with 500.
 */
export function serveWeChatCallback(app: FastifyInstance, { domain, wechatBindings }: Services): void {
  const { wechat } = domain
  if (!wechat) return
  app.register(async scope => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      ['text/xml', 'application/xml'],
      { parseAs: 'string', bodyLimit: longestPush },
      (_request, body, done) => done(null, body),
    )
    scope.setErrorHandler(async (error, request, reply) => {
      const reason = refusalOf(error)
      if (reason === undefined) throw error
      const verdict = await refusePush(domain, { source: request.ip, path: wechatCallbackPath, reason })
      if (verdict === 'refused') request.log.warn({ reason }, 'WeChat push refused')
      // Nor a line for the request: this logger is the request's own.
      else request.log.level = 'silent'
      return reply
        .code(verdict === 'throttled' ? 429 : 403)
        .type('text/plain')
        .send('refused')
    })
    scope.get(wechatCallbackPath, async (request, reply) =>
      reply.type('text/plain').send(wechat.verifyUrl(request.query as Record<string, unknown>)),
    )
    scope.post(wechatCallbackPath, async (request, reply) => {
      const push = wechat.openPush(request.query as Record<string, unknown>, String(request.body ?? ''))
      if (push.kind !== 'scan') return reply.type('text/plain').send('success')
      const { words, refused, unionidFailure } = await wechatBindings.receiveScan(push)
      if (unionidFailure) request.log.warn({ cause: unionidFailure }, 'WeChat told no unionid')
      if (refused) {
        request.log.warn({ reason: refused }, 'WeChat scan refused')
        domain.counters.count('pushes_refused', { path: wechatCallbackPath, reason: refused })
      }
      if (words === undefined) return reply.type('text/plain').send('success')
      return reply.type('application/xml').send(wechat.sealReply(push, words))
    })
  })
}
