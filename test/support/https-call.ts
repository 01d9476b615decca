import { Agent, request } from 'node:https'

export interface HttpsAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** Calls a server that has a certificate of its own, each time by a new connection. */
export function httpsCall(
  { origin, ca }: { readonly origin: string; readonly ca: string },
  path: string,
  options: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly payload?: unknown
    /** An address of this machine to call from. */
    readonly localAddress?: string | undefined
    /** The highest version of TLS that is offered. */
    readonly maxVersion?: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
  } = {},
): Promise<HttpsAnswer> {
  const { method = 'GET', headers = {}, payload, localAddress, maxVersion } = options
  const body = payload === undefined ? undefined : JSON.stringify(payload)
  const agent = new Agent({
    ca,
    keepAlive: false,
    ...(localAddress ? { localAddress } : {}),
    ...(maxVersion ? { maxVersion, minVersion: 'TLSv1' as const, ciphers: 'DEFAULT@SECLEVEL=0' } : {}),
  })
  return new Promise((resolve, reject) => {
    const sent = request(
      `${origin}${path}`,
      { method, agent, headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers } },
      answer => {
        let text = ''
        answer.setEncoding('utf8').on('data', chunk => {
          text += chunk
        })
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }))
      },
    )
    sent.on('error', reject).end(body)
  })
}
