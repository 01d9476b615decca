import { request } from 'node:https'
import { createServer } from 'node:net'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type ApiClientOptions, createApiClient } from '../../src/api/create-client.ts'
import { ApiError } from '../../src/api/errors.ts'
import { proxyFor } from '../../src/api/proxy.ts'
import { Tunnel } from '../../src/api/tunnel.ts'
import { readHealth } from '../../src/contract/server.ts'
import { type Certificates, makeCertificates } from '../support/certificates.ts'
import { type ConnectProxyOptions, type ProxyMood, startConnectProxy } from '../support/connect-proxy.ts'
import { startTlsServer, type TlsTestServer } from './tls-server.ts'

const origin = 'https://accounts.example.org'
let made: Certificates
beforeAll(() => {
  made = makeCertificates()
})
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function setUp(options: ConnectProxyOptions = {}, certificate = made.good) {
  const server: TlsTestServer = await startTlsServer(certificate)
  closing.push(server.close)
  const proxy = await startConnectProxy({ to: server.port, ...options })
  closing.push(proxy.close)
  return { server, proxy }
}

function clientOf(address: string, options: Partial<ApiClientOptions> = {}) {
  const target = options.origin ?? origin
  const client = createApiClient({
    origin: target,
    sessionSecret: 'S'.repeat(43),
    timeoutMilliseconds: 10_000,
    userAgent: 'hufu/0.1.0',
    language: 'en',
    ca: made.root.cert,
    proxy: proxyFor(target, { HTTPS_PROXY: address }),
    ...options,
  })
  closing.push(client.close)
  return client
}

const refusal = async (promise: Promise<unknown>): Promise<ApiError> => {
  const error = await promise.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ApiError)
  return error as ApiError
}

