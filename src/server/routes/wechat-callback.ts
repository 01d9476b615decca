import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ScanAnswer } from '../domain/bindings/wechat-scans.ts'
import type { Services } from '../domain/services.ts'
import { takePushes } from './provider-pushes.ts'

export const wechatCallbackPath = '/wechat/callback'

/** Bytes. WeChat pushes at most a few KiB; twice its largest documented event. */
const longestPush = 16_384

/**
 * Milliseconds. WeChat waits for five seconds, and sends again, three times, what has had no answer by then: "Passive
 * Reply" (被动回复用户消息). An answer of another kind is not repeated; the person is told that the service is broken.
 */
const silence = 6000

/**
 * The address that WeChat pushes to. Not of the contract: its form is WeChat's. A request that is not signed by
 * WeChat learns nothing but 403. A genuine one is answered with `success` or what the person is to read. Where we fail,
 * or are late, it has no answer, so that WeChat sends it again: a scan that was decided meanwhile is answered the same.
 */
export function serveWeChatCallback(app: FastifyInstance, { domain, wechatBindings }: Services): void {
  const { wechat, clock } = domain
  if (!wechat) return
  const stopping = new AbortController()

  async function giveNoAnswer(reply: FastifyReply): Promise<void> {
    reply.hijack()
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    await clock.sleep(silence, AbortSignal.any([gone.signal, stopping.signal])).catch(() => {})
    reply.raw.destroy()
  }

  app.register(async scope => {
    scope.addHook('preClose', async () => stopping.abort())
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
      let answer: ScanAnswer
      try {
        answer = await wechatBindings.receiveScan(push)
      } catch (error) {
        const { name, message, stack } = error instanceof Error ? error : new Error('unknown')
        request.log.error({ err: { name, message, stack } }, 'WeChat scan not handled')
        return giveNoAnswer(reply)
      }
      const { words, refused, unionidFailure } = answer
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
