import { request } from 'node:http'

/**
 * One exchange with the mailbox or the phone of an ephemeral server, which listen on this machine alone. They are no
 * part of the API, so the client of the API does not know them.
 */
export function exchange(method: 'GET' | 'POST', url: string, body?: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers = text === undefined ? {} : { 'content-type': 'application/json' }
    const sent = request(url, { method, headers, agent: false }, answer => {
      let received = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        received += chunk
      })
      answer.on('end', () => {
        const status = answer.statusCode ?? 0
        if (status >= 400) return reject(new Error(`${method} ${url}: HTTP ${status} ${received.slice(0, 200)}`))
        try {
          resolve(received === '' ? undefined : JSON.parse(received))
        } catch (error) {
          reject(error)
        }
      })
    })
    sent.on('error', reject)
    sent.end(text)
  })
}
