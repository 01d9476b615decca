import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'

/** Where in a session something is answered; `dot` is the end of a mail. */
export type SmtpStep = 'connect' | 'EHLO' | 'STARTTLS' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'dot' | 'RSET' | 'QUIT'

/** Bytes instead of the usual answer, an answer that never comes, or the connection's end. */
export type RawAnswer = string | 'hang' | 'cut'

const usual: Readonly<Record<SmtpStep, string>> = {
  connect: '220 raw.test ESMTP\r\n',
  EHLO: '250-raw.test\r\n250 ENHANCEDSTATUSCODES\r\n',
  STARTTLS: '502 5.5.1 not implemented\r\n',
  AUTH: '535 5.7.8 no\r\n',
  MAIL: '250 2.1.0 ok\r\n',
  RCPT: '250 2.1.5 ok\r\n',
  DATA: '354 go on\r\n',
  dot: '250 2.0.0 ok\r\n',
  RSET: '250 2.0.0 ok\r\n',
  QUIT: '221 2.0.0 bye\r\n',
}

/** They may be changed while the server runs. */
export type RawAnswers = Partial<Record<SmtpStep, RawAnswer | ((socket: Socket) => void)>>

export interface RawSmtpServer {
  readonly port: number
  readonly mails: string[]
  readonly steps: SmtpStep[]
  /** Connections that have come to an end. */
  readonly ended: number
  close(): Promise<void>
}

/**
 * A server that speaks SMTP byte by byte, for what no honest one would say: each step's answer may be anything.
 * A function is handed the socket, to write as it likes.
 */
export async function startRawSmtpServer(answers: RawAnswers): Promise<RawSmtpServer> {
  const mails: string[] = []
  const steps: SmtpStep[] = []
  const sockets = new Set<Socket>()
  let ended = 0
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      sockets.delete(socket)
      ended += 1
    })
    const play = (step: SmtpStep) => {
      steps.push(step)
      const answer = answers[step] ?? usual[step]
      if (typeof answer === 'function') answer(socket)
      else if (answer === 'cut') socket.destroy()
      else if (answer !== 'hang') socket.write(answer)
    }
    let buffered = ''
    let inMail = false
    play('connect')
    socket.on('data', chunk => {
      buffered += chunk.toString('utf8')
      for (;;) {
        const end = inMail ? '\r\n.\r\n' : '\r\n'
        const at = buffered.indexOf(end)
        if (at === -1) return
        const line = buffered.slice(0, at)
        buffered = buffered.slice(at + end.length)
        if (inMail) mails.push(line)
        const step = inMail ? 'dot' : (line.split(' ')[0]?.toUpperCase().replace('HELO', 'EHLO') as SmtpStep)
        inMail = step === 'DATA' && (answers.DATA ?? usual.DATA).toString().startsWith('354')
        if (Object.hasOwn(usual, step)) play(step)
        else socket.write('500 5.5.2 what?\r\n')
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    steps,
    get ended() {
      return ended
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
