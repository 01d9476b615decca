import { createHmac } from 'node:crypto'
import { request } from 'node:http'

export type MessageStatus = 'queued' | 'sending' | 'sent' | 'delivered' | 'undelivered' | 'failed'

/**
 * The signature of a push, as Twilio's "Webhooks security" page tells to make it: the whole address, then every
 * parameter's name and value in alphabetical order, HMAC-SHA1 under the auth token, base64.
 */
export function signPush(authToken: string, url: string, parameters: Readonly<Record<string, string>>): string {
  const names = Object.keys(parameters)
  names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const hmac = createHmac('sha1', Buffer.from(authToken, 'utf8'))
  hmac.update(Buffer.from(url, 'utf8'))
  for (const name of names) {
    hmac.update(Buffer.from(name, 'utf8'))
    hmac.update(Buffer.from(parameters[name] ?? '', 'utf8'))
  }
  return hmac.digest().toString('base64')
}

const encode = (text: string): string => encodeURIComponent(text).replace(/%20/g, '+')

/** A push as it goes over the wire. */
export const pushBody = (parameters: Readonly<Record<string, string>>): string =>
  Object.entries(parameters)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&')

export interface PushAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

const patience = 15_000

/** Posts a signed push and reads the answer. @throws {Error} when there is none */
export function push(
  authToken: string,
  url: string,
  parameters: Readonly<Record<string, string>>,
): Promise<PushAnswer> {
  const body = pushBody(parameters)
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      {
        method: 'POST',
        agent: false,
        signal: AbortSignal.timeout(patience),
        headers: {
          'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'TwilioProxy/1.1',
          'x-twilio-signature': signPush(authToken, url, parameters),
        },
      },
      response => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            contentType: response.headers['content-type'] ?? '',
            body: Buffer.concat(chunks).toString('utf8'),
          }),
        )
      },
    )
    call.on('error', reject)
    call.end(body)
  })
}
