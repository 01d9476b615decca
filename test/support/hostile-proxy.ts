import { startTestServer, type TestServer } from '../api/test-server.ts'

/** Retitles the window, clears the screen, moves the cursor, rings, and turns what follows around. */
export const poison = '\u001b]0;owned\u0007\u001b[2J\u001b[1;1H\u009b31m\u0007\u202eHACK\r'

/** What must never be written to a terminal; hufu's own escape sequences are none of these. */
export const poisonous = /\u001b\]|\u001b\[2J|\u001b\[1;1H|[\u0007\u0080-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/

const spoilt = ['username', 'value', 'hint', 'name', 'client', 'source', 'destination', 'action', 'details', 'codes']

function spoil(value: unknown, inSpoilt = false): unknown {
  if (typeof value === 'string') return inSpoilt ? value + poison : value
  if (Array.isArray(value)) return value.map(each => spoil(each, inSpoilt))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, spoil(member, inSpoilt || spoilt.includes(name))]),
  )
}

/**
 * Stands before the server at `url` and puts `poison` into every text of its answers that is not bound to a form;
 * refusals get a code that nobody knows, and a poisoned sentence.
 */
export function startHostileProxy(url: string): Promise<TestServer> {
  return startTestServer(async (request, response) => {
    const { host, connection, 'content-length': _length, ...headers } = request.headers
    const answer = await fetch(url + request.url, {
      method: request.method,
      headers: headers as Record<string, string>,
      ...(request.body === '' ? {} : { body: request.body }),
    })
    const text = await answer.text()
    const passed = Object.fromEntries(
      ['content-type', 'hufud-version'].flatMap(name => {
        const value = answer.headers.get(name)
        return value === null ? [] : [[name, value]]
      }),
    )
    response.writeHead(answer.status, passed)
    if (text === '') return void response.end()
    const body = JSON.parse(text)
    const told =
      answer.status < 400
        ? spoil(body)
        : { ...body, code: `strange${poison}`, title: poison, detail: `Strange.${poison}` }
    response.end(JSON.stringify(told))
  })
}
