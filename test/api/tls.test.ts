import { X509Certificate } from 'node:crypto'
import type { ServerOptions } from 'node:https'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ApiError } from '../../src/api/errors.ts'
import { type ConnectionOptions, openConnection } from '../../src/api/exchange.ts'
import type { Peer } from '../../src/api/peer.ts'
import { type Certificates, makeCertificates } from '../support/certificates.ts'
import { hufudHeaders } from './test-server.ts'
import { startTlsServer } from './tls-server.ts'

let made: Certificates
beforeAll(() => {
  made = makeCertificates()
})
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function serve(options: ServerOptions, answer?: Parameters<typeof startTlsServer>[1]) {
  const server = await startTlsServer(options, answer)
  closing.push(server.close)
  return server
}

function ask(origin: string, options: Partial<ConnectionOptions> = {}) {
  const connection = openConnection(origin, { timeoutMilliseconds: 10_000, ca: made.root.cert, ...options })
  closing.push(connection.close)
  return connection.exchange({ method: 'GET', path: '/readyz', headers: {}, body: undefined })
}

const refusal = async (promise: Promise<unknown>): Promise<ApiError> => {
  const error = await promise.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ApiError)
  return error as ApiError
}

describe('a server by TLS', () => {
  it('is trusted by its issuer in the file, and by an intermediate that it sends', async () => {
    const { key, chain } = made.viaIntermediate
    for (const options of [made.good, { key, cert: chain }]) {
      const server = await serve(options)
      expect((await ask(server.origin)).status).toBe(200)
      expect((await ask(server.origin, { ca: made.stranger.cert + made.root.cert })).status).toBe(200)
      expect((await ask(server.origin.replace('localhost', '127.0.0.1'))).status).toBe(200)
    }
  })

  it('tells its protocol, issuer and the end of its certificate', async () => {
    const seen: Peer[] = []
    const { key, chain } = made.viaIntermediate
    const server = await serve({ key, cert: chain })
    await ask(server.origin, { onPeer: peer => void seen.push(peer) })
    const expiresAt = new Date(new X509Certificate(chain).validTo).toISOString()
    expect(seen).toEqual([{ protocol: 'TLSv1.3', issuer: 'Example Issuing (Example Ltd)', expiresAt }])
  })

  it.each<[string, (all: Certificates) => ServerOptions, string, string | undefined]>([
    ['that has expired', all => all.expired, 'tls_certificate_expired', undefined],
    ['for another host', all => all.otherHost, 'tls_certificate_other_host', undefined],
    ['signed by itself', all => all.selfSigned, 'tls_certificate_untrusted', 'localhost'],
    ['of a middlebox', all => all.intercepted, 'tls_certificate_untrusted', 'Middlebox Root (Middlebox Inc)'],
    [
      'without its intermediate',
      all => all.viaIntermediate,
      'tls_certificate_untrusted',
      'Example Issuing (Example Ltd)',
    ],
  ])('with a certificate %s is refused before a request', async (_, certificate, reason, issuer) => {
    const server = await serve(certificate(made))
    expect(await refusal(ask(server.origin))).toMatchObject({ code: 'server_unreachable', reason, issuer })
    expect(server.requests).toEqual([])
  })

  it('is not trusted by an issuer that node trusts, where a file names others', async () => {
    const server = await serve(made.good)
    const error = await refusal(ask(server.origin, { ca: made.stranger.cert }))
    expect(error).toMatchObject({ reason: 'tls_certificate_untrusted', issuer: 'Example Root (Example Ltd)' })
    expect(await refusal(ask(server.origin, { ca: undefined }))).toMatchObject({ reason: 'tls_certificate_untrusted' })
  })

  it('that speaks nothing newer than TLS 1.1 is refused', async () => {
    const { cert, key } = made.good
    const server = await serve({ cert, key, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })
    expect(await refusal(ask(server.origin))).toMatchObject({ code: 'server_unreachable', reason: 'tls_too_old' })
    const enough = await serve({ cert, key, maxVersion: 'TLSv1.2' })
    expect((await ask(enough.origin)).status).toBe(200)
  })

  it('that hangs before TLS is given up', async () => {
    const { createServer } = await import('node:net')
    const silent = createServer(() => {})
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
    closing.push(async () => silent.close())
    const address = silent.address()
    const port = typeof address === 'object' ? address?.port : 0
    const error = await refusal(ask(`https://127.0.0.1:${port}`, { connectMilliseconds: 150 }))
    expect(error).toMatchObject({ code: 'server_timeout', detail: 'No connection within 0.15 seconds.' })
  })

  it('that answers byte by byte has the time of one call for all of them', async () => {
    const server = await serve(made.good, response => {
      response.writeHead(200, hufudHeaders)
      const trickle = setInterval(() => response.write(' '), 20)
      response.once('close', () => clearInterval(trickle))
    })
    const error = await refusal(ask(server.origin, { timeoutMilliseconds: 400 }))
    expect(error).toMatchObject({ code: 'server_timeout' })
  })

  it('is not timed while it works on an answer longer than a connection may take', async () => {
    const server = await serve(made.good, response => {
      setTimeout(() => response.writeHead(200, hufudHeaders).end('{}'), 600)
    })
    const options = { timeoutMilliseconds: 10_000, connectMilliseconds: 300, ca: made.root.cert }
    const connection = openConnection(server.origin, options)
    closing.push(connection.close)
    // Over a new connection, and over the one that is there then.
    for (let round = 0; round < 2; round++) {
      const request = { method: 'GET', path: '/readyz', headers: {}, body: undefined } as const
      expect((await connection.exchange(request)).status).toBe(200)
    }
  })
})