describe('a server behind a proxy', () => {
  it('is reached by CONNECT and TLS through it, over one tunnel', async () => {
    const { server, proxy } = await setUp()
    const client = clientOf(`http://127.0.0.1:${proxy.port}`)
    for (let round = 0; round < 3; round++) expect(await client.call(readHealth, {})).toMatchObject({ status: 'ok' })
    expect(server.requests).toHaveLength(3)
    expect(proxy.asked).toEqual([{ authority: 'accounts.example.org:443', authorization: undefined }])
    expect(proxy.carried().length).toBeGreaterThan(100)
    expect(proxy.carried().toString('latin1')).not.toMatch(/readyz|hufu\/0/)
  })

  it('is reached by several calls at once', async () => {
    const { server, proxy } = await setUp()
    const client = clientOf(`http://127.0.0.1:${proxy.port}`)
    await Promise.all([1, 2, 3, 4].map(() => client.call(readHealth, {})))
    expect(server.requests).toHaveLength(4)
  })

  it('is reached through one that is itself spoken to by TLS', async () => {
    const { proxy } = await setUp({ tls: made.good })
    const client = clientOf(`https://localhost:${proxy.port}`)
    expect(await client.call(readHealth, {})).toMatchObject({ status: 'ok' })
    const distrustful = clientOf(`https://localhost:${proxy.port}`, { ca: made.stranger.cert })
    expect(await refusal(distrustful.call(readHealth, {}))).toMatchObject({ reason: 'proxy_failed' })
    expect(proxy.asked).toHaveLength(1)
  })

  it('has its own certificate checked, for its own name', async () => {
    const middlebox = await setUp({}, made.intercepted)
    const error = await refusal(clientOf(`http://127.0.0.1:${middlebox.proxy.port}`).call(readHealth, {}))
    expect(error).toMatchObject({ reason: 'tls_certificate_untrusted', issuer: 'Middlebox Root (Middlebox Inc)' })
    const other = await setUp({}, made.otherHost)
    const wrong = await refusal(clientOf(`http://127.0.0.1:${other.proxy.port}`).call(readHealth, {}))
    expect(wrong).toMatchObject({ reason: 'tls_certificate_other_host' })
    expect([middlebox.server.requests, other.server.requests]).toEqual([[], []])
  })

  it('has its certificate checked for its address, not for the name of the proxy or of this machine', async () => {
    const { proxy, server } = await setUp()
    const client = clientOf(`http://localhost:${proxy.port}`, { origin: 'https://192.0.2.7' })
    expect(await refusal(client.call(readHealth, {}))).toMatchObject({ reason: 'tls_certificate_other_host' })
    expect(server.requests).toEqual([])
  })

  it('is reached with the user and password of the proxy’s address, which the server does not see', async () => {
    const { proxy, server } = await setUp({ credentials: 'alice:s:ecret' })
    await clientOf(`http://alice:s%3Aecret@127.0.0.1:${proxy.port}`).call(readHealth, {})
    expect(server.requests).toHaveLength(1)
    expect(proxy.asked[0]?.authorization).toBe(`Basic ${Buffer.from('alice:s:ecret').toString('base64')}`)
    expect(proxy.carried().toString('latin1')).not.toContain('Basic')
  })

  it.each(['', 'alice:wrong-secret@'])('is not reached with “%s”, where the proxy asks for another', async given => {
    const { proxy, server } = await setUp({ credentials: 'alice:secret' })
    const error = await refusal(clientOf(`http://${given}127.0.0.1:${proxy.port}`).call(readHealth, {}))
    expect(error).toMatchObject({ code: 'server_unreachable', reason: 'proxy_authentication' })
    expect(error.proxy).toBe(`127.0.0.1:${proxy.port}`)
    expect(JSON.stringify([error.message, error.stack, error.cause])).not.toContain('wrong-secret')
    expect(server.requests).toEqual([])
  })

  it.each<[ProxyMood, string]>([
    ['refuse', 'proxy_refused'],
    ['bad gateway', 'proxy_refused'],
    ['die', 'proxy_failed'],
    ['gibberish', 'proxy_refused'],
    ['die inside', 'connection_lost'],
  ])('is not reached when the proxy is to %s', async (mood, reason) => {
    const { proxy, server } = await setUp()
    proxy.mood = mood
    const error = await refusal(clientOf(`http://127.0.0.1:${proxy.port}`).call(readHealth, {}))
    expect(error).toMatchObject({ code: 'server_unreachable', reason })
    expect(server.requests).toEqual([])
  })

  it('is given up when the proxy hangs, and the proxy is let go', async () => {
    const { proxy } = await setUp()
    proxy.mood = 'hang'
    const client = clientOf(`http://127.0.0.1:${proxy.port}`, { connectMilliseconds: 150 })
    expect(await refusal(client.call(readHealth, {}))).toMatchObject({ reason: 'proxy_silent' })
    await expect.poll(() => proxy.open()).toBe(0)
    proxy.mood = 'open'
    expect(await client.call(readHealth, {})).toMatchObject({ status: 'ok' })
  })

  it('is given up at once when the person breaks off or the whole time is over, and left behind by close', async () => {
    const { proxy } = await setUp()
    proxy.mood = 'hang'
    const breaking = new AbortController()
    const limits = { timeoutMilliseconds: 60_000, connectMilliseconds: 60_000 }
    const client = clientOf(`http://127.0.0.1:${proxy.port}`, { signal: breaking.signal, ...limits })
    const call = client.call(readHealth, {})
    await expect.poll(() => proxy.asked.length).toBe(1)
    breaking.abort(new Error('Ctrl-C'))
    await expect(call).rejects.toThrow('Ctrl-C')
    await client.close()
    await expect.poll(() => proxy.open()).toBe(0)
  })

  it('is let go when nothing is asked of it for a while', async () => {
    const { proxy } = await setUp()
    const tls = { ca: made.root.cert, minVersion: 'TLSv1.2', rejectUnauthorized: true } as const
    const found = proxyFor(origin, { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` })
    if (!found) throw new Error('no proxy')
    const agent = new Tunnel(found, { limitMilliseconds: 5000, idleMilliseconds: 200, tls })
    await new Promise<void>((resolve, reject) => {
      const sent = request(`${origin}/readyz`, { agent, ...tls }, answer => void answer.resume().once('end', resolve))
      sent.once('error', reject).end()
    })
    expect(proxy.open()).toBeGreaterThan(0)
    await expect.poll(() => proxy.open()).toBe(0)
  })

  it('is not reached where no proxy listens, or none is', async () => {
    const gone = createServer()
    await new Promise<void>(resolve => gone.listen(0, '127.0.0.1', resolve))
    const address = gone.address()
    const port = typeof address === 'object' ? address?.port : 0
    await new Promise(resolve => gone.close(resolve))
    for (const where of [`http://127.0.0.1:${port}`, 'http://no-such-proxy.invalid:3128']) {
      const error = await refusal(clientOf(where).call(readHealth, {}))
      expect(error).toMatchObject({ code: 'server_unreachable', reason: 'proxy_unreachable' })
    }
  })
})
