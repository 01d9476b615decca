import type { ServerResponse } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type ApiClientOptions, createApiClient } from '../../src/api/create-client.ts'
import { ApiError } from '../../src/api/errors.ts'
import { listEvents } from '../../src/contract/account.ts'
import { createAccount } from '../../src/contract/admin.ts'
import { listTokens } from '../../src/contract/admin-tokens.ts'
import { changePassword } from '../../src/contract/credentials.ts'
import { beginLogin } from '../../src/contract/logins.ts'
import type { Operation } from '../../src/contract/operation.ts'
import { readHealth, readLiveness } from '../../src/contract/server.ts'
import { listSessions, revokeSession } from '../../src/contract/sessions.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { hufudHeaders, problemHeaders, type SeenRequest, startTestServer, type TestServer } from './test-server.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function serve(answer: (request: SeenRequest, response: ServerResponse) => void): Promise<TestServer> {
  const server = await startTestServer(answer)
  closing.push(server.close)
  return server
}

const sessionSecret = 'S'.repeat(43)
const proof = 'P'.repeat(43)
const id = 'a'.repeat(22)

function clientOf(origin: string, options: Partial<ApiClientOptions> = {}) {
  const client = createApiClient({
    origin,
    sessionSecret,
    timeoutMilliseconds: 10_000,
    userAgent: 'hufu/0.1.0',
    language: 'zh-CN',
    ...options,
  })
  closing.push(client.close)
  return client
}

const refusal = async (promise: Promise<unknown>): Promise<ApiError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ApiError)
  return error as ApiError
}

const json = (response: ServerResponse, status: number, value: unknown, headers: object = hufudHeaders) =>
  response.writeHead(status, { ...headers }).end(JSON.stringify(value))

