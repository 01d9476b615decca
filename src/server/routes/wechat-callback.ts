import type { FastifyInstance } from 'fastify'
import type { Services } from '../domain/services.ts'
import { takePushes } from './provider-pushes.ts'

export const wechatCallbackPath = '/wechat/callback'

/** Bytes. WeChat pushes at most a few KiB; twice its largest documented event. */
const longestPush = 16_384

/**
 * The address that WeChat pushes to. Not of the contract: its form is WeChat's. A request that is not signed by
 * WeChat learns nothing but 403. A genuine one is answered with `success` or what the person is to read; where we fail,
 * with 500.
 */
export function serveWeChatCallback(app: FastifyInstance, { domain, wechatBindings }: Services): void {
  const { wechat } = domain
  if (!wechat) return
  app.register(async scope => {
    takePushes(scope, domain, {
      path: wechatCallbackPath,
      mediaTypes: ['text/xml', 'application/xml'],
      bodyLimit: longestPush,
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
