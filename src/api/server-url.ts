import { ApiError } from './errors.ts'

const loopbackAddress = /^127(?:\.\d{1,3}){3}$/

/** Whether `hostname` (as `URL` writes it) is this machine itself: localhost, 127.0.0.0/8 or [::1]. */
export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || loopbackAddress.test(hostname)

const invalid = (detail: string) => new ApiError('server_url_invalid', { detail })

/**
 * The origin of a server that a person names, `https://accounts.example.org`. Secrets travel to it, so plain `http:`
 * is for this machine alone.
 * @throws {ApiError} `server_url_invalid` when `text` is no `http:` or `https:` URL, or holds more than an origin;
 * `server_insecure` for `http:` to another machine. The text itself, which may hold a password, is not repeated.
 */
export function parseServerUrl(text: string): string {
  if (!/^https?:\/\//i.test(text)) throw invalid('The address of a server begins with https://.')
  if (!URL.canParse(text)) throw invalid('This is no URL.')
  const url = new URL(text)
  if (url.username || url.password) throw invalid('The address of a server holds no user name and no password.')
  if (url.pathname !== '/' || /[?#]/.test(text)) {
    throw invalid('The address of a server ends with its host and port: no path, no query.')
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new ApiError('server_insecure', { detail: `Plain http: is refused for ${url.host}; use https:.` })
  }
  return url.origin
}
