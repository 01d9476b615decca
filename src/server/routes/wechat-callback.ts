import type { FastifyInstance } from 'fastify'
import { WeChatPushRefused } from '../domain/ports/wechat-error.ts'
import type { Services } from '../domain/services.ts'

export const wechatCallbackPath = '/wechat/callback'

/** WeChat answers pushes of at most a few KiB; twice its largest documented event. */
const longestPush = 16_384

/**
 * The address that WeChat pushes to. Not of the contract: its form is WeChat's. A request that is not signed by
 * WeChat learns nothing but 403.
 */
export function serveWeChatCallback(app: FastifyInstance, { domain, wechatBindings }: Services): void {
  const { wechat } = domain
  if (!wechat) return
  app.register(async scope => {
    scope.addContentTypeParser(
      ['text/xml', 'application/xml'],
      { parseAs: 'string', bodyLimit: longestPush },
      (_request, body, done) => done(null, body),
    )
    scope.setErrorHandler((error, request, reply) => {
      if (!(error instanceof WeChatPushRefused)) throw error
      request.log.warn({ reason: error.reason }, 'WeChat push refused')
      return reply.code(403).type('text/plain').send('refused')
    })
    scope.get(wechatCallbackPath, async (request, reply) =>
      reply.type('text/plain').send(wechat.verifyUrl(request.query as Record<string, unknown>)),
    )
    scope.post(wechatCallbackPath, async (request, reply) => {
      const push = wechat.openPush(request.query as Record<string, unknown>, String(request.body ?? ''))
      const words = push.kind === 'scan' ? await wechatBindings.receiveScan(push, request.ip) : undefined
      if (push.kind !== 'scan' || words === undefined) return reply.type('text/plain').send('success')
      return reply.type('application/xml').send(wechat.sealReply(push, words))
    })
  })
}
