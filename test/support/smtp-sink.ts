import type { AddressInfo, Socket } from 'node:net'
import { SMTPServer, type SMTPServerAuthentication, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server'
import type { SmtpConfig } from '../../src/server/config/config.ts'
import { type ParsedMail, parseMail } from './parsed-mail.ts'
import type { TlsCertificate } from './tls-certificate.ts'
import { until } from './until.ts'

export interface SunkMail extends ParsedMail {
  /** Of the envelope. */
  readonly from: string
  readonly to: readonly string[]
  readonly raw: Buffer
  /** Of the connection that brought it. */
  readonly sessionId: string
  readonly secure: boolean
  readonly user: string | undefined
  readonly smtpUtf8: boolean
}

/** A refusal (`550 5.1.1 no such user`), an answer that never comes, or the connection's end. */
export type SmtpFault = string | 'hang' | 'cut' | undefined

/** What goes wrong, asked each time. `data` is while the mail comes, `dot` after its end, when it is kept already. */
export interface SmtpFaults {
  connect?: () => SmtpFault
  login?: (auth: SMTPServerAuthentication) => SmtpFault
  mail?: (from: string) => SmtpFault
  rcpt?: (to: string) => SmtpFault
  data?: () => SmtpFault
  dot?: (mail: SunkMail) => SmtpFault
}

/** No faults but what `login` says; each mail is put where people find it, with the code at its subject's end. */
export const inboxFaults = (
  inbox: { deliver(message: { channel: 'email'; to: string; code: string | null; text: string }): void },
  login?: SmtpFaults['login'],
): SmtpFaults => ({
  ...(login ? { login } : {}),
  dot({ to, text, header }) {
    const [code = null] = /\d{6}$/.exec(header('subject')) ?? []
    for (const address of to) inbox.deliver({ channel: 'email', to: address, code, text })
    return undefined
  },
})

export interface SmtpSink {
  readonly port: number
  /** In the order of their last dots. */
  readonly mails: readonly SunkMail[]
  readonly faults: SmtpFaults
  /** Waits for the next mail to `address` that was not given yet. */
  mailTo(address: string): Promise<SunkMail>
  /** How many connections were opened so far. */
  readonly opened: number
  /** Ends all connections from this side. */
  drop(): void
  /** What openSmtp takes for it. */
  config(changes?: Partial<SmtpConfig>): SmtpConfig
  close(): Promise<void>
}

export interface SmtpSinkOptions {
  /** `none`, if left out. */
  readonly security?: SmtpConfig['security']
  /** For TLS. */
  readonly certificate?: TlsCertificate
  readonly faults?: SmtpFaults
  /** Calls `done` when the server is to answer the end of a mail, which it has kept by then. */
  readonly slow?: (done: () => void) => void
  /** Further options of smtp-server. */
  readonly server?: SMTPServerOptions
}

/** A real SMTP server on 127.0.0.1 that keeps what it takes, and fails as it is told. */
export async function startSmtpSink({
  security = 'none',
  certificate,
  faults = {},
  slow = done => done(),
  server: options = {},
}: SmtpSinkOptions = {}): Promise<SmtpSink> {
  const mails: SunkMail[] = []
  const given = new Set<SunkMail>()
  const sockets = new Map<number, Socket>()
  let opened = 0

  const answer = (fault: SmtpFault, session: SMTPServerSession, done: (error?: Error | null) => void): void => {
    if (fault === undefined) done()
    else if (fault === 'cut') sockets.get(session.remotePort)?.destroy()
    else if (fault !== 'hang') {
      const [, code, words] = /^(\d{3}) (.*)$/.exec(fault) ?? []
      done(Object.assign(new Error(words), { responseCode: Number(code) }))
    }
  }

  const server = new SMTPServer({
    secure: security === 'tls',
    ...certificate,
    disabledCommands: security === 'starttls' ? [] : ['STARTTLS'],
    authOptional: true,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 100,
    onConnect: (session, done) => answer(faults.connect?.(), session, done),
    onAuth(auth, session, done) {
      answer(faults.login?.(auth), session, error => (error ? done(error) : done(null, { user: auth.username ?? '' })))
    },
    onMailFrom: ({ address }, session, done) => answer(faults.mail?.(address), session, done),
    onRcptTo: ({ address }, session, done) => answer(faults.rcpt?.(address), session, done),
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      const early = faults.data?.()
      stream.on('data', (chunk: Buffer) => {
        if (early === 'cut') sockets.get(session.remotePort)?.destroy()
        chunks.push(chunk)
      })
      stream.on('end', () => {
        if (early !== undefined) {
          answer(early, session, done)
          return
        }
        const mail = sunk(Buffer.concat(chunks), session)
        mails.push(mail)
        slow(() => answer(faults.dot?.(mail), session, done))
      })
    },
    ...options,
  } as SMTPServerOptions)
  server.on('error', () => {})
  server.server.on('connection', (socket: Socket) => {
    opened++
    const port = socket.remotePort ?? 0
    sockets.set(port, socket)
    socket.once('close', () => sockets.delete(port))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.server.address() as AddressInfo
  const drop = () => {
    for (const socket of sockets.values()) socket.destroy()
  }
  return {
    port,
    mails,
    faults,
    mailTo: address =>
      until(`a mail to ${address}`, () => {
        const mail = mails.find(each => each.to.includes(address) && !given.has(each))
        if (mail) given.add(mail)
        return mail
      }),
    get opened() {
      return opened
    },
    drop,
    config: changes => ({
      host: '127.0.0.1',
      port,
      security,
      auth: undefined,
      ca: certificate?.cert,
      name: 'client.test',
      connections: 5,
      timeout: 5_000,
      ...changes,
    }),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        drop()
      }),
  }
}

const sunk = (raw: Buffer, session: SMTPServerSession): SunkMail => ({
  ...parseMail(raw),
  from: session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address,
  to: session.envelope.rcptTo.map(({ address }) => address),
  raw,
  sessionId: session.id,
  secure: session.secure,
  user: session.user,
  smtpUtf8: session.envelope.smtpUtf8 === true,
})
