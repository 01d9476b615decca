import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { authorisedPath } from '../domain/bindings/wechat-authorisation.ts'
import { invitationPath } from '../domain/bindings/wechat-invitation.ts'
import type { Locale } from '../domain/domain.ts'
import { StoreUnavailable } from '../domain/ports/store-unavailable.ts'
import { Refusal } from '../domain/refusal.ts'
import type { Services } from '../domain/services.ts'
import {
  declinedPage,
  faultPage,
  foreignFormPage,
  invalidPage,
  invitationAnswer,
  invitationPage,
  outcomePage,
  overPage,
  throttledPage,
} from '../pages/wechat-pages.ts'
import { isFromOwnPage, preferredLocale, sendPage } from './browser-pages.ts'

/** Bytes; the form has one short field. */
const longestForm = 4096
const sceneShape = /^[A-Za-z0-9_-]{22}$/
const stateShape = /^[0-9a-f]{64}$/
const codeShape = /^[A-Za-z0-9_-]{1,256}$/
const browserShape = /^[A-Za-z0-9_-]{43}$/

/** WeChat's people, where nothing else is known. */
const usualLocale: Locale = 'zh-CN'

function sceneOf(request: FastifyRequest): string {
  const { scene } = request.params as { scene: string }
  return sceneShape.test(scene) ? scene : ''
}

function fieldOf(request: FastifyRequest, name: string): string | undefined {
  const values = new URLSearchParams(typeof request.body === 'string' ? request.body : '').getAll(name)
  return values.length === 1 ? values[0] : undefined
}

/** A parameter of the query that is there once and has this shape. */
function parameterOf(request: FastifyRequest, name: string, shape: RegExp): string | undefined {
  const value = (request.query as Record<string, unknown>)[name]
  return typeof value === 'string' && shape.test(value) ? value : undefined
}

/** Refuses in words for people what goes wrong on the way to a page. */
function sendFault(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const locale = preferredLocale(request) ?? usualLocale
  if (error instanceof Refusal && error.code === 'throttled') {
    const seconds = Number(error.members.retry_after ?? 1)
    return sendPage(reply.header('retry-after', String(seconds)), 429, throttledPage(locale, seconds))
  }
  if (error instanceof StoreUnavailable) {
    request.log.warn({ cause: error.message }, 'the database could not be used')
    return sendPage(reply.header('retry-after', '1'), 503, faultPage(locale))
  }
  const { statusCode = 500 } = error
  if (statusCode >= 400 && statusCode < 500) return sendPage(reply, statusCode, invalidPage(locale))
  request.log.error({ err: { name: error.name, message: error.message, stack: error.stack } }, 'internal error')
  return sendPage(reply, 500, faultPage(locale))
}

/**
 * The pages of a binding by WeChat's web authorisation: the invitation behind the QR code, the form by which a person
 * agrees or declines, and where WeChat sends them back to. A GET of the invitation changes nothing: scanners of links
 * and previews do it. Not of the contract: browsers read it, and no client.
 */
export function serveWeChatAuthorisation(app: FastifyInstance, services: Services): void {
  const { domain, wechatAuthorisations } = services
  const { webAuthorisation, policy, counters } = domain
  if (!webAuthorisation) return
  const origin = policy.origins[0] ?? ''
  const redirectOrigin = webAuthorisation.origin
  const isSecure = origin.startsWith('https:')
  // Over https no other host can set it, nor plain http (RFC 6265bis section 4.1.3.2).
  const cookieName = isSecure ? '__Host-hufud-wechat' : 'hufud-wechat'

  const cookieOf = (request: FastifyRequest): string | undefined => {
    const pairs = (request.headers.cookie ?? '').split(';').map(pair => pair.trim().split('='))
    const values = pairs.filter(([name]) => name === cookieName)
    const value = values.length === 1 ? values[0]?.[1] : undefined
    return value !== undefined && browserShape.test(value) ? value : undefined
  }

  const setCookie = (reply: FastifyReply, value: string, seconds: number): void => {
    const secure = isSecure ? '; Secure' : ''
    reply.header('set-cookie', `${cookieName}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`)
  }

  const refused = (request: FastifyRequest, path: string, reason: string): void => {
    counters.count('pushes_refused', { path, reason })
    request.log.warn({ reason }, 'WeChat authorisation refused')
  }

  async function showInvitation(request: FastifyRequest, reply: FastifyReply) {
    const invitation = await wechatAuthorisations.describe(sceneOf(request), request.ip)
    const wished = preferredLocale(request)
    if (!invitation) return sendPage(reply, 410, overPage(wished ?? usualLocale))
    const page = invitationPage(wished ?? invitation.locale, invitation, {
      service: policy.serviceName,
      redirect: redirectOrigin,
      isInWeChat: /MicroMessenger/i.test(request.headers['user-agent'] ?? ''),
    })
    return sendPage(reply, 200, page)
  }

  async function takeAnswer(request: FastifyRequest, reply: FastifyReply) {
    const locale = preferredLocale(request) ?? usualLocale
    if (!isFromOwnPage(request.headers, origin)) {
      refused(request, `${invitationPath}:scene`, 'origin')
      return sendPage(reply, 403, foreignFormPage(locale))
    }
    const answer = fieldOf(request, invitationAnswer.name)
    if (answer === invitationAnswer.decline) {
      const isDeclined = await wechatAuthorisations.decline(sceneOf(request), request.ip)
      return isDeclined ? sendPage(reply, 200, declinedPage(locale)) : sendPage(reply, 410, overPage(locale))
    }
    if (answer !== invitationAnswer.agree) return sendPage(reply, 400, invalidPage(locale))
    const begun = await wechatAuthorisations.begin(sceneOf(request), request.ip)
    if (!begun) return sendPage(reply, 410, overPage(locale))
    setCookie(reply, begun.browser, begun.lifetime / 1000)
    return reply.headers({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }).redirect(begun.address, 303)
  }

  async function takeReturn(request: FastifyRequest, reply: FastifyReply) {
    const state = parameterOf(request, 'state', stateShape) ?? ''
    const code = parameterOf(request, 'code', codeShape)
    const outcome = await wechatAuthorisations.finish({ state, browser: cookieOf(request), code }, request.ip)
    // The cookie stays where it may yet be needed: strangers can send a browser here, too, and a code is shown again.
    if (outcome.outcome === 'foreign') refused(request, authorisedPath, 'state')
    else if (outcome.outcome !== 'code') setCookie(reply, '', 0)
    if ('cause' in outcome && outcome.cause) {
      request.log.warn({ cause: outcome.cause.message }, 'WeChat did not say who authorised')
    }
    const locale = preferredLocale(request) ?? ('locale' in outcome ? outcome.locale : usualLocale)
    const { page, status } = outcomePage(locale, outcome, policy.serviceName, invitationPath)
    return sendPage(reply, status, page)
  }

  app.register(async scope => {
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: longestForm },
      (_request, body, done) => done(null, body),
    )
    scope.setErrorHandler(sendFault)
    scope.get(`${invitationPath}:scene`, showInvitation)
    scope.post(`${invitationPath}:scene`, { bodyLimit: longestForm }, takeAnswer)
    // No HEAD: to come back uses the state.
    scope.get(authorisedPath, { exposeHeadRoute: false }, takeReturn)
  })
}
