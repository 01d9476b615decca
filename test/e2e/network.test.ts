import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Certificates, makeCertificates } from '../support/certificates.ts'
import { type ConnectProxy, type ConnectProxyOptions, startConnectProxy } from '../support/connect-proxy.ts'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { type HufuRun, hufu } from '../support/hufu.ts'
import { Person } from '../support/person.ts'
import { startTlsFront, type TlsFront } from '../support/tls-front.ts'

let made: Certificates
let server: EphemeralServer
let alice: Person
let folder: string
beforeAll(async () => {
  made = makeCertificates()
  server = await startEphemeral()
  alice = await Person.enrol(server)
  folder = mkdtempSync(join(tmpdir(), 'hufu-network-'))
  for (const name of ['root', 'stranger'] as const) writeFileSync(pem(name), made[name].cert)
})
afterAll(() => server.stop())
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const pem = (name: string) => join(folder, `${name}.pem`)
const named = 'https://accounts.example.org'

async function front(options: Parameters<typeof startTlsFront>[0] = made.good): Promise<TlsFront> {
  const found = await startTlsFront(options, Number(new URL(server.url).port))
  closing.push(found.close)
  return found
}
async function proxyTo(to: number, options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const found = await startConnectProxy({ to, ...options })
  closing.push(found.close)
  return found
}
const login = (url: string, env: Readonly<Record<string, string>>, ...args: string[]): Promise<HufuRun> =>
  alice.hufu(['login', alice.username, '--verify', 'password', '--server', url, ...args], { env })
const status = (url: string, env: Readonly<Record<string, string>>, ...args: string[]) =>
  alice.hufu(['status', '--server', url, ...args], { env })
const outcome = ({ exitCode, last }: HufuRun) => [exitCode, last.code, last.reason]

describe('a server behind a proxy', () => {
  it('is reached by HTTPS_PROXY or ALL_PROXY, and not by it where NO_PROXY exempts it', async () => {
    const { port } = await front()
    const proxy = await proxyTo(port, { credentials: 'al ice:s3cret' })
    const env = { HTTPS_PROXY: `http://al%20ice:s3cret@127.0.0.1:${proxy.port}`, HUFU_CA_FILE: pem('root') }
    expect((await login(named, env)).exitCode).toBe(0)
    expect((await status(named, env)).last).toMatchObject({ ok: true, username: alice.username })
    expect((await status(named, { ALL_PROXY: env.HTTPS_PROXY, HUFU_CA_FILE: pem('root') })).exitCode).toBe(0)
    const asked = proxy.asked.length
    expect(asked).toBe(3)
    const exempt = await status(named, { ...env, NO_PROXY: 'example.org' })
    expect([exempt.exitCode, exempt.last.code]).toEqual([7, 'server_unreachable'])
    const loopback = await login(server.url, { ...env, HTTP_PROXY: env.HTTPS_PROXY })
    expect(loopback.exitCode).toBe(0)
    expect(proxy.asked).toHaveLength(asked)
    expect(proxy.carried().toString('latin1')).not.toContain(alice.password)
  })

  it.each([
    ['refuse', 'proxy_refused', 'refuses to connect', '拒绝连接'],
    ['die', 'proxy_failed', 'as a proxy does', '不是代理'],
  ] as const)(
    'is not reached where the proxy is to %s, which is said in both languages',
    async (mood, reason, en, zh) => {
      const { port } = await front()
      const proxy = await proxyTo(port)
      proxy.mood = mood
      const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, HUFU_CA_FILE: pem('root') }
      const run = await login(named, env)
      expect(outcome(run)).toEqual([7, 'server_unreachable', reason])
      expect(run.stderr).toContain(en)
      expect(run.stderr).toContain(`127.0.0.1:${proxy.port}`)
      expect((await login(named, env, '--lang', 'zh-CN')).stderr.replace(/\s/g, '')).toContain(zh)
    },
  )

  it('tells no password of the proxy, whatever is asked to be told', async () => {
    const { port } = await front()
    const proxy = await proxyTo(port, { credentials: 'alice:right' })
    const env = {
      HTTPS_PROXY: `http://alice:wr0ng-secret@127.0.0.1:${proxy.port}`,
      HUFU_CA_FILE: pem('root'),
      DEBUG: '*',
      NODE_DEBUG: 'http,https,net,tls',
    }
    const encoded = Buffer.from('alice:wr0ng-secret').toString('base64')
    const run = await login(named, { ...env, NODE_DEBUG: '' }, '-v')
    expect(outcome(run)).toEqual([7, 'server_unreachable', 'proxy_authentication'])
    for (const secret of ['wr0ng-secret', encoded]) expect(run.stdout + run.stderr).not.toContain(secret)
    expect(run.stderr).toContain('HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT')
    const socks = await login(named, { ALL_PROXY: 'socks5://alice:wr0ng-secret@127.0.0.1:1080' }, '-v')
    expect(outcome(socks)).toEqual([2, 'proxy_invalid', undefined])
    expect(socks.stdout + socks.stderr).not.toContain('wr0ng-secret')
  })
})

