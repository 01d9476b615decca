import { ConfigError } from './config-error.ts'

const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || /^127\./.test(host)

/**
 * Checks a web origin of the configuration: scheme, host and port alone; https, or http on this machine.
 * @param place where it stands, for the message
 * @throws {ConfigError}
 */
export function checkWebOrigin(place: string, origin: string): URL {
  const url = URL.canParse(origin) ? new URL(origin) : undefined
  if (!url || url.origin !== origin || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(
      `${place}: ${origin} is no origin. Give scheme, host and port alone: https://accounts.example.org`,
    )
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new ConfigError(`${place}: ${origin} is not https. Plain http is for this machine alone.`)
  }
  return url
}
