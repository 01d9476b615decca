import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Locale } from '../domain/domain.ts'
import { type Page, renderPage } from '../pages/page.ts'

// What the routes of pages for people with a browser have in common.

/** The first language of `Accept-Language` (RFC 9110 section 12.5.4) that hufud speaks; browsers send the best first. */
export function preferredLocale({ headers }: FastifyRequest): Locale | undefined {
  for (const range of (headers['accept-language'] ?? '').toLowerCase().split(',')) {
    if (/^\s*zh\b/.test(range)) return 'zh-CN'
    if (/^\s*en\b/.test(range)) return 'en'
  }
  return undefined
}

/** Answers with a page and the headers that must go with it. */
export function sendPage(reply: FastifyReply, status: number, page: Page): FastifyReply {
  const { html, headers } = renderPage(page)
  return reply.code(status).headers(headers).send(html)
}

/**
 * Whether a form was sent from a page of ours: by what the browser says of itself (Fetch Metadata, section 2.3), and by
 * the origin (RFC 6454 section 7). What says nothing of where it comes from is not.
 */
export function isFromOwnPage(headers: IncomingHttpHeaders, origin: string): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin') return false
  return headers.origin === undefined ? site === 'same-origin' : headers.origin === origin
}

/**
 * Whether another site's page sent the form. Weaker than `isFromOwnPage`, for forms whose address is a secret: what says
 * nothing of where it comes from is no browser's doing, or that of an old one.
 */
export function isFromForeignPage(headers: IncomingHttpHeaders, origin: string | undefined): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  return headers.origin !== undefined && headers.origin !== origin
}
