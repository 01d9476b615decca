const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host)

/** Whether a host name or address, as it stands in the configuration, is this machine. */
export const isThisMachine = (host: string): boolean => isLoopback(host) || host === '::1'

/**
 * What is wrong with a web origin: scheme, host and port alone are expected; https, or http on this machine.
 * @returns words that do not repeat it: a user's password may stand in an address
 */
export function originMistake(origin: string): string | undefined {
  const url = URL.canParse(origin) ? new URL(origin) : undefined
  if (!url || url.origin !== origin || !/^https?:$/.test(url.protocol)) {
    return 'this is no origin. Give scheme, host and port alone: https://accounts.example.org'
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    return `http://${url.host} is not https. Plain http is for this machine alone.`
  }
  return undefined
}

/** What is wrong with the address of a provider's API: https, or http on this machine; no user, query or fragment. */
export function addressMistake(address: string): string | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    return 'this is no address that can be called. Give scheme, host and path alone: https://api.example.org'
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    return `http://${url.host} is not https. Plain http is for this machine alone.`
  }
  return undefined
}
