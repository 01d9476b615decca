import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Aiosmtpd, lacksAiosmtpd, startAiosmtpd } from '../support/aiosmtpd.ts'
import {
  type ConfiguredHufud,
  type Inbox,
  openInbox,
  startConfiguredHufud,
  textsThatTell,
} from '../support/configured-hufud.ts'
import { verifyDkim } from '../support/dkim-verify.ts'
import { freshAddress, Person } from '../support/person.ts'
import { inboxFaults, type SmtpSink, startSmtpSink } from '../support/smtp-sink.ts'
import { makeTlsCertificate } from '../support/tls-certificate.ts'
import { newestUndoSecret, undoSecretIn } from '../support/undo-link.ts'
import { until } from '../support/until.ts'

const certificate = makeTlsCertificate()
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const files = {
  'mail-ca.pem': certificate.cert,
  'dkim.pem': rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
}
const emailSection = (smtp: string) => `
email:
  from: Accounts <accounts@mail.hufu.example>
  smtp: { host: localhost, ca_file: mail-ca.pem, ${smtp} }
  dkim: { domain: hufu.example, selector: mail, key_file: dkim.pem }`
const signed = { domain: 'hufu.example', selector: 'mail' }
const bound = { item: 'email', replaced: false }

let inbox: Inbox
beforeAll(async () => {
  inbox = await openInbox()
})
afterAll(() => inbox.close())

describe.skipIf(lacksAiosmtpd())('through aiosmtpd, which insists on STARTTLS', () => {
  let smtp: Aiosmtpd
  let server: ConfiguredHufud
  beforeAll(async () => {
    smtp = await startAiosmtpd({ tls: certificate })
    server = await startConfiguredHufud({
      sections: () => [emailSection(`port: ${smtp.port}, security: starttls`)],
      files,
      outbox: inbox,
    })
  })
  afterAll(async () => {
    await server.close()
    await smtp.close()
  })

  it('an address is bound by a signed mail', async () => {
    const person = await Person.loggedIn(server)
    const address = freshAddress()
    const running = person.start([
      ...['bind', 'email', address, '--verify', 'password'],
      ...['--code-command', person.commandAwaiting('code')],
    ])
    const [mail] = await smtp.mails(1)
    if (!mail) throw new Error('no mail')
    expect(mail.defects).toEqual([])
    expect(mail.headers).toMatchObject({ to: address, 'auto-submitted': 'auto-generated' })
    expect(verifyDkim(mail.raw, rsa.publicKey)).toMatchObject(signed)
    const [code = ''] = /\d{6}$/.exec(mail.headers.subject ?? '') ?? []
    for (const { text } of mail.parts) expect(text).toContain(code)
    person.file('code', code)
    const run = await running.finished
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.last).toMatchObject(bound)
    const notice = (await smtp.mails(2)).find(({ headers }) => headers.subject !== mail.headers.subject)
    expect(notice?.headers.to).toBe(address)
    expect(textsThatTell(server.log(), [code, address])).toEqual([])
  })
})

/** The sink, and a hufud that sends through it. */
interface MailWorld {
  readonly sink: SmtpSink
  readonly server: ConfiguredHufud
  close(): Promise<void>
}

async function openMailWorld(
  security: 'tls' | 'starttls',
  sinkOptions: Parameters<typeof startSmtpSink>[0],
  smtp: string,
  secretFiles: Readonly<Record<string, string>>,
): Promise<MailWorld> {
  const sink = await startSmtpSink({ ...sinkOptions, security, certificate })
  const server = await startConfiguredHufud({
    sections: () => [emailSection(`port: ${sink.port}, security: ${security}, username: relay@hufu.example, ${smtp}`)],
    secretFiles,
    files,
    outbox: inbox,
  })
  return {
    sink,
    server,
    async close() {
      await server.close()
      await sink.close()
    },
  }
}

/** Binds `address`, by a code that confirms it and by one that its new mailbox gets. */
async function bind(person: Person, address: string, method: 'password' | 'email'): Promise<void> {
  const { args, env } = await person.answering(method, { bindTo: address })
  const run = await person.hufu(['bind', 'email', address, ...args], { env })
  expect(run.exitCode, run.stderr).toBe(0)
}

