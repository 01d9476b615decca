import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { SMTPServerOptions } from 'smtp-server'
import { afterEach, describe, expect, test } from 'vitest'
import type { SmtpAuth } from '../../../../src/server/config/config.ts'
import { type SmtpFaults, startSmtpSink } from '../../../support/smtp-sink.ts'
import { codeMail, neverAborted, openMail, outcomeOf, password } from './mail-world.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const start = async (auth: SmtpAuth, faults: SmtpFaults, server: SMTPServerOptions, changes = {}) => {
  const sink = await startSmtpSink({ faults, server: { authOptional: false, ...server } })
  const provider = openMail(sink.config({ auth, timeout: 600, ...changes }))
  closing.push(sink.close, provider.close)
  return { sink, provider }
}

describe('by password', () => {
  const auth: SmtpAuth = { method: 'password', username: 'relay@hufu.example', password }

  test.each(['PLAIN', 'LOGIN'])('AUTH %s', async method => {
    const seen: unknown[] = []
    const faults: SmtpFaults = {
      login: given => {
        seen.push([given.method, given.username, given.password])
        return undefined
      },
    }
    const { sink, provider } = await start(auth, faults, { authMethods: [method] })
    await provider.check(neverAborted)
    await provider.send(codeMail(), neverAborted)
    expect(seen).toEqual(Array.from({ length: 2 }, () => [method, 'relay@hufu.example', password]))
    expect(sink.mails.map(({ user }) => user)).toEqual(['relay@hufu.example'])
  })

  test.each([
    ['535 5.7.8 no', 'misconfigured'],
    ['534 5.7.9 too weak', 'misconfigured'],
    ['538 5.7.11 encrypt', 'misconfigured'],
    ['503 5.5.1 not enabled', 'misconfigured'],
    ['454 4.7.0 cannot look it up now', 'unreachable'],
    ['421 4.3.2 going down', 'unreachable'],
  ] as const)('%s is %s, of a mail as of a check', async (reply, failure) => {
    const { sink, provider } = await start(auth, { login: () => reply }, { authMethods: ['PLAIN'] })
    const [numbers] = /^\d+ [\d.]+/.exec(reply) ?? []
    const expected = { failure, message: `smtp: answered ${numbers} to AUTH PLAIN` }
    expect(await outcomeOf(provider.send(codeMail(), neverAborted))).toEqual(expected)
    expect(await outcomeOf(provider.check(neverAborted))).toEqual(expected)
    expect(sink.mails).toEqual([])
  })

  test('a server that hangs or hangs up', async () => {
    for (const fault of ['hang', 'cut'] as const) {
      const { provider } = await start(auth, { login: () => fault }, { authMethods: ['PLAIN'] })
      expect((await outcomeOf(provider.send(codeMail(), neverAborted))).failure).toBe('unreachable')
      expect((await outcomeOf(provider.check(neverAborted))).failure).toBe('unreachable')
    }
  })

  test('a server that offers no AUTH is not sent mail without', async () => {
    const { sink, provider } = await start(auth, {}, { disabledCommands: ['STARTTLS', 'AUTH'], authOptional: true })
    expect((await outcomeOf(provider.send(codeMail(), neverAborted))).failure).toBe('misconfigured')
    expect((await outcomeOf(provider.check(neverAborted))).failure).toBe('misconfigured')
    expect(sink.mails).toEqual([])
  })

  test('an empty password is a mistake of ours', async () => {
    const { provider } = await start({ ...auth, password: '' }, {}, { authMethods: ['PLAIN'] })
    expect((await outcomeOf(provider.send(codeMail(), neverAborted))).failure).toBe('misconfigured')
  })
})

test('a check sends nothing to anybody', async () => {
  const sink = await startSmtpSink({
    faults: { mail: () => expect.unreachable('a check began a mail'), rcpt: () => '550 no' },
  })
  const provider = openMail(sink.config())
  closing.push(sink.close, provider.close)
  await provider.check(neverAborted)
  expect(sink.opened).toBe(1)
})