describe('what a server is trusted by', () => {
  it('is the file of --ca-file, before HUFU_CA_FILE, and NODE_EXTRA_CA_CERTS without either', async () => {
    const { port } = await front()
    const url = `https://localhost:${port}`
    expect((await login(url, {}, '--ca-file', pem('root'))).exitCode).toBe(0)
    expect((await login(url, { HUFU_CA_FILE: pem('stranger') }, '--ca-file', pem('root'))).exitCode).toBe(0)
    expect((await login(url, { NODE_EXTRA_CA_CERTS: pem('root') })).exitCode).toBe(0)
    const untrusted = [7, 'server_unreachable', 'tls_certificate_untrusted']
    expect(outcome(await login(url, {}))).toEqual(untrusted)
    // A file takes the place of all else.
    const other = { NODE_EXTRA_CA_CERTS: pem('root') }
    expect(outcome(await login(url, other, '--ca-file', pem('stranger')))).toEqual(untrusted)
    expect(outcome(await login(url, { SSL_CERT_FILE: pem('root') }))).toEqual(untrusted)
  })

  it('is told with its issuer, and how to trust it, in both languages', async () => {
    const { port } = await front(made.intercepted)
    const url = `https://localhost:${port}`
    for (const language of ['en', 'zh-CN']) {
      const { stderr } = await login(url, {}, '--ca-file', pem('root'), '--lang', language)
      expect(stderr).toContain('Middlebox Root (Middlebox Inc)')
      expect(stderr).toContain('--ca-file')
    }
  })

  it('is never left out, whatever the environment says', async () => {
    const { port, connections } = await front(made.intercepted)
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_OPTIONS: '--tls-min-v1.0' }
    const run = await login(`https://localhost:${port}`, env, '--ca-file', pem('root'))
    expect(outcome(run)).toEqual([7, 'server_unreachable', 'tls_certificate_untrusted'])
    expect(connections()).toBeLessThanOrEqual(1)
    const old = await front({ ...made.good, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })
    const options = { NODE_OPTIONS: '--tls-min-v1.0 --tls-cipher-list=DEFAULT@SECLEVEL=0' }
    const tooOld = await login(`https://localhost:${old.port}`, options, '--ca-file', pem('root'))
    expect(outcome(tooOld)).toEqual([7, 'server_unreachable', 'tls_too_old'])
    expect(old.connections()).toBe(0)
    const proxied = await proxyTo(port)
    const through = { ...env, HTTPS_PROXY: `http://127.0.0.1:${proxied.port}`, HUFU_CA_FILE: pem('root') }
    expect(outcome(await login(named, through))).toEqual([7, 'server_unreachable', 'tls_certificate_untrusted'])
  })

  it('is a file that can be read, with certificates that all can be read', async () => {
    const cases: [name: string, text: string][] = [
      ['empty', ''],
      ['key', made.root.key],
      ['cut', made.root.cert.slice(0, 200)],
      ['half', `${made.root.cert}${made.stranger.cert.slice(0, 200)}`],
      ['garbled', made.root.cert.replace(/[A-Z]{2}/, '!!')],
      ['second', `${made.root.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`],
    ]
    for (const [name, text] of cases) {
      writeFileSync(pem(name), text)
      const run = await hufu(['login', 'alice', '--server', named, '--ca-file', pem(name)])
      expect(outcome(run), name).toEqual([2, 'input_malformed', undefined])
      expect(run.stderr.replace(/\s/g, '')).toContain(pem(name))
    }
    const missing = await hufu(['login', 'alice', '--server', named], { env: { HUFU_CA_FILE: pem('nowhere') } })
    expect(outcome(missing)).toEqual([2, 'input_unreadable', undefined])
  })

  it('may be one of several in a file, with words between', async () => {
    const { port } = await front({ key: made.viaIntermediate.key, cert: made.viaIntermediate.chain })
    writeFileSync(pem('bundle'), `# ours — Größe\n${made.stranger.cert}\n# theirs\r\n${made.root.cert}`)
    expect((await login(`https://localhost:${port}`, {}, '--ca-file', pem('bundle'))).exitCode).toBe(0)
  })
})