describe('a call', () => {
  it('carries method, path, headers and body, and gives the checked answer', async () => {
    const answer = { sessions_revoked: 2, short_password: false, added_later: 'is ignored' }
    const server = await serve((_, response) => json(response, 200, answer))
    const client = clientOf(server.origin)
    const given = await client.call(changePassword, { body: { new_password: 'pass word' }, proof })
    expect(given).toMatchObject({ sessions_revoked: 2 })
    expect(server.requests).toHaveLength(1)
    expect(server.requests[0]).toMatchObject({
      method: 'PUT',
      url: '/v1/password',
      body: '{"new_password":"pass word"}',
      headers: {
        authorization: `Bearer ${sessionSecret}`,
        'hufu-proof': proof,
        'content-type': 'application/json',
        'accept-language': 'zh-CN',
        'user-agent': 'hufu/0.1.0',
      },
    })
  })

  it('has no body, proof or content type where there is none', async () => {
    const server = await serve((_, response) => json(response, 200, { revoked: 1 }))
    await clientOf(server.origin).call(revokeSession, { params: { session_id: id } })
    expect(server.requests[0]).toMatchObject({ method: 'DELETE', url: `/v1/sessions/${id}`, body: '' })
    expect(server.requests[0]?.headers).not.toHaveProperty('content-type')
    expect(server.requests[0]?.headers).not.toHaveProperty('hufu-proof')
  })

  it('encodes path parameters and queries', async () => {
    const server = await serve((_, response) => json(response, 200, {}))
    const client = clientOf(server.origin)
    const looser: Operation = { ...revokeSession, url: '/v1/:thing/x', access: 'anyone' }
    const { params: _params, answer: _answer, ...open } = { params: undefined, answer: undefined, ...looser }
    await client.call(open as Operation, { params: { thing: 'a/../b?c#d é' } } as object).catch(() => {})
    expect(server.requests[0]?.url).toBe('/v1/a%2F..%2Fb%3Fc%23d%20%C3%A9/x')
    await client.call(listEvents, { query: { limit: 3, before: `12-${id}` } }).catch(() => {})
    expect(server.requests[1]?.url).toBe(`/v1/events?limit=3&before=12-${id}`)
  })

  it('refuses a parameter that is not of the schema, without a word to the server', async () => {
    const server = await serve((_, response) => json(response, 200, { revoked: 1 }))
    const error = await refusal(clientOf(server.origin).call(revokeSession, { params: { session_id: '..' } }))
    expect(error.code).toBe('invalid_request')
    expect(server.requests).toHaveLength(0)
  })

  it('tells its session to operations of a session only', async () => {
    const login = { login_id: id, expires_at: '2026-11-22T13:05:00.000Z', methods: [] }
    const server = await serve((_, response) => json(response, 201, login))
    await clientOf(server.origin).call(beginLogin, { body: { username: 'alice' } })
    expect(server.requests[0]?.headers).not.toHaveProperty('authorization')
  })

  it('tells a service token to operations of admins, and its session where there is none', async () => {
    const made = { username: 'bob', link_secret: 'L'.repeat(43), expires_at: '2026-11-22T13:05:00.000Z' }
    const server = await serve((_, response) => json(response, 201, made))
    await clientOf(server.origin, { serviceCredential: 'service' }).call(createAccount, { body: { username: 'bob' } })
    expect(server.requests[0]?.headers.authorization).toBe('Bearer service')
    await clientOf(server.origin).call(createAccount, { body: { username: 'bob' } })
    expect(server.requests[1]?.headers.authorization).toBe(`Bearer ${sessionSecret}`)
    const without = await refusal(
      clientOf(server.origin, { sessionSecret: undefined }).call(createAccount, { body: { username: 'bob' } }),
    )
    expect(without.code).toBe('not_logged_in')
    expect(server.requests).toHaveLength(2)
  })

  it('tells a service token to no operation of admins that takes none, and keeps the session when it is refused', async () => {
    let ended = 0
    const options = { serviceCredential: 'service', onSessionEnded: () => void ended++ }
    const server = await serve((request, response) =>
      request.headers.authorization === 'Bearer service'
        ? json(response, 401, { code: 'not_logged_in', status: 401 }, problemHeaders)
        : json(response, 200, { tokens: [], next: null }),
    )
    const client = clientOf(server.origin, options)
    await client.call(listTokens, { query: {} })
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${sessionSecret}`)
    await refusal(client.call(createAccount, { body: { username: 'bob' } }))
    expect([server.requests[1]?.headers.authorization, ended]).toEqual(['Bearer service', 0])
  })

  it('is not made without a session that it needs', async () => {
    const server = await serve((_, response) => json(response, 200, { sessions: [] }))
    const client = clientOf(server.origin, { sessionSecret: undefined })
    expect((await refusal(client.call(listSessions, {}))).code).toBe('not_logged_in')
    expect(server.requests).toHaveLength(0)
    client.sessionSecret = sessionSecret
    expect(await client.call(listSessions, {})).toEqual({ sessions: [] })
  })

  it('shares one connection with the calls before and beside it', async () => {
    const server = await serve((_, response) => json(response, 200, { status: 'ok' }))
    const client = clientOf(server.origin)
    await client.call(readLiveness, {})
    await Promise.all([1, 2, 3].map(() => client.call(readLiveness, {})))
    expect(server.requests).toHaveLength(4)
    expect(server.connections()).toBe(1)
  })

  it('connects anew when the server has closed the connection', async () => {
    const server = await serve((_, response) => {
      response.setHeader('connection', 'close')
      json(response, 200, { status: 'ok' })
    })
    const client = clientOf(server.origin)
    for (let round = 0; round < 3; round++) await client.call(readLiveness, {})
    expect(server.connections()).toBe(3)
  })
})

describe('a problem answer', () => {
  it('becomes an ApiError of its code', async () => {
    const problem = { type: 'about:blank', code: 'throttled', title: 'Too many attempts.', status: 429, extra: [1] }
    const server = await serve((_, response) =>
      json(response, 429, problem, { ...problemHeaders, 'retry-after': '37' }),
    )
    const error = await refusal(clientOf(server.origin).call(listSessions, {}))
    expect(error).toMatchObject({ code: 'throttled', status: 429, detail: 'Too many attempts.', retryAfterSeconds: 37 })
    expect(error.problem).toEqual(problem)
  })

  it('keeps the text of a code that this client does not know, made printable', async () => {
    const problem = { code: 'moon_\u001b[31mfull', detail: 'Not \u001b]0;owned\u0007tonight.\u202e' }
    const server = await serve((_, response) => json(response, 409, problem, problemHeaders))
    const error = await refusal(clientOf(server.origin).call(listSessions, {}))
    expect(error).toMatchObject({ code: 'moon_full', status: 409, detail: 'Not tonight.' })
    expect(error.message).toBe('moon_full: Not tonight.')
  })

  it.each([
    ['not_logged_in', 1],
    ['insufficient_user_authentication', 0],
  ])('with code %s tells that the session has ended %i times', async (code, times) => {
    const server = await serve((_, response) => json(response, 401, { code }, problemHeaders))
    let ended = 0
    const client = clientOf(server.origin, { onSessionEnded: () => void ended++ })
    await refusal(client.call(listSessions, {}))
    expect(ended).toBe(times)
  })
})

describe('an answer out of the contract', () => {
  const good = { sessions: [] }
  it.each<[string, string, (response: ServerResponse) => unknown]>([
    [
      '200 without the header of hufud',
      'server_not_hufud',
      r => json(r, 200, good, { 'content-type': 'application/json' }),
    ],
    ['a web page', 'server_not_hufud', r => r.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
    ['502 of a proxy', 'server_not_hufud', r => r.writeHead(502).end('bad gateway')],
    ['a redirect of a proxy', 'server_not_hufud', r => r.writeHead(302, { location: '/v1/sessions?again' }).end()],
    ['a redirect of hufud', 'answer_malformed', r => r.writeHead(307, { ...hufudHeaders, location: '/x' }).end()],
    ['no JSON', 'answer_malformed', r => r.writeHead(200, hufudHeaders).end('{"sessions":[')],
    [
      'JSON that says it is text',
      'answer_malformed',
      r => json(r, 200, good, { ...hufudHeaders, 'content-type': 'text/plain' }),
    ],
    ['broken UTF-8', 'answer_malformed', r => r.writeHead(200, hufudHeaders).end(Buffer.from([0x22, 0xff, 0x22]))],
    [
      'broken UTF-8 in a member that nobody reads',
      'answer_malformed',
      r => r.writeHead(200, hufudHeaders).end(Buffer.from('{"sessions":[],"note":"\xff"}', 'latin1')),
    ],
    ['another schema', 'answer_malformed', r => json(r, 200, { sessions: [{ id: 7 }] })],
    ['null', 'answer_malformed', r => json(r, 200, null)],
    ['another status', 'answer_malformed', r => json(r, 201, good)],
    ['no body', 'answer_malformed', r => r.writeHead(204, hufudHeaders).end()],
    ['400 without a problem', 'answer_malformed', r => json(r, 400, { error: 'no' })],
    ['a problem without a code', 'answer_malformed', r => json(r, 400, { title: 'no' }, problemHeaders)],
    ['a problem that is a list', 'answer_malformed', r => json(r, 400, [], problemHeaders)],
    ['2 MiB', 'answer_malformed', r => json(r, 200, { ...good, padding: 'x'.repeat(2 * 1024 * 1024) })],
    [
      'half of it',
      'server_unreachable',
      r => r.writeHead(200, { ...hufudHeaders, 'content-length': '100' }).write('{"s', () => r.destroy()),
    ],
    ['nothing but the end of the connection', 'server_unreachable', r => r.destroy()],
  ])('%s is %s', async (_, code, answer) => {
    const server = await serve((_request, response) => answer(response))
    const error = await refusal(clientOf(server.origin).call(listSessions, {}))
    expect(error.code).toBe(code)
    expect(server.requests).toHaveLength(1)
  })

  it('takes an answer of just under 1 MiB', async () => {
    const padding = 'x'.repeat(1024 * 1024 - 100)
    const server = await serve((_, response) => json(response, 200, { status: 'ok', padding }))
    await clientOf(server.origin).call(readLiveness, {})
  })

  it('is server_not_hufud when it is no HTTP', async () => {
    const server = createServer((socket: Socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    closing.push(async () => server.close())
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const error = await refusal(clientOf(`http://127.0.0.1:${port}`).call(readHealth, {}))
    expect(error.code).toBe('server_not_hufud')
  })

  it('never tells what was sent', async () => {
    const server = await serve((_, response) => response.destroy())
    const call = clientOf(server.origin).call(changePassword, { body: { new_password: 'hunter2' }, proof })
    const error = await refusal(call)
    const told = JSON.stringify([error.message, error.stack, error.detail, error.problem, error.cause])
    for (const secret of ['hunter2', proof, sessionSecret]) expect(told).not.toContain(secret)
  })
})