describe('STARTTLS, with a password', () => {
  const password = 'relay password 7c21'
  let world: MailWorld
  beforeAll(async () => {
    const faults = inboxFaults(inbox, auth => (auth.password === password ? undefined : '535 5.7.8 no'))
    const server = { authOptional: false, authMethods: ['PLAIN'] }
    world = await openMailWorld('starttls', { faults, server }, 'auth: password', { HUFUD_SMTP_PASSWORD: password })
  })
  afterAll(() => world.close())

  it('a code by mail confirms that another address takes its place; the link at the old one undoes that', async () => {
    const { sink, server } = world
    const person = await Person.loggedIn(server)
    const [first, thiefs] = [freshAddress(), freshAddress()]
    await bind(person, first, 'password')
    person.email = first
    const before = await person.item('email')
    await bind(person, thiefs, 'email')
    expect((await person.item('email')).value).not.toBe(before.value)

    const secret = await newestUndoSecret(first, () => inbox.messages(first))
    await until('a notice at the new address', async () => (await inbox.messages(thiefs)).find(({ code }) => !code))
    expect((await inbox.messages(thiefs)).map(({ text }) => undoSecretIn(text))).not.toContain(secret)
    const url = `${server.url}/undo/${secret}`
    const page = await fetch(url, { headers: { 'accept-language': 'en' } })
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining(before.value ?? '-')])
    const done = await fetch(url, { method: 'POST', body: new URLSearchParams({ action: 'undo' }) })
    expect(done.status).toBe(200)
    expect((await person.hufu(['status'])).exitCode).toBe(3)
    const { args, env } = await person.answering('email')
    expect((await person.hufu(['login', person.username, ...args], { env })).exitCode).toBe(0)
    expect((await person.item('email')).value).toBe(before.value)

    for (const mail of sink.mails) {
      expect(mail).toMatchObject({ secure: true, user: 'relay@hufu.example', from: 'accounts@mail.hufu.example' })
      expect(verifyDkim(mail.raw, rsa.publicKey)).toMatchObject(signed)
    }
    const codes = [...(await inbox.messages(first)), ...(await inbox.messages(thiefs))].map(({ code }) => code ?? '')
    expect(codes.filter(Boolean)).toHaveLength(4)
    expect(textsThatTell(server.log(), [...codes, first, thiefs, secret, password])).toEqual([])
  })
})

describe('TLS from the first byte on, with XOAUTH2', () => {
  const secrets = { HUFUD_SMTP_REFRESH_TOKEN: 'refresh-token-5e', HUFUD_SMTP_CLIENT_SECRET: 'client-secret-5e' }
  const accessToken = 'access-token-5e'
  const asked: Record<string, string>[] = []
  const tokens = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      asked.push(Object.fromEntries(new URLSearchParams(body)))
      response.end(JSON.stringify({ access_token: accessToken, token_type: 'Bearer', expires_in: 3600 }))
    })
  })
  let world: MailWorld
  beforeAll(async () => {
    await new Promise<void>(resolve => tokens.listen(0, '127.0.0.1', resolve))
    const tokenUrl = `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`
    const faults = inboxFaults(inbox, auth => (auth.accessToken === accessToken ? undefined : '535 5.7.8 no'))
    const server = { authOptional: false, authMethods: ['XOAUTH2'] }
    const smtp = `auth: xoauth2, client_id: client-5e, token_url: '${tokenUrl}'`
    world = await openMailWorld('tls', { faults, server }, smtp, secrets)
  })
  afterAll(async () => {
    await world.close()
    await new Promise(resolve => tokens.close(resolve))
  })

  it('an address is bound', async () => {
    const person = await Person.loggedIn(world.server)
    const address = freshAddress()
    await bind(person, address, 'password')
    expect((await person.item('email')).set).toBe(true)
    expect(world.sink.mails.map(({ secure, user }) => [secure, user])[0]).toEqual([true, 'relay@hufu.example'])
    expect(asked[0]).toEqual({
      grant_type: 'refresh_token',
      client_id: 'client-5e',
      client_secret: secrets.HUFUD_SMTP_CLIENT_SECRET,
      refresh_token: secrets.HUFUD_SMTP_REFRESH_TOKEN,
    })
    expect(textsThatTell(world.server.log(), [address, accessToken, ...Object.values(secrets)])).toEqual([])
  })
})
