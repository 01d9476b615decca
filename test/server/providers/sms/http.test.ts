import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { DeliveryError } from '../../../../src/server/domain/ports/delivery-error.ts'
import { type HttpCall, type HttpCaller, openHttp } from '../../../../src/server/providers/sms/http.ts'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close()
})

async function listen(server: Server | TcpServer): Promise<URL> {
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
}

async function serve(listener: RequestListener): Promise<URL> {
  const server = createServer(listener)
  opened.push({ close: () => server.close().closeAllConnections() })
  return listen(server)
}

function caller(timeout = 5_000): HttpCaller {
  const http = openHttp({ provider: 'aliyun', timeout })
  opened.push(http)
  return http
}

const secret = 'what-no-one-sees'
const post = (url: URL, ifLost: HttpCall['ifLost'] = 'uncertain'): HttpCall => ({
  method: 'POST',
  url: new URL(`?code=${secret}`, url),
  headers: { 'content-type': 'text/plain', 'x-key': secret },
  body: '短信',
  ifLost,
})

async function failureOf(
  url: URL,
  { timeout = 5_000, signal = new AbortController().signal, ifLost = 'uncertain' as HttpCall['ifLost'] } = {},
): Promise<DeliveryError> {
  const error = await caller(timeout)
    .call(post(url, ifLost), signal)
    .then(
      () => expect.unreachable(),
      (reason: unknown) => reason,
    )
  if (!(error instanceof DeliveryError)) throw error
  expect(`${error} ${error.stack} ${JSON.stringify(error)} ${error.cause}`).not.toContain(secret)
  return error
}

describe('an answer', () => {
  it('is given with its status, for what was sent as it was given', async () => {
    const url = await serve(async (message, response) => {
      let body = ''
      for await (const chunk of message) body += chunk
      response.writeHead(404).end(`${message.method} ${message.url} ${message.headers['content-type']} ${body}`)
    })
    const answer = await caller().call(post(url), new AbortController().signal)
    expect(answer).toMatchObject({ status: 404, text: `POST /?code=${secret} text/plain 短信` })
  })

  it('that leads elsewhere is not followed', async () => {
    let requests = 0
    const url = await serve((_message, response) => {
      requests += 1
      response.writeHead(307, { location: '/elsewhere' }).end('go')
    })
    expect(await caller().call(post(url), new AbortController().signal)).toMatchObject({ status: 307, text: 'go' })
    expect(requests).toBe(1)
  })

  it('of 64 KiB is taken, one of a byte more is not', async () => {
    let length = 64 * 1024
    const url = await serve((_message, response) => response.end('x'.repeat(length)))
    expect((await caller().call(post(url), new AbortController().signal)).text).toHaveLength(length)
    length += 1
    expect((await failureOf(url)).message).toContain('too long')
  })

  it('without an end is read no further than its limit', async () => {
    let handedOver = 0
    let closed = false
    const url = await serve((_message, response) => {
      const chunk = Buffer.alloc(16 * 1024, ' ')
      const push = () => {
        while (!response.destroyed && response.write(chunk)) handedOver += chunk.length
        response.once('drain', push)
      }
      response.on('close', () => {
        closed = true
      })
      push()
    })
    expect(await failureOf(url)).toMatchObject({ failure: 'uncertain' })
    await expect.poll(() => closed).toBe(true)
    // What lies in the sockets' buffers is counted, too.
    expect(handedOver).toBeLessThan(8 * 1024 * 1024)
  })
})

describe('a call that fails', () => {
  it('is unreachable where nobody listens', async () => {
    const server = createTcpServer()
    const url = await listen(server)
    await new Promise(resolve => server.close(resolve))
    expect(await failureOf(url)).toMatchObject({ failure: 'unreachable', provider: 'aliyun' })
    expect((await failureOf(url)).message).toContain('ECONNREFUSED')
  })

  it('is unreachable where the name leads nowhere', async () => {
    expect(await failureOf(new URL('http://nowhere.invalid/'))).toMatchObject({ failure: 'unreachable' })
  })

  it('is unreachable where TLS does not come about', async () => {
    const url = await serve(() => {})
    expect(await failureOf(new URL(url.href.replace('http:', 'https:')))).toMatchObject({ failure: 'unreachable' })
  })

  it('is unreachable when the time runs out before there is a connection', async () => {
    // Speaks no TLS, and says nothing: the handshake hangs.
    const sockets: Socket[] = []
    const server = createTcpServer(socket => sockets.push(socket))
    opened.push({
      close: () => {
        for (const socket of sockets) socket.destroy()
        server.close()
      },
    })
    const url = await listen(server)
    const tls = new URL(url.href.replace('http:', 'https:'))
    expect(await failureOf(tls, { timeout: 200 })).toMatchObject({ failure: 'unreachable' })
  })

  it.each([
    ['the connection is closed', (socket: Socket) => socket.destroy()],
    ['the connection is reset', (socket: Socket) => socket.resetAndDestroy()],
    ['the answer is cut in its head', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nContent-')],
    ['the answer is cut in its body', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"')],
    ['the answer is no HTTP', (socket: Socket) => socket.end('220 mail.example.org ESMTP\r\n')],
  ])('is uncertain when %s', async (_name, answer) => {
    const server = createTcpServer(socket => {
      socket.on('error', () => {})
      socket.once('data', () => answer(socket))
    })
    opened.push(server)
    const url = await listen(server)
    expect(await failureOf(url)).toMatchObject({ failure: 'uncertain' })
    expect(await failureOf(url, { ifLost: 'unreachable' })).toMatchObject({ failure: 'unreachable' })
  })

  it('is uncertain when no answer comes in time, or not all of it', async () => {
    const silent = await serve(() => {})
    expect(await failureOf(silent, { timeout: 200 })).toMatchObject({
      failure: 'uncertain',
      message: expect.stringContaining('in time'),
    })
    const slow = await serve((_message, response) => {
      response.writeHead(200).write('{')
      const drip = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(drip))
    })
    expect(await failureOf(slow, { timeout: 200 })).toMatchObject({ failure: 'uncertain' })
  })

  it('is uncertain when its signal ends it, unreachable when it never began', async () => {
    const ending = new AbortController()
    const url = await serve(() => ending.abort())
    expect(await failureOf(url, { signal: ending.signal })).toMatchObject({
      failure: 'uncertain',
      message: expect.stringContaining('ended'),
    })
    expect(await failureOf(url, { signal: AbortSignal.abort() })).toMatchObject({ failure: 'unreachable' })
  })

  it('is ended by close', async () => {
    const http = caller()
    const url = await serve(() => void http.close())
    await expect(http.call(post(url), new AbortController().signal)).rejects.toMatchObject({ failure: 'uncertain' })
  })
})
