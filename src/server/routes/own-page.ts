import type { IncomingHttpHeaders } from 'node:http'

/**
 * Whether a form was sent from a page of ours: by what the browser says of itself (Fetch Metadata, section 2.3), and by
 * the origin (RFC 6454 section 7). What says nothing of where it comes from is not.
 */
export function isFromOwnPage(headers: IncomingHttpHeaders, origin: string): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin') return false
  return headers.origin === undefined ? site === 'same-origin' : headers.origin === origin
}