describe('by XOAUTH2', () => {
  /** An RFC 6749 token endpoint, with what it was asked. */
  const startTokens = async (answer: (asked: URLSearchParams, response: ServerResponse, count: number) => void) => {
    const asked: URLSearchParams[] = []
    const server = createServer((request: IncomingMessage, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        asked.push(new URLSearchParams(Buffer.concat(chunks).toString()))
        answer(asked.at(-1) ?? new URLSearchParams(), response, asked.length)
      })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    closing.push(async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    })
    const auth: SmtpAuth = {
      method: 'xoauth2',
      username: 'relay@hufu.example',
      clientId: 'client-id',
      clientSecret: 'client-secret',
      refreshToken: 'refresh-token',
      tokenUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    }
    return { asked, auth }
  }
  const json = (response: ServerResponse, body: unknown, status = 200) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  const granting = (response: ServerResponse, count: number, expires_in = 3600) =>
    json(response, { access_token: `access-token-${count}`, token_type: 'Bearer', expires_in })
  /** A server that takes these tokens, and says no as Google does: a challenge, then 535. */
  const taking = (isGood: (token: string | undefined) => boolean, seen: unknown[] = []): SMTPServerOptions => ({
    authMethods: ['XOAUTH2'],
    onAuth(given, _session, done) {
      seen.push(given.accessToken)
      if (isGood(given.accessToken)) done(null, { user: given.username })
      else done(null, { data: { status: '401', schemes: 'bearer' } })
    },
  })

  test('one access token serves all connections until it expires', async () => {
    const { asked, auth } = await startTokens((_, response, count) => granting(response, count))
    const seen: unknown[] = []
    const { sink, provider } = await start(
      auth,
      {},
      taking(token => token === 'access-token-1', seen),
    )
    await provider.check(neverAborted)
    await Promise.all(Array.from({ length: 20 }, () => provider.send(codeMail(), neverAborted)))
    expect(sink.mails).toHaveLength(20)
    expect(new Set(sink.mails.map(({ user }) => user))).toEqual(new Set(['relay@hufu.example']))
    expect(seen.length).toBeGreaterThan(1)
    expect(asked.map(each => Object.fromEntries(each))).toEqual([
      {
        grant_type: 'refresh_token',
        client_id: 'client-id',
        client_secret: 'client-secret',
        refresh_token: 'refresh-token',
      },
    ])
  })

  test('one that has expired is fetched again before it is used', async () => {
    const { asked, auth } = await startTokens((_, response, count) => granting(response, count, 1))
    const seen: unknown[] = []
    const { provider } = await start(
      auth,
      {},
      taking(() => true, seen),
    )
    await provider.check(neverAborted)
    await new Promise(resolve => setTimeout(resolve, 1_100))
    await provider.check(neverAborted)
    expect(seen).toEqual(['access-token-1', 'access-token-2'])
    expect(asked).toHaveLength(2)
  })

  test('one that the server no longer takes is renewed at once', async () => {
    const { asked, auth } = await startTokens((_, response, count) => granting(response, count))
    const good = { token: 'access-token-1' }
    const { sink, provider } = await start(
      auth,
      {},
      taking(token => token === good.token),
      { connections: 1 },
    )
    await provider.send(codeMail(), neverAborted)
    good.token = 'access-token-2'
    sink.drop()
    await new Promise(resolve => setTimeout(resolve, 100))
    await provider.send(codeMail(), neverAborted)
    expect(sink.mails).toHaveLength(2)
    expect(asked).toHaveLength(2)
  })

  test('one that the server refuses without a challenge is not kept', async () => {
    const { asked, auth } = await startTokens((_, response, count) => granting(response, count))
    const login: SmtpFaults['login'] = given => (given.accessToken === 'access-token-1' ? '535 5.7.3 no' : undefined)
    const { sink, provider } = await start(auth, { login }, { authMethods: ['XOAUTH2'] })
    expect(await outcomeOf(provider.send(codeMail(), neverAborted))).toEqual({
      failure: 'misconfigured',
      message: 'smtp: answered 535 5.7.3 to AUTH XOAUTH2',
    })
    await provider.send(codeMail(), neverAborted)
    expect([sink.mails.length, asked.length]).toEqual([1, 2])
  })

  test('a server that takes none', async () => {
    const { auth } = await startTokens((_, response, count) => granting(response, count))
    const { provider } = await start(
      auth,
      {},
      taking(() => false),
    )
    expect((await outcomeOf(provider.send(codeMail(), neverAborted))).failure).toBe('misconfigured')
    expect((await outcomeOf(provider.check(neverAborted))).failure).toBe('misconfigured')
  })

  test.each([
    ['invalid_grant', 400, 'misconfigured', 'the token endpoint answered invalid_grant'],
    ['invalid_client', 401, 'misconfigured', 'the token endpoint answered invalid_client'],
    ['consent_required', 400, 'misconfigured', 'the token endpoint answered consent_required'],
    ['temporarily_unavailable', 503, 'unreachable', 'failed with EOAUTH2 at AUTH XOAUTH2'],
    ['server_error', 500, 'unreachable', 'failed with EOAUTH2 at AUTH XOAUTH2'],
  ] as const)('the token endpoint says %s', async (error, status, failure, message) => {
    const { auth } = await startTokens((asked, response) =>
      json(response, { error, error_description: `refresh-token ${asked} of alice@wonderland.example` }, status),
    )
    const { provider } = await start(
      auth,
      {},
      taking(() => true),
    )
    const expected = { failure, message: `smtp: ${message}` }
    expect(await outcomeOf(provider.send(codeMail(), neverAborted))).toEqual(expected)
    expect(await outcomeOf(provider.check(neverAborted))).toEqual(expected)
  })

  test.each([
    ['no JSON', (response: ServerResponse) => response.end('<p>access-token of alice')],
    [
      'half an answer',
      (response: ServerResponse) => response.write('{"access_token":"access-token-', () => response.destroy()),
    ],
    ['no token', (response: ServerResponse) => json(response, {})],
    ['nothing', () => {}],
    ['a cut connection', (response: ServerResponse) => response.destroy()],
    ['another type', (response: ServerResponse) => json(response, 'access-token')],
  ])('the token endpoint answers with %s', async (_, answer) => {
    const { auth } = await startTokens((_asked, response) => void answer(response))
    const { sink, provider } = await start(
      auth,
      {},
      taking(() => true),
    )
    expect((await outcomeOf(provider.send(codeMail(), neverAborted))).failure).toBe('unreachable')
    expect(sink.mails).toEqual([])
  })
})
