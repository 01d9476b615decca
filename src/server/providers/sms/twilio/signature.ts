import { createHmac } from 'node:crypto'
import { equalBytes, utf8 } from '../../../../lib/bytes.ts'

/** What is signed beside the address: each parameter's name and value, by name; of a repeated name each value once. */
function signedParameters(parameters: URLSearchParams): string[] {
  // In one pass over them: whoever sends many has not proven anything yet.
  const values = new Map<string, Set<string>>()
  for (const [name, value] of parameters) {
    const known = values.get(name)
    if (known) known.add(value)
    else values.set(name, new Set([value]))
  }
  return [...values.keys()].sort().flatMap(name => [...(values.get(name) ?? [])].sort().map(value => name + value))
}

/**
 * What Twilio puts into `X-Twilio-Signature` ("Webhooks security", "Validating signatures from Twilio"): the base64 of
 * an HMAC-SHA1, under the account's auth token, of the address and then each parameter's name and value, without any
 * delimiter, in the order of the names' code units.
 */
export const twilioSignature = (authToken: string, url: string, parameters: URLSearchParams): string =>
  createHmac('sha1', authToken)
    .update(url + signedParameters(parameters).join(''))
    .digest('base64')

/** The address as configured, and with its port left out or put in: Twilio signs now the one, now the other. */
function spellings(url: string): string[] {
  const [, scheme = '', host = '', port = '', rest = ''] = /^(https?):\/\/([^/?#:]+)(:\d+)?(.*)$/i.exec(url) ?? []
  if (!host) return [url]
  const standardPort = scheme.toLowerCase() === 'https' ? ':443' : ':80'
  return [url, `${scheme}://${host}${port ? '' : standardPort}${rest}`]
}

/** Whether Twilio signed a push of `parameters` to `url`; compared in constant time. */
export function isSignedByTwilio(
  authToken: string,
  url: string,
  parameters: URLSearchParams,
  signature: string,
): boolean {
  const given = utf8(signature)
  return spellings(url)
    .map(spelling => equalBytes(given, utf8(twilioSignature(authToken, spelling, parameters))))
    .includes(true)
}
