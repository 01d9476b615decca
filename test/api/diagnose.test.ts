import { createServer } from 'node:net'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { diagnoseServer } from '../../src/api/diagnose.ts'
import { proxyFor } from '../../src/api/proxy.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type Certificates, makeCertificates } from '../support/certificates.ts'
import { startConnectProxy } from '../support/connect-proxy.ts'
import { hufudHeaders, problemHeaders, startTestServer } from './test-server.ts'
import { startTlsServer } from './tls-server.ts'

let made: Certificates
beforeAll(() => {
  made = makeCertificates()
})
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})
function closed<T extends { close(): Promise<unknown> }>(server: T): T {
  closing.push(server.close)
  return server
}

const options = { clock: systemClock, timeout: 10_000 }

const answering = async (aheadBy: number) =>
  closed(
    await startTestServer((_, response) => {
      const time = new Date(systemClock.now() + aheadBy).toISOString()
      response.writeHead(200, hufudHeaders).end(JSON.stringify({ status: 'ok', time }))
    }),
  )

it.each([0, 90_000, -90_000])(
  'tells that a server is well, its version, and a clock that is %i ms ahead',
  async ahead => {
    const server = await answering(ahead)
    const { clockSkewMs, ...found } = await diagnoseServer(server.origin, options)
    expect(found).toEqual({ reachable: true, version: '0.1.0' })
    expect(Math.abs((clockSkewMs ?? Number.NaN) - ahead)).toBeLessThan(2000)
  },
)

it('tells of a server that is there and does not serve, with the time of its header', async () => {
  const server = closed(
    await startTestServer((_, response) => {
      const date = new Date(systemClock.now() - 60_000).toUTCString()
      response.writeHead(503, { ...problemHeaders, date }).end('{"code":"busy","title":"The server is busy."}')
    }),
  )
  const { clockSkewMs, ...found } = await diagnoseServer(server.origin, options)
  expect(found).toMatchObject({ reachable: true, version: '0.1.0', reason: 'busy' })
  expect(Math.abs((clockSkewMs ?? Number.NaN) + 60_000)).toBeLessThan(2000)
})

it('tells the TLS of a server, and what is wrong with it where it is not trusted', async () => {
  const server = closed(await startTlsServer(made.good))
  const found = await diagnoseServer(server.origin, { ...options, ca: made.root.cert })
  expect(found).toMatchObject({ reachable: true, tls: { protocol: 'TLSv1.3', issuer: 'Example Root (Example Ltd)' } })
  const middlebox = closed(await startTlsServer(made.intercepted))
  expect(await diagnoseServer(middlebox.origin, { ...options, ca: made.root.cert })).toMatchObject({
    reachable: false,
    reason: 'tls_certificate_untrusted',
    tls: { issuer: 'Middlebox Root (Middlebox Inc)' },
  })
  const expired = closed(await startTlsServer(made.expired))
  expect(await diagnoseServer(expired.origin, { ...options, ca: made.root.cert })).toMatchObject({
    reason: 'tls_certificate_expired',
    tls: { expiresAt: '2020-02-01T00:00:00.000Z' },
  })
})

it('tells the proxy that is between, without its password', async () => {
  const server = closed(await startTlsServer(made.good))
  const proxy = closed(await startConnectProxy({ to: server.port, credentials: 'alice:secret' }))
  const origin = 'https://accounts.example.org'
  const via = (user: string) =>
    diagnoseServer(origin, {
      ...options,
      ca: made.root.cert,
      proxy: proxyFor(origin, { HTTPS_PROXY: `http://${user}@127.0.0.1:${proxy.port}` }),
    })
  const viaProxy = `127.0.0.1:${proxy.port}`
  expect(await via('alice:secret')).toMatchObject({ reachable: true, viaProxy })
  const refused = await via('alice:wrong')
  expect(refused).toMatchObject({ reachable: false, reason: 'proxy_authentication', viaProxy })
  expect(JSON.stringify(refused)).not.toContain('wrong')
})

it('tells why nothing is there, what else is there, and that nothing answers', async () => {
  const gone = await startTestServer(() => {})
  await gone.close()
  expect(await diagnoseServer(gone.origin, options)).toMatchObject({ reachable: false, reason: 'connection_refused' })
  const web = closed(await startTestServer((_, response) => void response.writeHead(200).end('<html>')))
  expect(await diagnoseServer(web.origin, options)).toMatchObject({ reachable: false, reason: 'server_not_hufud' })
  const silent = createServer(() => {})
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  closing.push(async () => silent.close())
  const address = silent.address()
  const port = typeof address === 'object' ? address?.port : 0
  const hung = await diagnoseServer(`http://127.0.0.1:${port}`, { ...options, timeout: 200 })
  expect(hung).toMatchObject({ reachable: false, reason: 'server_timeout' })
  await expect(diagnoseServer('http://elsewhere.example', options)).rejects.toMatchObject({ code: 'server_insecure' })
})
