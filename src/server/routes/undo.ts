import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../domain/refusal.ts'
import type { ClosedReversal, OpenReversal, Reverted } from '../domain/reversals.ts'
import type { Services } from '../domain/services.ts'
import { undoPath } from '../domain/undo-links.ts'
import { closedPage, confirmPage, donePage, refusedPage, throttledPage, undoAction } from '../pages/undo-page.ts'
import { isFromForeignPage, preferredLocale, sendPage } from './browser-pages.ts'
import { callerOf } from './serve-operation.ts'

const longestForm = 1024

type Params = { Params: { secret: string } }

/**
 * The page of a link that undoes a change. Looking at it changes nothing, because mail scanners fetch every link; the
 * button does. Not of the contract: it is for a person with a browser who may have no hufu at hand.
 */
export function serveUndo(app: FastifyInstance, { domain, reversals }: Services): void {
  /** What nobody was ever given is not worth a question to the database. */
  const isSecret = (text: string): boolean => /^[A-Za-z0-9_-]{22}$/.test(text)

  function answer(request: FastifyRequest, reply: FastifyReply, found: OpenReversal | ClosedReversal | Reverted) {
    const asked = preferredLocale(request)
    const locale = asked ?? (found.state === 'unknown' ? 'en' : found.locale)
    if (found.state === 'open') return sendPage(reply, 200, confirmPage(locale, found))
    if (found.state === 'done') return sendPage(reply, 200, donePage(locale, found))
    return sendPage(reply, 410, closedPage(locale, found))
  }

  async function look(request: FastifyRequest<Params>, reply: FastifyReply): Promise<FastifyReply> {
    const { secret } = request.params
    const found = isSecret(secret) ? await reversals.look(secret, callerOf(request)) : { state: 'unknown' as const }
    return answer(request, reply, found)
  }

  app.register(async scope => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: longestForm },
      (_request, body, done) => done(null, new URLSearchParams(String(body))),
    )
    scope.setErrorHandler((error, request, reply) => {
      if (!(error instanceof Refusal) || error.code !== 'throttled') throw error
      const seconds = Number(error.members.retry_after)
      const locale = preferredLocale(request) ?? 'en'
      return sendPage(reply.header('retry-after', String(seconds)), 429, throttledPage(locale, seconds))
    })
    scope.get<Params>(`${undoPath}/:secret`, look)
    scope.post<Params>(`${undoPath}/:secret`, async (request, reply) => {
      if (isFromForeignPage(request.headers, domain.policy.origins[0])) {
        return sendPage(reply, 403, refusedPage(preferredLocale(request) ?? 'en'))
      }
      const { secret } = request.params
      const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams()
      if (!isSecret(secret) || form.get(undoAction.name) !== undoAction.value) return look(request, reply)
      return answer(request, reply, await reversals.revert(secret, callerOf(request)))
    })
  })
}
