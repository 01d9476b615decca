// The nginx of deploy/ before servers that fail in every way: what is repeated, and what must not be.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../../src/server/free-port.ts'
import { httpsCall } from '../support/https-call.ts'
import { lacksNginx, type Nginx, nginxPorts, startNginx } from '../support/nginx.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function listening(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer((request, response) => {
    request.resume().once('end', () => answer(request, response))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise(resolve => server.close(resolve).closeAllConnections()))
  return (server.address() as AddressInfo).port
}

/** Takes each request whole and hangs up, as one that is killed does. */
async function swallowing() {
  const seen: string[] = []
  const port = await listening(({ method = '', socket }) => {
    seen.push(method)
    socket.destroy()
  })
  return { port, seen }
}

async function answering() {
  const seen: IncomingMessage[] = []
  const port = await listening((request, response) => {
    seen.push(request)
    response.setHeader('content-type', 'text/plain').end(`${request.method}`)
  })
  return { port, seen }
}

async function before(...ports: number[]): Promise<Nginx> {
  const nginx = await startNginx(await nginxPorts(), ports)
  closing.push(nginx.close)
  return nginx
}

const times = <T>(count: number, work: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, work))

describe.skipIf(lacksNginx())('nginx', () => {
  it.each(['POST', 'PUT', 'DELETE', 'PATCH'])('sends a %s that a server has taken to no other', async method => {
    const bad = await swallowing()
    const good = await answering()
    const nginx = await before(bad.port, good.port)
    const payload = { proof: 'used once' }
    const statuses = []
    for (let call = 0; call < 4; call += 1) {
      const { status } = await httpsCall(nginx, '/v1/password', { method, payload })
      statuses.push(status)
    }
    // The one that failed is left alone afterwards.
    expect(bad.seen).toEqual([method])
    expect(statuses.filter(status => status === 502)).toHaveLength(1)
    expect(good.seen).toHaveLength(3)
  })

  it('asks another for a GET', async () => {
    const bad = await swallowing()
    const good = await answering()
    const nginx = await before(bad.port, good.port)
    const answers = await times(6, () => httpsCall(nginx, '/v1/account'))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(bad.seen.length).toBeGreaterThan(0)
  })

  it.each(['GET', 'POST', 'PUT', 'DELETE', 'PATCH'])('finds one that lives for a %s, with its body', async method => {
    const good = await answering()
    const nginx = await before(await freePort(), await freePort(), good.port)
    const payload = { some: 'body' }
    const given = ['GET', 'DELETE'].includes(method) ? { method } : { method, payload }
    const answers = await times(8, () => httpsCall(nginx, '/v1/password', given))
    expect(answers.map(({ status, text }) => [status, text])).toEqual(answers.map(() => [200, method]))
    const length = 'payload' in given ? String(JSON.stringify(payload).length) : undefined
    expect(good.seen.map(({ headers }) => headers['content-length'])).toEqual(answers.map(() => length))
  })

  it('tells what is behind it whence a request really comes, and no more', async () => {
    const good = await answering()
    const nginx = await before(good.port)
    const forged = {
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
      forwarded: 'for=203.0.113.9',
    }
    await httpsCall(nginx, '/v1/account', { headers: forged })
    const { headers } = good.seen[0] ?? {}
    expect(headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https' })
    expect(headers).not.toHaveProperty('x-forwarded-host')
    expect(headers).not.toHaveProperty('forwarded')
  })

  it('speaks TLS 1.2 and 1.3 alone, and sends plain HTTP there', async () => {
    const good = await answering()
    const nginx = await before(good.port)
    const answer = await httpsCall(nginx, '/v1/account', { maxVersion: 'TLSv1.2' })
    expect(answer.headers['strict-transport-security']).toContain('max-age=')
    expect(answer.headers.server).toBe('nginx')
    await expect(httpsCall(nginx, '/', { maxVersion: 'TLSv1.1' })).rejects.toThrow(/protocol/i)
    const plain = await fetch(`http://localhost:${nginx.plainPort}/enrol`, { redirect: 'manual' })
    expect([plain.status, plain.headers.get('location')]).toEqual([301, `${nginx.origin}/enrol`])
    expect(good.seen).toHaveLength(1)
  })

  it('lets batches through and nothing much longer', async () => {
    const good = await answering()
    const nginx = await before(good.port)
    const post = (bytes: number) => httpsCall(nginx, '/v1/x', { method: 'POST', payload: 'x'.repeat(bytes) })
    expect((await post(1024 * 1024)).status).toBe(200)
    expect((await post(3 * 1024 * 1024)).status).toBe(413)
    expect(good.seen).toHaveLength(1)
  })

  it('keeps no secret of an address, neither where all is well nor where nobody answers', async () => {
    const good = await answering()
    const secrets = ['undo-secret', 'receipt-secret', 'wechat-secret', 'query-secret']
    const visit = async (nginx: Nginx) => {
      for (const path of ['/undo/undo-secret', '/receipts/aliyun/receipt-secret', '/wechat/bind/wechat-secret'])
        await httpsCall(nginx, `${path}?state=query-secret`)
      return nginx
    }
    const well = await visit(await before(good.port))
    expect(well.log()).toContain('GET /undo/... 200')
    const alone = await visit(await before(await freePort()))
    expect(alone.log()).toContain('GET /undo/... 502')
    for (const secret of secrets) expect(well.log() + alone.log()).not.toContain(secret)
  })
})
