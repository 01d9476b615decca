import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { type ApiClientOptions, createApiClient } from '../../src/api/create-client.ts'
import { ApiError } from '../../src/api/errors.ts'
import { beginLogin } from '../../src/contract/logins.ts'
import { readHealth } from '../../src/contract/server.ts'
import { revokeSession } from '../../src/contract/sessions.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { hufudHeaders, problemHeaders, startTestServer } from './test-server.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A clock on which a pause is over as soon as it begins. */
function hastyClock(): Clock & { readonly pauses: number[] } {
  const pauses: number[] = []
  let now = 0
  return {
    pauses,
    now: () => now,
    async sleep(milliseconds, signal) {
      signal?.throwIfAborted()
      pauses.push(milliseconds)
      now += milliseconds
    },
  }
}

type Answer = (response: ServerResponse) => unknown

const well: Answer = response => response.writeHead(200, hufudHeaders).end('{"status":"ok","time":"now"}')
const gone: Answer = response => response.destroy()
const gateway =
  (status: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  response =>
    response.writeHead(status, headers).end('<h1>gateway</h1>')
const busy =
  (seconds?: number): Answer =>
  response =>
    response
      .writeHead(503, { ...problemHeaders, ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }) })
      .end('{"code":"busy"}')
const refused: Answer = response => response.writeHead(429, problemHeaders).end('{"code":"throttled"}')

async function setUp(answers: readonly Answer[], options: Partial<ApiClientOptions> = {}) {
  const left = [...answers]
  const server = await startTestServer((_, response) => void (left.shift() ?? well)(response))
  closing.push(server.close)
  const clock = hastyClock()
  const client = createApiClient({
    origin: server.origin,
    sessionSecret: 'S'.repeat(43),
    timeoutMilliseconds: 30_000,
    userAgent: 'hufu/0.1.0',
    language: 'en',
    retry: { clock, random: { bytes: length => new Uint8Array(length).fill(128) } },
    ...options,
  })
  closing.push(client.close)
  return { server, clock, client }
}

const outcome = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: unknown) => (error instanceof ApiError ? (error.reason ?? error.code) : error),
  )

describe('a call that only reads', () => {
  it.each<[string, Answer]>([
    ['a connection that breaks', gone],
    ['502', gateway(502)],
    ['503', gateway(503)],
    ['504', gateway(504)],
    ['a hufud that is busy', busy()],
    ['a hufud that is busy for two seconds', busy(2)],
  ])('is made again after %s', async (_, fault) => {
    const { client, server } = await setUp([fault, fault])
    expect(await outcome(client.call(readHealth, {}))).toBe('ok')
    expect(server.requests).toHaveLength(3)
  })

  it('is made three times at most, with growing pauses that are not the same for everybody', async () => {
    const { client, server, clock } = await setUp([gone, gateway(502), busy()])
    expect(await outcome(client.call(readHealth, {}))).toBe('busy')
    expect(server.requests).toHaveLength(3)
    expect(clock.pauses).toEqual([300, 600])
  })

  it.each<[string, Answer, string]>([
    ['500', gateway(500), 'server_not_hufud'],
    ['404', gateway(404), 'server_not_hufud'],
    ['a refusal', refused, 'throttled'],
  ])('is not made again after %s', async (_, fault, code) => {
    const { client, server } = await setUp([fault])
    expect(await outcome(client.call(readHealth, {}))).toBe(code)
    expect(server.requests).toHaveLength(1)
  })

  it('waits as long as the server says, but tells of a longer wait in place of it', async () => {
    const short = await setUp([busy(3)])
    expect(await outcome(short.client.call(readHealth, {}))).toBe('ok')
    expect(short.clock.pauses).toEqual([3000])
    const long = await setUp([busy(6)])
    expect(await outcome(long.client.call(readHealth, {}))).toBe('busy')
    expect(long.server.requests).toHaveLength(1)
  })

  it('has the time of one call for all that it takes', async () => {
    const { client, server } = await setUp([busy(3), busy(3)], { timeoutMilliseconds: 5000 })
    expect(await outcome(client.call(readHealth, {}))).toBe('busy')
    expect(server.requests).toHaveLength(2)
  })

  it('is not made again where nobody listens, nor after Ctrl-C', async () => {
    const nobody = await setUp([])
    await nobody.server.close()
    closing.splice(0, 1)
    expect(await outcome(nobody.client.call(readHealth, {}))).toBe('connection_refused')
    expect(nobody.clock.pauses).toEqual([])
    const breaking = new AbortController()
    const reason = new Error('Ctrl-C')
    const stopped = await setUp([() => breaking.abort(reason)], { signal: breaking.signal })
    expect(await outcome(stopped.client.call(readHealth, {}))).toBe(reason)
    expect(stopped.server.requests).toHaveLength(1)
  })
})

describe('a call that changes something', () => {
  it.each([gone, gateway(502), gateway(503), gateway(504), busy(), busy(1)])('is made once (%#)', async fault => {
    const { client, server } = await setUp([fault, fault])
    expect(await outcome(client.call(beginLogin, { body: { username: 'alice' } }))).not.toBe('ok')
    expect(await outcome(client.call(revokeSession, { params: { session_id: 'a'.repeat(22) } }))).not.toBe('ok')
    expect(server.requests.map(({ method }) => method)).toEqual(['POST', 'DELETE'])
  })
})
