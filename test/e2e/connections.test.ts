import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type EphemeralServer, startEphemeral } from '../support/ephemeral-server.ts'
import { type FakeServer, sayAsHufud, startFakeServer } from '../support/fake-server.ts'
import { freshHome, type HufuRun, hufu } from '../support/hufu.ts'
import { freshAddress, Person } from '../support/person.ts'

const fakes: Pick<FakeServer, 'close'>[] = []
afterEach(async () => {
  for (const fake of fakes.splice(0)) await fake.close()
})

async function fake(...given: Parameters<typeof startFakeServer>): Promise<FakeServer> {
  const server = await startFakeServer(...given)
  fakes.push(server)
  return server
}

const expectRefused = (run: HufuRun, exitCode: number, code: string) =>
  expect([run.exitCode, run.last.event, run.last.code], run.stderr).toEqual([exitCode, 'error', code])

const login = (url: string) =>
  hufu(['login', 'alice', '--verify', 'password', '--server', url], { env: { HUFU_PASSWORD: 'her secret password' } })

/** A home whose file of logins holds a session with `url`. */
function homeLoggedIn(url: string, expiresAt: string): { home: string; file: string } {
  const home = freshHome()
  const folder = join(home, 'config', 'hufu')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const session = { username: 'alice', sessionSecret: 's'.repeat(43), sessionId: 'i'.repeat(22), expiresAt }
  const file = join(folder, 'logins.json')
  const stored = { version: 1, defaultServer: url, sessions: { [url]: { default: session } } }
  writeFileSync(file, JSON.stringify(stored), { mode: 0o600 })
  return { home, file }
}
const future = '2999-01-01T00:00:00.000Z'

describe('a server', () => {
  it('that nobody runs', async () => {
    const gone = await startFakeServer(() => {})
    await gone.close()
    const run = await login(gone.url)
    expectRefused(run, 7, 'server_unreachable')
    expect(run.stderr).toContain(gone.url)
    expect(run.stderr).not.toContain('her secret password')
  })

  it('that does not exist', async () => {
    expectRefused(await login('https://no-such-host.invalid'), 7, 'server_unreachable')
  })

  it('that hangs up', async () => {
    const server = await fake(({ socket }) => void socket.destroy())
    expectRefused(await login(server.url), 7, 'server_unreachable')
  })

  it('that is something else', async () => {
    const web = await fake((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end('<h1>It works!</h1>')
    })
    expectRefused(await login(web.url), 7, 'server_not_hufud')
    // It is told apart before it gets a password.
    expect(web.requests).toEqual(['POST /v1/logins'])
    const listener = createServer(socket => {
      socket.on('error', () => {})
      socket.write('SSH-2.0-OpenSSH_9.6\r\n', () => socket.destroySoon())
    })
    await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
    fakes.push({ close: () => new Promise(resolve => listener.close(() => resolve())) })
    const address = listener.address()
    const port = typeof address === 'object' && address ? address.port : 0
    expectRefused(await login(`http://127.0.0.1:${port}`), 7, 'server_not_hufud')
  })

  it.each([
    ['is no JSON', 201, '<html>'],
    ['is cut off', 201, '{"login_id":"'],
    ['is of another shape', 201, { login_id: 7 }],
    ['has an empty body', 201, ''],
    ['has another status', 200, { login_id: 'a'.repeat(22), expires_at: future, methods: [] }],
    ['is a redirection', 302, ''],
    ['is a refusal without a code', 403, { title: 'No.' }],
    ['is a refusal that is no JSON', 500, 'Internal Server Error'],
    ['is endless', 201, 'x'.repeat(2 * 1024 * 1024)],
  ])('whose answer %s', async (_name, status, body) => {
    const server = await fake((_request, response) => sayAsHufud(response, status, body))
    const run = await login(server.url)
    expectRefused(run, 7, 'answer_malformed')
    expect(server.requests).toEqual(['POST /v1/logins'])
  })

  it('that fails says so', async () => {
    const server = await fake((_request, response) =>
      sayAsHufud(response, 500, { code: 'internal_error', title: 'The server failed.', status: 500 }),
    )
    expectRefused(await login(server.url), 7, 'internal_error')
  })

  it.each([
    'http://accounts.example.org',
    'http://192.0.2.1:8420',
    'http://localhost.example.org',
    'http://127.1.example',
  ])('over plain http, %s, gets nothing', async url => expectRefused(await login(url), 2, 'server_insecure'))

  it.each(['accounts.example.org', 'ftp://example.org', 'https://a:b@example.org', 'https://example.org/path'])(
    'named wrongly, %s',
    async url => expectRefused(await login(url), 2, 'server_url_invalid'),
  )
})