describe('no answer', () => {
  it('in time is server_timeout, before and within the body', async () => {
    const server = await serve(() => {})
    const client = clientOf(server.origin, { timeoutMilliseconds: 100 })
    expect((await refusal(client.call(readHealth, {}))).code).toBe('server_timeout')
    const slow = await serve((_, response) => response.writeHead(200, hufudHeaders).write('{'))
    const other = clientOf(slow.origin, { timeoutMilliseconds: 200 })
    expect((await refusal(other.call(readHealth, {}))).code).toBe('server_timeout')
  })

  it('from a closed port or an unknown host is server_unreachable', async () => {
    const server = await startTestServer(() => {})
    await server.close()
    const refused = await refusal(clientOf(server.origin).call(readHealth, {}))
    expect(refused).toMatchObject({ code: 'server_unreachable', reason: 'connection_refused', status: undefined })
    const unknown = await refusal(clientOf('https://nowhere.invalid').call(readHealth, {}))
    expect(unknown).toMatchObject({ code: 'server_unreachable', reason: 'host_unknown' })
  })

  it('over TLS from a server that speaks none says so', async () => {
    const server = await serve((_, response) => json(response, 200, { status: 'ok' }))
    const error = await refusal(clientOf(server.origin.replace('http:', 'https:')).call(readHealth, {}))
    expect(error).toMatchObject({ code: 'server_unreachable', reason: 'tls_failed' })
  })

  it('is waited for, and no call made that still stood in line, once the person has broken off', async () => {
    const breaking = new AbortController()
    const server = await serve(() => breaking.abort(new Error('Ctrl-C')))
    const client = clientOf(server.origin, { signal: breaking.signal })
    const calls = [client.call(readHealth, {}), client.call(readLiveness, {}), client.call(listSessions, {})]
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: 'Ctrl-C' } })
    }
    await systemClock.sleep(200)
    expect(server.requests).toHaveLength(1)
  })

  it('is waited for once the person has broken off', async () => {
    const server = await serve(() => breaking.abort(new Error('Ctrl-C')))
    const breaking = new AbortController()
    const client = clientOf(server.origin, { signal: breaking.signal })
    await expect(client.call(readHealth, {})).rejects.toThrow('Ctrl-C')
    await expect(client.call(readHealth, {})).rejects.toThrow('Ctrl-C')
    expect(server.requests).toHaveLength(1)
  })
})
