import { startTestServer } from '../api/test-server.ts'
import { sayAsHufud } from './fake-server.ts'

/** What `GET /v1/messages/:message_id` is to answer: a state of the contract, an HTTP error, or nothing at all. */
export type MessageFate = { readonly state: string; readonly failure: string | null } | number | 'silence'

export interface MessageProxy {
  readonly url: string
  /** The ids that were asked about. */
  readonly asked: readonly string[]
  close(): Promise<void>
}

/**
 * Stands before the hufud at `url`, and knows better what became of its messages.
 * @param fateOf told the id, and which message that was asked about it is, from 0
 */
export async function startMessageProxy(
  url: string,
  fateOf: (messageId: string, index: number) => MessageFate,
): Promise<MessageProxy> {
  const asked: string[] = []
  const known: string[] = []
  const server = await startTestServer(async (request, response) => {
    const id = /^\/v1\/messages\/([\w-]{22})$/.exec(request.url)?.[1]
    if (request.method === 'GET' && id !== undefined) {
      asked.push(id)
      if (!known.includes(id)) known.push(id)
      const fate = fateOf(id, known.indexOf(id))
      if (fate === 'silence') return
      if (typeof fate === 'number') sayAsHufud(response, fate, { code: 'busy', status: fate, title: 'busy' })
      else sayAsHufud(response, 200, fate)
      return
    }
    const { host, connection, 'content-length': _length, ...headers } = request.headers
    const answer = await fetch(url + request.url, {
      method: request.method,
      headers: headers as Record<string, string>,
      ...(request.body === '' ? {} : { body: request.body }),
    })
    sayAsHufud(response, answer.status, await answer.text())
  })
  return { url: server.origin, asked, close: () => server.close() }
}