describe('control characters', () => {
  const hostile = '\u001b[2J\u001b]0;title\u0007\u009b31mred\u202egnp\u0000\u0008'
  const evil = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

  it('in a refusal reach nobody', async () => {
    const server = await fake((_request, response) =>
      sayAsHufud(response, 403, { code: `newer_code${hostile}`, title: hostile, detail: `No${hostile}!`, status: 403 }),
    )
    for (const args of [[], ['-v']]) {
      const { home } = homeLoggedIn(server.url, future)
      const run = await hufu(['status', ...args], { home })
      expect(run.exitCode).toBe(4)
      expect(run.stderr).toContain('No')
      expect(run.stderr).not.toMatch(evil)
      expect(JSON.stringify(run.events.map(event => Object.values(event)))).not.toContain('u001b')
    }
  })

  it('in an answer reach no screen', async () => {
    const item = (name: string) => ({
      item: name,
      set: true,
      value: `v${hostile}`,
      bound_at: null,
      last_used_at: null,
      keys: [{ id: 'k'.repeat(22), name: `key${hostile}`, bound_at: future, last_used_at: null }],
    })
    const server = await fake((_request, response) =>
      sayAsHufud(response, 200, {
        username: `alice${hostile}`,
        items: ['password', 'phone', 'email', 'totp', 'wechat', 'webauthn'].map(item),
        recovery_codes_left: 0,
        session: { id: 'i'.repeat(22), expires_at: future },
      }),
    )
    const { home } = homeLoggedIn(server.url, future)
    const run = await hufu(['status'], { home })
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.stderr).toContain('alice')
    expect(run.stderr).not.toMatch(evil)
    expect(run.stdout.replaceAll('\n', '')).not.toMatch(evil)
  })
})

describe('a session', () => {
  let server: EphemeralServer
  beforeAll(async () => {
    server = await startEphemeral()
  })
  afterAll(() => server.stop())

  const commands = [
    ['status'],
    ['logout'],
    ['passwd'],
    ['bind', 'phone', '+8613800138000'],
    ['bind', 'email', 'a@example.org'],
    ['bind', 'totp'],
    ['bind', 'wechat'],
    ['bind', 'webauthn'],
    ['unbind', 'phone'],
    ['recovery-codes'],
    ['sessions'],
    ['log'],
  ]

  it.each(commands)('is needed by: %s %s', async (...command) => {
    const run = await hufu([...command.filter(word => word !== undefined), '--server', server.url])
    expectRefused(run, 3, 'not_logged_in')
    expect(run.stderr).toContain('hufu login')
  })

  it('that has expired is not even tried', async () => {
    const untouched = await fake((_request, response) => sayAsHufud(response, 500, ''))
    const { home } = homeLoggedIn(untouched.url, '2001-01-01T00:00:00.000Z')
    const run = await hufu(['status'], { home })
    expectRefused(run, 3, 'not_logged_in')
    expect(untouched.requests).toEqual([])
  })

  it('that the server has ended is forgotten here, and that says what to do', async () => {
    const person = await Person.loggedIn(server, { email: freshAddress() })
    const other = freshHome()
    const env = { HUFU_SERVER: server.url, HUFU_PASSWORD: person.password }
    await hufu(['login', person.username, '--verify', 'password'], { home: other, env })
    expect((await hufu(['sessions', 'revoke', '--others'], { home: other, env })).exitCode).toBe(0)
    expect(person.sessionSecret()).toBeDefined()
    const run = await person.hufu(['bind', 'phone', '+8613800138000'])
    expectRefused(run, 3, 'not_logged_in')
    expect(run.stderr).toContain('hufu login')
    expect(person.sessionSecret()).toBeUndefined()
  })

  it('that a stranger made up is forgotten, too', async () => {
    const { home, file } = homeLoggedIn(server.url, future)
    expectRefused(await hufu(['status'], { home }), 3, 'not_logged_in')
    expect(readFileSync(file, 'utf8')).not.toContain('sssss')
  })

  it('survives a server that fails', async () => {
    const failing = await fake((_request, response) =>
      sayAsHufud(response, 503, { code: 'busy', title: 'Busy.', status: 503 }),
    )
    const { home, file } = homeLoggedIn(failing.url, future)
    expectRefused(await hufu(['status'], { home }), 7, 'busy')
    expect(readFileSync(file, 'utf8')).toContain('s'.repeat(43))
  })
})
